"""P12: on PostgreSQL the journal's statements look at what they need and nothing more, however much
waits: planned as the writer's connection plans them, once for all values, and run on large tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql

from firesteel.store.ledger import acts_sql
from firesteel.store.ledger.claims import _sql as claims_sql
from firesteel.store.migrations.postgresql import migrate
from firesteel.store.postgresql import appends, claims, ledger, mirror, pen, sessions
from firesteel.store.postgresql.connection import (
    Address,
    PostgresqlConnection,
    connect,
    numbered,
)
from firesteel.store.postgresql.writer import _PLANS, _SESSION
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.statements import Statements
from tests.conftest import Size
from tests.support.big_database import BigDatabase
from tests.support.postgres import Postgres

LARGE = ("message", "execution", "payload", "result", "entry", "attempt", "idempotency", "search")
LANES = 50
MOST_ROWS = 120
"""That one statement looks at, of all large tables."""
SOON_US = 2**50
MAKE = Statements(POSTGRESQL)


@dataclasses.dataclass(frozen=True, slots=True)
class Numbers:
    """Triggers of which all waits alone, all waits in lanes, nothing waits; executions of them."""

    alone: int
    lanes: int
    good: int
    waiting: int
    in_lane: int
    running: int


@pytest.fixture(scope="module")
def big(postgres: Postgres, size: Size) -> Iterator[tuple[str, Numbers]]:
    """Most have ended, many wait alone, many in lanes, a few run or wait for their time."""
    count = 20_000 if size == "quick" else 1_000_000
    with postgres.database() as url:
        migrate(Address(url))
        made = BigDatabase(url)
        triggers = {}
        for name, state, lane in (
            ("Good", "succeeded", None),
            ("Alone", "waiting", None),
            ("Lanes", "waiting", "k0"),
        ):
            triggers[name] = made.begin(name, state, lane=lane)
            made.multiply(
                triggers[name], count // 2 if lane is None else count, lanes=LANES * bool(lane)
            )
        plain = url.replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            yield url, _some_run(connection, triggers)


def _some_run(connection: psycopg.Connection[Any], triggers: dict[str, int]) -> Numbers:
    def ask(text: str, trigger_no: int) -> list[int]:
        return [no for (no,) in connection.execute(text.encode(), (trigger_no,)).fetchall()]

    connection.execute("INSERT INTO session (no, started_at_us, lease_until_us) VALUES (9, 0, 0)")
    waiting = "SELECT no FROM execution WHERE trigger_no = %s AND state = 'waiting' ORDER BY no"
    alone = ask(f"{waiting} LIMIT 20", triggers["Alone"])
    in_lane = ask(f"{waiting} LIMIT 1", triggers["Lanes"])
    run = "UPDATE execution SET state = 'running', turn = false, session_no = 9 WHERE no = ANY (%s)"
    connection.execute(run, (alone[:5],))
    later = "UPDATE execution SET due_at_us = 5 WHERE no = ANY (%s)"
    connection.execute(later, (alone[5:10],))
    connection.execute("VACUUM (ANALYZE)")
    return Numbers(
        triggers["Alone"], triggers["Lanes"], triggers["Good"], alone[15], in_lane[0], alone[0]
    )


@pytest.fixture
def connection(big: tuple[str, Numbers]) -> Iterator[PostgresqlConnection]:
    """As the writer has it, in a transaction that is rolled back."""
    made = connect(Address(big[0]), _SESSION)
    made.command(_PLANS)
    made.begin()
    yield made
    made.rollback()
    made.close()


@pytest.fixture
def numbers(big: tuple[str, Numbers]) -> Numbers:
    return big[1]


LANE_KEYS = [f"k{n}" for n in range(1, 9)]


def hot(n: Numbers) -> dict[str, tuple[str, Sequence[Any]]]:
    """The statements of the journal's transactions, with values of theirs."""
    own = claims_sql(MAKE)
    lanes = ([n.lanes] * len(LANE_KEYS), LANE_KEYS)
    triggers = [n.alone, n.lanes, n.good]
    one_claim = ([9], [1], [1], [1], [0], [0], [n.waiting], 1)
    settled = ([n.running], [0], ["succeeded"], [0], [1], [0], [None], [None], [1], [0], [1], [0])
    return {
        "what may run alone": (own.ready, (n.alone, 8)),
        "what may run in lanes": (own.ready, (n.lanes, 8)),
        "what may run of nothing": (own.ready, (n.good, 8)),
        "a lane's head": (own.head, (n.lanes, "k7")),
        "who is next in a lane": (own.next_in_lane, (n.lanes, "k7")),
        "heads of lanes": (claims._WHOLE_HEADS, lanes),
        "numbers of heads": (claims._BARE_HEADS, lanes),
        "turns": (claims._GIVE_TURNS, ([n.in_lane],)),
        "journals": (claims._JOURNALS, ([n.waiting, n.running],)),
        "lanes that are not known": (mirror._LANES_ASKED, lanes),
        "what runs here": (mirror._RUNNING, (9,)),
        "the next that is due": (mirror._NEXT_DUE, ()),
        "triggers with something due": (ledger._DUE, (SOON_US, 500)),
        "what is due": (claims._RIPEN, (SOON_US, triggers, 500)),
        "a look around": (ledger._LOOK, (SOON_US,)),
        "a look at what others left": (ledger._OF_OTHERS, (9,)),
        "triggers of executions": (ledger._TRIGGERS_OF, ([n.waiting, n.in_lane],)),
        "keys": (appends._KNOWN, ([n.alone], ["web shop"], ["k"])),
        "orphans": (sessions._ORPHANED, (SOON_US,)),
        "a claim": (pen._CLAIM, one_claim),
        "a settlement": (pen._SETTLE, (*settled, [""], [""], b"", b"", b"", 1)),
    }


