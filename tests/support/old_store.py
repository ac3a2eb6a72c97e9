"""A store as an earlier release left it, killed in the midst of its work: an execution of every
state and of every reason to wait.

The tables are made by that release's migrations, and rows are written column by column as that
release had them: what later releases added is not named. Numbers are those of messages unless
said otherwise.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import command

from firesteel.model.message import Request, encode_request
from firesteel.store.migrations import configuration
from tests.support.node import KEY

REVISIONS = ("0001", "0002", "0003", "0006", "0007", "0008")
"""All that a release has ever written, but for this one's."""

ON_POSTGRESQL = REVISIONS[2:]
"""There was no store on PostgreSQL before."""

SPECIAL = "a\u00a0\u2603 'quoted'"
UNFINISHED = ("waiting", "running")
_DEAD_US = 1_700_000_000_000_000
_REQUEST = encode_request(Request("POST", "/test/Orders", b"", [(b"content-type", b"text/json")]))
_FAILURE = msgspec.msgpack.encode(["unknown", "step_failed", "the step failed"])
_RESPONSE = msgspec.msgpack.encode([200, [["content-type", "text/plain"]], b"done"])


@dataclass(frozen=True)
class Old:
    """One message and its execution. ``lane`` None: its trigger has no order. ``more``: columns of
    the execution."""

    no: int
    trigger: int
    lane: str | None
    state: str
    more: Mapping[str, Any]


def _old(no: int, trigger: int, lane: str | None, state: str, **more: Any) -> Old:
    return Old(no, trigger, lane, state, more)


_RETRY = {"due_at_us": 1, "attempt": 1, "counted": 1, "first_started_at_us": 1}
_RUNS = {"session_no": 1, "epoch": 3, "attempt": 1, "counted": 1, "started_at_us": _DEAD_US}
_ENDED = {"attempt": 1, "counted": 1, "started_at_us": _DEAD_US, "settled_at_us": _DEAD_US}
_PERSON = {**_ENDED, "ended_by": "user:ada", "ended_why": "void"}

ORDERS, FREE, PAUSED = 1, 2, 3
MESSAGES = (
    # Ended, in every way: nothing of it runs again.
    _old(1, ORDERS, "ended", "succeeded", **_ENDED),
    _old(2, ORDERS, "ended", "failed", **_ENDED, failure=_FAILURE),
    _old(3, ORDERS, "ended", "cancelled", **_PERSON),
    _old(4, ORDERS, "ended", "skipped", **_PERSON),
    _old(5, FREE, None, "failed", **_ENDED, failure=_FAILURE),
    # A lane whose head was running when the engine was killed.
    _old(6, ORDERS, "runs", "running", **_RUNS),
    _old(7, ORDERS, "runs", "waiting"),
    _old(8, ORDERS, "runs", "waiting"),
    # One whose head waits for its next attempt.
    _old(9, ORDERS, "later", "waiting", turn=True, **_RETRY, failure=_FAILURE),
    _old(10, ORDERS, "later", "waiting"),
    # One whose head may be taken.
    _old(11, ORDERS, SPECIAL, "waiting", turn=True),
    _old(12, ORDERS, SPECIAL, "waiting"),
    # One that stopped at a message that failed, and one that a person has paused.
    _old(13, ORDERS, "stopped", "failed", **_ENDED, failure=_FAILURE),
    _old(14, ORDERS, "stopped", "waiting"),
    _old(15, ORDERS, "held", "waiting"),
    _old(16, ORDERS, "held", "waiting"),
    # Without order: one ran and must be alone, one waits for a retry, others for a slot.
    _old(17, FREE, None, "running", **_RUNS, alone=True, interruptions=1),
    _old(18, FREE, None, "waiting", turn=True, **_RETRY, failure=_FAILURE),
    _old(19, FREE, None, "waiting", turn=True),
    _old(20, FREE, None, "waiting", turn=True),
    # A trigger that is paused as a whole.
    _old(21, PAUSED, "", "waiting", turn=True),
    _old(22, PAUSED, "", "waiting"),
)
REPLAYED = 2
"""This failed message waits once more, by a replay with a number of its own."""
REPLAY_NO = 23


def document(name: str) -> dict[str, Any]:
    """What was published of a trigger."""
    ordered: dict[int, Any] = {
        ORDERS: {"ordered_delivery": {"key": "body.lane", "on_failure": "pause"}},
        FREE: {"concurrency": 5},
        PAUSED: {"ordered_delivery": True},
    }
    return {
        "name": name,
        "trigger": {
            **ordered[NAMES.index(name) + 1],
            "authentication": [{"api_key": {"label": "tester", "value": KEY}}],
        },
        "workflow": {"python": "work:notes"},
    }


NAMES = ("Orders", "Free", "Paused")


@contextlib.contextmanager
def connected(store: Path | str) -> Iterator[sa.Connection]:
    """One transaction on the file, or on the database of a URL."""
    url = store if isinstance(store, str) else f"sqlite:///{store}"
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_old_store(store: Path | str, revision: str) -> None:
    """Make it, where there is nothing yet."""
    with connected(store) as connection:
        command.upgrade(configuration(connection), revision)
        tables = sa.MetaData()
        tables.reflect(connection)
        _Writer(connection, tables, revision).write()


