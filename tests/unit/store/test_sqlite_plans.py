"""The hot queries of the journal read what they need and nothing more, whatever waits (P12)."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from firesteel.store.ledger import acts_sql, appends, claims, mirror
from firesteel.store.migrations import migrate
from firesteel.store.sql import alerts, lanes
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.queries import Prepared
from firesteel.store.sql.statements import Statements
from firesteel.store.sqlite import pen, sessions

MAKE = Statements(SQLITE)
PARTS: dict[str, Callable[[], Any]] = {
    "acts": lambda: acts_sql.acts_sql(MAKE),
    "appends": lambda: appends._sql(MAKE),
    "claims": lambda: claims._sql(MAKE),
    "lanes": lambda: lanes._sql(MAKE),
    "mirror": lambda: mirror._sql(MAKE),
    "pen": pen._sql,
    "sessions": sessions._sql,
}

# At open, and for people: these read all that waits, runs or is paused, through an index that
# holds nothing else; or a small table of the catalog.
MAY_SCAN = {
    "mirror.lane_length": "anon_1",  # counts what is limited
    "mirror.ready": "ix_execution_ready",
    "mirror.due": "ix_execution_due",
    "mirror.lanes": "ix_execution_lane",
    "mirror.running": "ix_execution_running",
    "sessions.lost": "ix_execution_running",
    "sessions.move_due": "ix_execution_due",
    "mirror.next_due": "ix_execution_due",
    "mirror.triggers": "integration",
    "mirror.last_given_no": "session",
    "sessions.last_seen": "session",
    "lanes.longest": "ix_execution_lane",
    "lanes.running": "execution_running",
    "lanes.paused": "paused_lane",
    "lanes.paused_triggers": "integration",
}
# A handful of rows (an execution's entries, the triggers that wait for retries), and the longest
# lanes, which only people ask for.
MAY_SORT = {"claims.journal", "mirror.due", "lanes.longest", "lanes.longest_of"}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("plans") / "store.db"
    migrate(path)
    return sqlite3.connect(path)


def plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    values = (None,) * sql.count("?")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def statements() -> dict[str, str]:
    return {
        f"{part}.{field}": text
        for part, compiled in PARTS.items()
        for field, text in dataclasses.asdict(compiled()).items()
    }


@pytest.mark.parametrize("name", sorted(statements()))
def test_p12_no_query_walks_a_table_or_sorts(name: str, connection: sqlite3.Connection) -> None:
    steps = plan(connection, statements()[name])
    scans = [step for step in steps if step.startswith("SCAN") and "SUBQUERY" not in step]
    assert all(MAY_SCAN.get(name, "never") in step for step in scans), steps
    if name not in MAY_SORT:
        assert not any("TEMP B-TREE" in step for step in steps), steps


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("claims.ready", "ix_execution_ready"),
        ("claims.head", "ix_execution_lane"),
        ("claims.next_in_lane", "ix_execution_lane"),
        ("claims.due", "ix_execution_due"),
        ("mirror.lane_running", "uq_execution_running_lane"),
        ("mirror.lane_waiting", "ix_execution_lane"),
        ("acts.hold_head", "ix_execution_lane"),
        ("acts.last_replay", "uq_execution_replay"),
    ],
)
def test_p12_what_may_run_is_found_by_the_index_that_holds_nothing_else(
    name: str, index: str, connection: sqlite3.Connection
) -> None:
    assert index in plan(connection, statements()[name])[0]


def test_failures_that_nobody_was_told_of_are_read_from_an_index_of_no_others(
    connection: sqlite3.Connection,
) -> None:
    asked = Prepared.of(alerts.untold_since(1, 500), SQLITE)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {asked.text}", asked.bound()).fetchall()
    lines = [str(row[3]) for row in plan]
    assert any("USING INDEX ix_execution_untold (settled_at_us>?)" in line for line in lines)
    assert not any(line.startswith("SCAN") or "TEMP B-TREE" in line for line in lines), lines