def looked_at(connection: PostgresqlConnection, text: str, values: Sequence[Any]) -> int:
    """Rows of large tables that the statement looks at, with one plan for all values."""
    raw = connection.raw
    raw.execute(b"PREPARE hot AS " + numbered(text), prepare=False)
    given = sql.SQL(", ").join(sql.Literal(value) for value in values)
    call = sql.SQL("hot({})").format(given) if values else sql.SQL("hot")
    explain = sql.SQL("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE ") + call
    ((plan,),) = raw.execute(explain.as_string(raw).encode(), prepare=False).fetchall()
    raw.execute(b"DEALLOCATE hot", prepare=False)
    return sum(_rows(node) for node in _nodes(plan[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _rows(node: dict[str, Any]) -> int:
    if "Scan" not in node["Node Type"] or node.get("Relation Name") not in LARGE:
        return 0
    removed = sum(rows for name, rows in node.items() if name.startswith("Rows Removed"))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


@pytest.mark.parametrize("name", hot(Numbers(*range(6))))
def test_p12_a_statement_of_the_journal_looks_at_few_rows_however_many_wait(
    connection: PostgresqlConnection, numbers: Numbers, name: str
) -> None:
    text, values = hot(numbers)[name]
    assert looked_at(connection, text, values) <= MOST_ROWS


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("ix_execution_ready", "what may run of nothing"),
        ("ix_execution_lane", "heads of lanes"),
        ("ix_execution_due", "what is due"),
        ("ix_execution_running", "orphans"),
    ],
)
def test_it_fails_without_its_index(
    connection: PostgresqlConnection, numbers: Numbers, index: str, name: str
) -> None:
    connection.command(f"DROP INDEX {index}")
    text, values = hot(numbers)[name]
    assert looked_at(connection, text, values) > MOST_ROWS


def acts() -> dict[str, str]:
    """What people's acts ask and write."""
    return dataclasses.asdict(acts_sql.acts_sql(MAKE))


@pytest.mark.parametrize("name", acts())
def test_no_act_walks_a_large_table(connection: PostgresqlConnection, name: str) -> None:
    explain = b"EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + numbered(acts()[name])
    ((plan,),) = connection.raw.execute(explain, prepare=False).fetchall()
    walked = [
        node["Relation Name"]
        for node in _nodes(plan[0]["Plan"])
        if node.get("Relation Name") in LARGE
        and "Scan" in node["Node Type"]
        and "Index Cond" not in node
    ]
    assert walked == []