@dataclass
class _Writer:
    connection: sa.Connection
    tables: sa.MetaData
    revision: str

    def put(self, table: str, **values: Any) -> None:
        self.connection.execute(self.tables.tables[table].insert(), values)

    def write(self) -> None:
        self.put("workspace", no=1, name="test", created_at_us=1)
        self.put("setting", name="workspace", value="test")
        self.put("session", no=1, started_at_us=1, lease_until_us=2, last_no=1000)
        for number, name in enumerate(NAMES, 1):
            self._integration(number, name)
        for old in MESSAGES:
            self._message(old)
        self._execution(
            MESSAGES[REPLAYED - 1],
            {"state": "waiting", "turn": True, "run": 2, "replay_of": REPLAYED, "no": REPLAY_NO},
        )
        lane = {"trigger_no": ORDERS, "paused_because": None, "stopped_at_no": None}
        self.put("paused_lane", **{**lane, "lane_key": "stopped", "stopped_at_no": 13})
        self.put("paused_lane", **{**lane, "lane_key": "held", "paused_because": "stock-taking"})
        self.put("audit", no=1, at_us=1, actor="ada", action="looked", subject="s", detail="d")
        self._what_later_releases_have()
        if self.connection.dialect.name == "postgresql":
            self._numbers_go_on()

    def _numbers_go_on(self) -> None:
        """PostgreSQL counts apart from the rows, so what was given has to be told."""
        for table in self.tables.tables.values():
            if "no" in table.columns and table.columns["no"].server_default is not None:
                given = f"pg_get_serial_sequence('\"{table.name}\"', 'no')"
                highest = f'(SELECT coalesce(max(no), 0) + 1 FROM "{table.name}")'
                self.connection.execute(sa.text(f"SELECT setval({given}, {highest}, false)"))

    def _integration(self, number: int, name: str) -> None:
        mine = [old for old in MESSAGES if old.trigger == number]
        counts: dict[str, int] = {}
        if self.connection.dialect.name == "postgresql":
            counts = {state: sum(old.state == state for old in mine) for state in UNFINISHED}
            counts["waiting"] += number == ORDERS  # the replay
        self.put(
            "integration",
            no=number,
            workspace_no=1,
            name=name,
            managed_by="files",
            published_version_no=number,
            created_at_us=1,
            concurrency=5 if number == FREE else 10,
            max_waiting=1_000_000,
            on_failure="pause" if number == ORDERS else "continue",
            paused=number == PAUSED,
            paused_because="stock-taking" if number == PAUSED else "",
            last_sequence=len(mine),
            replayed=int(number == ORDERS),
            **counts,
        )
        self.put(
            "version",
            no=number,
            trigger_no=number,
            number=1,
            document=json.dumps(document(name)),
            published_at_us=1,
            published_by="files",
        )

    def _message(self, old: Old) -> None:
        self.put(
            "message",
            no=old.no,
            id=f"{old.no:032x}",
            trigger_no=old.trigger,
            sequence=sequence_of(old),
            received_at_us=time.time_ns() // 1000,
            consumer="tester",
            lane_key=old.lane,
        )
        body = json.dumps({"lane": old.lane or "", "no": old.no}).encode()
        self.put("payload", message_no=old.no, request=_REQUEST, body=body)
        self.put("search", trigger_no=old.trigger, name="no", value=str(old.no), message_no=old.no)
        self._execution(old, {"state": old.state, **old.more})
        if old.state == "succeeded":
            self.put(
                "result",
                execution_no=old.no,
                response=_RESPONSE,
                input=b"{}",
                logs="",
                code_hash="",
            )

    def _execution(self, old: Old, values: dict[str, Any]) -> None:
        common = {
            "no": old.no,
            "message_no": old.no,
            "run": 1,
            "trigger_no": old.trigger,
            "version_no": old.trigger,
            "lane_key": old.lane,
            "position": old.no,
        }
        self.put("execution", **{**common, **values})

    def _what_later_releases_have(self) -> None:
        if self.revision >= "0002":
            self.put(
                "draft",
                workspace_no=1,
                name="Orders",
                document="{}",
                base_version=1,
                revision=7,
                changed_at_us=1,
                changed_by="ada",
            )
            self.put("user", no=1, name="ada", role="admin", created_at_us=1)
            self._bulk()
        if self.revision >= "0006":
            self.connection.execute(sa.text("UPDATE message SET erased_at_us = 5 WHERE no = 4"))
        if self.revision >= "0007":
            self.put("consumer", no=1, workspace_no=1, name="ACME", created_at_us=1)
            self.put("consumer_grant", consumer_no=1, trigger_no=ORDERS, granted_at_us=1)
        if self.revision >= "0008":
            self.connection.execute(sa.text("UPDATE execution SET told = true WHERE no = 5"))

    def _bulk(self) -> None:
        self.put(
            "bulk",
            no=1,
            workspace_no=1,
            act="replay",
            selection="{}",
            state="done",
            started_by="ada",
            why="",
            started_at_us=1,
            ended_at_us=2,
            until_no=5,
        )


def sequence_of(old: Old) -> int:
    """Its place among its trigger's messages."""
    return sum(other.trigger == old.trigger and other.no <= old.no for other in MESSAGES)


def rows(store: Path | str) -> dict[str, set[tuple[tuple[str, str], ...]]]:
    """Every row of every table, as the names and values of its columns."""
    with connected(store) as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        return {
            table.name: {
                tuple(sorted((name, repr(value)) for name, value in row.items()))
                for row in connection.execute(sa.select(table)).mappings()
            }
            for table in tables.sorted_tables
            if table.name != "alembic_version"
        }
