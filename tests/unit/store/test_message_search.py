"""Every filter of the list of messages has an index, and no question reads a payload."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.model.execution import Failure, State
from firesteel.store.history import MessageFilter
from firesteel.store.migrations import migrate
from firesteel.store.sql import message_search, payload_scan
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.failure_groups import failure_groups
from firesteel.store.sql.message_rows import summaries, targets
from firesteel.store.sql.message_search import among, numbers_of_page, questions
from firesteel.store.sql.queries import Prepared
from firesteel.store.sql.results import encode_failure
from firesteel.store.sqlite.connection import SqliteConnection

MESSAGES = "sqlite_autoindex_message_2"  # (trigger_no, sequence)
REPLAYS = "SCAN execution USING INDEX uq_execution_replay"  # few, and no others are in it


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteConnection]:
    migrate(tmp_path / "store.db")
    connection = sqlite3.connect(tmp_path / "store.db", factory=SqliteConnection)
    yield connection
    connection.close()


def plans(connection: SqliteConnection, filter: MessageFilter) -> list[list[str]]:
    """The steps of each question's plan."""
    asked = questions(filter, [1, 2], SQLITE)
    bounds = {"trigger_no": 1, "from_sequence": 0, "until_sequence": 9}
    return [
        [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {q.text}", q.bound(**bounds))]
        for q in (*asked.each, *asked.once)
    ]


@pytest.mark.parametrize(
    ("conditions", "indexes"),
    [
        ({}, ["ix_execution_trigger"]),
        ({"before_no": 7}, ["ix_execution_trigger"]),
        ({"state": State.FAILED}, ["ix_execution_unsuccessful"]),
        ({"state": State.CANCELLED}, ["ix_execution_unsuccessful"]),
        ({"state": State.SKIPPED, "consumer": "a"}, ["ix_execution_unsuccessful"]),
        ({"state": State.FAILED, "unrepeated": True}, ["ix_execution_unsuccessful"]),
        ({"state": State.FAILED, "failure_code": "a"}, ["ix_execution_unsuccessful"]),
        (
            {"state": State.FAILED, "oldest_first": True, "after_no": 1, "before_no": 9},
            ["ix_execution_unsuccessful"],
        ),
        ({"state": State.RUNNING}, ["ix_execution_running"]),
        (
            {"state": State.WAITING},
            ["ix_execution_ready", "ix_execution_due", "ix_execution_lane"],
        ),
        ({"consumer": "a"}, ["ix_message_consumer", "uq_execution_replay"]),
        ({"consumer": "a", "before_no": 7}, ["ix_message_consumer", "uq_execution_replay"]),
        ({"received_from_us": 1, "received_until_us": 2}, [MESSAGES, "uq_execution_replay"]),
        (
            {"received_from_us": 1, "consumer": "a"},
            ["ix_message_consumer", "uq_execution_replay"],
        ),
        ({"sequence": 7}, [MESSAGES, MESSAGES]),
        ({"search": ("a", "b")}, ["search USING PRIMARY KEY", "search USING PRIMARY KEY"]),
        (
            {"search": ("a", "b"), "state": State.FAILED, "consumer": "c"},
            ["search USING PRIMARY KEY", "search USING PRIMARY KEY"],
        ),
    ],
)
def test_each_filter_is_answered_along_its_index(
    connection: SqliteConnection, conditions: dict[str, Any], indexes: list[str]
) -> None:
    found = plans(connection, MessageFilter(**conditions))
    assert len(found) == len(indexes)
    for steps, index in zip(found, indexes, strict=True):
        assert index in steps[0]
        assert not [step for step in steps if step.startswith("SCAN") and step != REPLAYS]
        assert not any("payload" in step for step in steps)


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"state": State.FAILED},
        {"state": State.FAILED, "unrepeated": True},
        {"state": State.FAILED, "oldest_first": True, "after_no": 1},
        {"consumer": "a"},
        {"consumer": "a", "oldest_first": True},
        {"received_from_us": 1},
        {"search": ("a", "b")},
        {"search": ("a", "b"), "oldest_first": True},
    ],
)
def test_a_page_reads_no_more_than_it_shows(
    connection: SqliteConnection, conditions: dict[str, Any]
) -> None:
    """The first question yields its rows in order; sorting would read all before the first."""
    first = plans(connection, MessageFilter(**conditions))[0]
    assert not any("TEMP B-TREE" in step for step in first)


def test_no_list_reads_a_payload_or_what_an_execution_left(
    connection: SqliteConnection,
) -> None:
    """Traced: every table that SQLite reads for lists, counts, groups, bulk acts and live rows."""
    fill(connection)
    read: set[str] = set()

    def seen(action: int, table: str | None, *_more: object) -> int:
        if action == sqlite3.SQLITE_READ and table is not None:
            read.add(table)
        return sqlite3.SQLITE_OK

    connection.set_authorizer(seen)
    for conditions in (
        {},
        {"state": State.FAILED, "failure_code": "broken", "unrepeated": True},
        {"consumer": "a"},
        {"sequence": 1},
        {"search": ("order_no", "A1")},
        {"received_from_us": 0},
    ):
        filter = MessageFilter(workspace="w", **conditions)  # type: ignore[arg-type]
        numbers = numbers_of_page(connection, filter)
        assert numbers == [1], conditions
        assert len(summaries(connection, numbers)) == 1
        assert len(targets(connection, numbers)) == 1
        assert among(connection, filter, numbers) == {1}
        assert failure_groups(connection, filter, 10).looked_at == 1
    assert {"execution", "message", "search"} <= read
    assert not read & {"payload", "result", "replay_edit", "entry", "attempt"}


