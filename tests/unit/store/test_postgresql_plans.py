"""PostgreSQL's planner takes the index that fits, on tables that are as skewed as real ones."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firesteel.model.execution import Failure, State
from firesteel.store.history import MessageFilter
from firesteel.store.migrations.postgresql import migrate
from firesteel.store.postgresql.connection import (
    Address,
    PostgresqlConnection,
    Session,
    connect,
)
from firesteel.store.sql import activity, message_rows, payload_scan, retention
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.failure_groups import failure_groups
from firesteel.store.sql.lanes import LaneReader
from firesteel.store.sql.message_search import among, numbers_of_page, triggers_of
from firesteel.store.sql.results import encode_failure
from tests.conftest import Size
from tests.support.big_database import BigDatabase
from tests.support.postgres import Postgres

FAILURE = encode_failure(Failure("permanent", "permanent_error", "no such city"))
LIMIT_MS, MANY = 200.0, 1_000_000
# Tables of which no page may look at more rows than it shows and some.
LARGE = ("message", "execution", "search", "payload", "result")
WALKS = re.compile(rf"Seq Scan on ({'|'.join(LARGE)})\b")


class Explaining(PostgresqlConnection):
    """Keeps the plan of every statement that is run on it."""

    plans: list[list[str]]

    def execute(self, text: str, values: Any = (), /) -> Any:
        explained = super().execute(f"EXPLAIN (ANALYZE, TIMING OFF) {text}", values)
        self.plans.append([line for (line,) in explained])
        return super().execute(text, values)


@pytest.fixture(scope="module")
def big(postgres: Postgres, size: Size) -> Iterator[str]:
    """Most have succeeded, many have failed, many wait alone, many wait in lanes."""
    count = 20_000 if size == "quick" else 1_000_000
    with postgres.database() as url:
        migrate(Address(url))
        big = BigDatabase(url)
        for name, state, lane, failure, share in (
            ("Good", "succeeded", None, None, 0.6),
            ("Bad", "failed", None, FAILURE, 0.2),
            ("Waiting", "waiting", None, None, 0.1),
            ("Lanes", "waiting", "k0", None, 0.1),
        ):
            trigger_no = big.begin(name, state, lane=lane, failure=failure)
            big.multiply(trigger_no, int(count * share), lanes=count // 1000 if lane else 0)
        yield url


@pytest.fixture
def connection(big: str) -> Iterator[Explaining]:
    made = connect(Address(big), Session(60.0, plans="force_custom_plan"))
    explaining = Explaining(made.raw)
    explaining.plans = []
    made.begin_reading(60.0)
    yield explaining
    explaining.close()
    made.close()


PAGES: dict[str, dict[str, Any]] = {
    "first page": {},
    "by integration": {"integration": "Good"},
    "an older page": {"before_no": 15_000},
    "the oldest": {"oldest_first": True},
    "succeeded": {"state": State.SUCCEEDED},
    "succeeded, an older page": {"state": State.SUCCEEDED, "before_no": 15_000},
    "failed": {"state": State.FAILED},
    "failed, oldest": {"state": State.FAILED, "oldest_first": True, "after_no": 7},
    "failed, not repeated": {"state": State.FAILED, "unrepeated": True},
    "failed by code": {"state": State.FAILED, "failure_code": "permanent_error"},
    "failed of a consumer": {"state": State.FAILED, "consumer": "web shop"},
    "waiting": {"state": State.WAITING},
    "running": {"state": State.RUNNING},
    "cancelled": {"state": State.CANCELLED},
    "by consumer": {"consumer": "web shop"},
    "by consumer, an older page": {"consumer": "web shop", "before_no": 15_000},
    "of nobody": {"consumer": "nobody"},
    "by time": {"received_from_us": 1, "received_until_us": 2**61},
    "by sequence": {"sequence": 1200},
    "by search value": {"search": ("order_no", "A-100")},
    "by one search value": {"search": ("order_no", "A-100-1201")},
    "by search value, failed": {"search": ("order_no", "A-100"), "state": State.FAILED},
    "nothing found": {"search": ("order_no", "Z")},
}


@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_found_along_indexes(connection: Explaining, page: str) -> None:
    filter = MessageFilter(workspace="shop", **PAGES[page])
    numbers = numbers_of_page(connection, filter)
    message_rows.summaries(connection, numbers)
    among(connection, filter, numbers or [1000])
    check(connection)
    in_time(connection, lambda: numbers_of_page(connection, filter))


LANES = LaneReader(POSTGRESQL)
QUESTIONS: dict[str, Callable[[Explaining, int], object]] = {
    "a message": lambda c, no: message_rows.details(c, "m1000"),
    "failures": lambda c, no: failure_groups(c, MessageFilter(workspace="shop"), 100),
    "activity": lambda c, no: activity.of_triggers(c, [no]),
    "oldest waiting": lambda c, no: LANES.oldest_waiting_us(no)(c),
    "a piece of a search": lambda c, no: payload_scan.scan(
        c,
        MessageFilter(workspace="shop"),
        "Nowhere",
        payload_scan.Bounds(50, lambda: False),
    ),
    "what may go": lambda c, no: retention.find(
        c, [retention.Rule(no, 2**61, whole=True)], retention.Progress(), 500
    ),
}

# Nobody waits for the end of these: they are asked piece by piece.
IN_PIECES = ("a piece of a search", "what may go")


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_is_answered_along_indexes(connection: Explaining, question: str) -> None:
    ask = QUESTIONS[question]
    triggers = triggers_of(connection, MessageFilter(workspace="shop"))
    for trigger_no in triggers:
        ask(connection, trigger_no)
    check(connection)
    if question not in IN_PIECES:
        in_time(connection, lambda: [ask(connection, trigger_no) for trigger_no in triggers])


def test_what_waits_in_no_lane_is_seen_at_once(connection: Explaining) -> None:
    """The planner must know that a trigger has none, or it looks for them among all the others."""
    numbers_of_page(connection, MessageFilter(integration="Good", state=State.WAITING))
    assert connection.plans
    looked_at = [
        int(n) for plan in connection.plans for n in re.findall(r"Removed.*: (\d+)", str(plan))
    ]
    assert all(rows < 100 for rows in looked_at), connection.plans


def check(connection: Explaining) -> None:
    """No plan walks a large table."""
    assert connection.plans
    for plan in connection.plans:
        assert not [line for line in plan if WALKS.search(line)], "\n".join(plan)


def in_time(connection: Explaining, again: Callable[[], object]) -> None:
    """Where the tables are large, no answer is slow."""
    plain = PostgresqlConnection.execute
    connection.execute = plain.__get__(connection)  # type: ignore[method-assign]
    began = time.perf_counter()
    again()
    took_ms = (time.perf_counter() - began) * 1000
    print(f"{took_ms:.0f} ms")  # noqa: T201
    (count,) = connection.execute("SELECT count(*) FROM message").fetchall()[0]
    assert count < MANY or took_ms < LIMIT_MS, took_ms
