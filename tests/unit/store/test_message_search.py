"""Every filter of the list of messages has an index, and no question reads a payload."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.model.execution import State
from firesteel.store.history import MessageFilter
from firesteel.store.migrations import migrate
from firesteel.store.sqlite.message_search import questions

MESSAGES = "sqlite_autoindex_message_2"  # (trigger_no, sequence)
REPLAYS = "SCAN execution USING INDEX uq_execution_replay"  # few, and no others are in it


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    migrate(tmp_path / "store.db")
    connection = sqlite3.connect(tmp_path / "store.db")
    yield connection
    connection.close()


def plans(connection: sqlite3.Connection, filter: MessageFilter) -> list[list[str]]:
    """The steps of each question's plan."""
    asked = questions(filter, [1, 2])
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
        ({"state": State.SUCCEEDED}, ["ix_execution_trigger"]),
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
    connection: sqlite3.Connection, conditions: dict[str, Any], indexes: list[str]
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
    connection: sqlite3.Connection, conditions: dict[str, Any]
) -> None:
    """The first question yields its rows in order; sorting would read all before the first."""
    first = plans(connection, MessageFilter(**conditions))[0]
    assert not any("TEMP B-TREE" in step for step in first)