INTEGRATION = """
INSERT INTO integration (no, workspace_no, name, managed_by, created_at_us, concurrency,
    max_waiting, on_failure)
VALUES (1, 1, 'i', 'files', 0, 1, 1, 'continue')
"""
EXECUTION = """
INSERT INTO execution (no, message_no, run, trigger_no, version_no, position, state, failure)
VALUES (1, 1, 1, 1, 1, 1, 'failed', ?)
"""


def fill(connection: SqliteConnection) -> None:
    """One message that has failed."""
    for text in (
        "INSERT INTO workspace (no, name, created_at_us) VALUES (1, 'w', 0)",
        INTEGRATION,
        "INSERT INTO version VALUES (1, 1, 1, '{}', 0, 'ada')",
        "INSERT INTO message VALUES (1, 'm1', 1, 1, 5, 'a', NULL, NULL)",
        "INSERT INTO payload VALUES (1, x'00', x'00')",
        "INSERT INTO search VALUES (1, 'order_no', 'A1', 1)",
    ):
        connection.execute(text)
    failure = encode_failure(Failure("unknown", "broken", "it broke"))
    connection.execute(EXECUTION, (failure,))


def test_a_search_for_a_text_looks_at_one_execution_at_a_time(
    connection: SqliteConnection,
) -> None:
    statement = Prepared.of(payload_scan._statement([b"a", b"b"]), SQLITE)
    plan = [
        row[3]
        for row in connection.execute(
            f"EXPLAIN QUERY PLAN {statement.text}", statement.bound(number=1)
        )
    ]
    assert not [step for step in plan if step.startswith("SCAN")]
    assert all("INTEGER PRIMARY KEY" in step for step in plan), plan


TRIGGERS = 4
STATES = ("succeeded", "failed", "waiting")


def scatter(connection: SqliteConnection, chance: random.Random, count: int) -> dict[int, int]:
    """Executions of four triggers, of which one's hardly ever succeed; the trigger of each that
    did, by its number."""
    connection.execute("INSERT INTO workspace (no, name, created_at_us) VALUES (1, 'w', 0)")
    for no in range(1, TRIGGERS + 1):
        connection.execute(INTEGRATION.replace("(1, 1, 'i'", f"({no}, 1, 'i{no}'"))
    succeeded = {}
    for no in range(1, count + 1):
        trigger = chance.choice((1, 2, 2, 3, 4, 4, 4))
        weights = (1, 0, 90) if trigger == 4 else (5, 3, 2)
        (state,) = chance.choices(STATES, weights)
        connection.execute(
            "INSERT INTO execution (no, message_no, run, trigger_no, version_no, position, state)"
            " VALUES (?, ?, 1, ?, 1, ?, ?)",
            (no, no, trigger, no, state),
        )
        if state == "succeeded":
            succeeded[no] = trigger
    return succeeded


@pytest.mark.parametrize("seed", range(20))
def test_the_latest_that_succeeded_are_found_however_few_of_a_trigger_did(
    connection: SqliteConnection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(message_search, "_LATEST", chance.choice((1, 3, 10)))
    succeeded = scatter(connection, chance, 300)
    for integration in (None, "i1", "i4"):
        for before_no in (None, 150, 5, 1):
            limit = chance.choice((1, 4, 50))
            filter = MessageFilter(
                limit=limit, state=State.SUCCEEDED, integration=integration, before_no=before_no
            )
            expected = [
                no
                for no, trigger in sorted(succeeded.items(), reverse=True)
                if integration in (None, f"i{trigger}") and (before_no is None or no < before_no)
            ][:limit]
            assert numbers_of_page(connection, filter) == expected


def test_of_a_trigger_of_which_all_wait_no_more_is_read_than_the_page_goes_back(
    connection: SqliteConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in steps of SQLite's machine, a thousand at a time."""
    scatter(connection, random.Random(1), 0)
    row = "INSERT INTO execution (no, message_no, run, trigger_no, version_no, position, state)"
    for trigger, first, last, state in (
        (1, 1, 20_000, "waiting"),
        (2, 20_001, 20_100, "succeeded"),
    ):
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"{row} SELECT i, i, 1, ?, 1, i, ? FROM n",
            (first, last, trigger, state),
        )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1000)
    filter = MessageFilter(limit=50, state=State.SUCCEEDED)
    assert numbers_of_page(connection, filter) == list(range(20_100, 20_050, -1))
    assert steps < 20
    monkeypatch.setattr(message_search, "_LATEST", 30_000)  # the whole trigger, as a defect
    numbers_of_page(connection, filter)
    assert steps > 60
