"""The journal's rows on SQLite: few statements for many rows (decision 0013)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, false, func, null, update

from firesteel.errors import InternalError
from firesteel.model.execution import Response
from firesteel.store.ledger import pen
from firesteel.store.ledger.pen import Row
from firesteel.store.schema import (
    RUNNING,
    WAITING,
    attempt,
    entry,
    execution,
    idempotency,
    integration,
    paused_lane,
    payload,
    search,
)
from firesteel.store.sql.results import encode_response
from firesteel.store.sqlite.row_group import RowGroup
from firesteel.store.sqlite.statements import (
    compiled,
    insert_into,
    insert_or_replace,
    insert_or_set,
    insert_rows,
    insert_unless_there,
    update_rows,
)

_NO_CONTENT = encode_response(Response(204, [], b""))

_BECOMES_ACCEPTED = f"""
INSERT INTO message (no, id, trigger_no, sequence, received_at_us, consumer, lane_key)
VALUES (new.no, new.id, new.trigger_no, new.sequence, new.received_at_us, new.consumer,
    new.lane_key);
INSERT INTO payload (message_no, request, body) VALUES (new.no, new.request, new.body);
INSERT INTO execution (no, message_no, run, trigger_no, version_no, lane_key, position, state,
    turn, session_no, epoch, attempt, counted, first_started_at_us, started_at_us, settled_at_us)
VALUES (new.no, new.no, 1, new.trigger_no, new.version_no, new.lane_key, new.no, new.state,
    new.turn, new.session_no, new.begun, new.begun, new.begun, new.first_started_at_us,
    new.started_at_us, new.settled_at_us);
INSERT INTO result (execution_no, response, input, logs, code_hash)
SELECT new.no, X'{_NO_CONTENT.hex()}', X'', '', '' WHERE new.settled_at_us IS NOT NULL;
"""  # noqa: S608  # a constant of ours
_accepting = RowGroup("accepting", pen.ACCEPTED, _BECOMES_ACCEPTED, long=("request", "body"))

# Only what runs under the same epoch is changed (P14).
_BECOMES_SETTLED = """
UPDATE execution SET state = new.state, session_no = NULL, settled_at_us = new.settled_at_us,
    failure = new.failure, ended_by = new.ended_by, ended_why = new.ended_why
WHERE no = new.no AND epoch = new.epoch AND state = 'running';
SELECT RAISE(ABORT, 'a running execution is not in the tables') WHERE changes() = 0;
INSERT INTO result (execution_no, response, input, logs, code_hash)
VALUES (new.no, new.response, new.input, new.logs, new.code_hash);
"""
_settling = RowGroup("settling", pen.SETTLED, _BECOMES_SETTLED, long=("response", "input"))


_NO = pen.ACCEPTED.index("no")
_BODY = pen.ACCEPTED.index("body")
_LONG_BYTES = 1024 * 1024
_PIECE_BYTES = 1024 * 1024


def _without_body(row: Row) -> Row:
    return (*row[:_BODY], b"", *row[_BODY + 1 :])


@dataclass(frozen=True, slots=True)
class _Sql:
    search: str
    room_for_body: str
    keys: str
    last_sequence: str
    claim: str
    postpone: str
    entry: str
    attempt: str
    stop_lane: str


class SqlitePen:
    """Implements ``ledger.pen.Pen``."""

    def __init__(self) -> None:
        self._sql = _sql()

    def connect(self, connection: sqlite3.Connection) -> None:
        """Write there from now on."""
        self._connection = connection
        _accepting.create(connection)
        _settling.create(connection)

    def accept(self, rows: Sequence[Row]) -> None:
        long = [row for row in rows if len(row[_BODY]) > _LONG_BYTES]
        if long:
            rows = [_without_body(row) if len(row[_BODY]) > _LONG_BYTES else row for row in rows]
        _accepting.insert(self._connection, rows)
        for row in long:
            self._write_body(row[_NO], row[_BODY])

    def _write_body(self, message_no: int, body: bytes) -> None:
        """In pieces. A bound value is copied whole, with the interpreter's lock held, and kept
        until the statement runs again: for 50 MiB that is 100 MiB and 20 ms of everybody's time."""
        self._connection.execute(self._sql.room_for_body, (len(body), message_no))
        with (
            self._connection.blobopen("payload", "body", message_no) as blob,
            memoryview(body) as b,
        ):
            for at in range(0, len(b), _PIECE_BYTES):
                blob.write(b[at : at + _PIECE_BYTES])

    def count(self, rows: Sequence[Row]) -> None:
        self._connection.executemany(self._sql.last_sequence, rows)

    def search_for(self, rows: Sequence[Row]) -> None:
        insert_rows(self._connection, self._sql.search, rows)

    def keep_keys(self, rows: Sequence[Row]) -> None:
        insert_rows(self._connection, self._sql.keys, rows)

    def claim(self, rows: Sequence[Row]) -> None:
        update_rows(self._connection, self._sql.claim, rows)

    def settle(self, rows: Sequence[Row]) -> None:
        _settling.insert(self._connection, rows)

    def postpone(self, rows: Sequence[Row]) -> None:
        if update_rows(self._connection, self._sql.postpone, rows) != len(rows):
            raise InternalError("a running execution is not in the tables")

    def journal(self, rows: Sequence[Row]) -> None:
        insert_rows(self._connection, self._sql.entry, rows)

    def attempted(self, rows: Sequence[Row]) -> None:
        insert_rows(self._connection, self._sql.attempt, rows)

    def stop_lanes(self, rows: Sequence[Row]) -> None:
        insert_rows(self._connection, self._sql.stop_lane, rows)


def _sql() -> _Sql:
    return _Sql(
        room_for_body=compiled(
            update(payload)
            .where(payload.c.message_no == bindparam("the_no"))
            .values(body=func.zeroblob(bindparam("the_size"))),
            *("the_size", "the_no"),
        ),
        search=insert_unless_there(search, *pen.SEARCH),
        keys=insert_or_replace(idempotency, *pen.KEY),
        last_sequence=compiled(
            update(integration)
            .where(integration.c.no == bindparam("the_no"))
            .values(last_sequence=bindparam("the_last")),
            *("the_last", "the_no"),
        ),
        claim=_claim(),
        postpone=_postpone(),
        entry=insert_unless_there(entry, *pen.ENTRY),
        attempt=insert_into(attempt, *pen.ATTEMPT),
        stop_lane=insert_or_set(
            paused_lane, *pen.STOPPED, changed=("stopped_at_no", "stopped_at_us")
        ),
    )


def _claim() -> str:
    e = execution.c
    claim = (
        update(execution)
        .where(e.no == bindparam("the_no"))
        .ordered_values(
            (e.state, RUNNING.right),
            (e.turn, false()),
            (e.session_no, bindparam("the_session")),
            (e.epoch, bindparam("the_epoch")),
            (e.attempt, bindparam("the_attempt")),
            (e.counted, bindparam("the_counted")),
            (e.first_started_at_us, bindparam("first")),
            (e.started_at_us, bindparam("started")),
        )
    )
    return compiled(
        claim,
        *("the_session", "the_epoch", "the_attempt", "the_counted", "first", "started"),
        "the_no",
    )


def _postpone() -> str:
    e = execution.c
    running = (
        update(execution)
        .where(e.no == bindparam("the_no"))
        .where(e.epoch == bindparam("the_epoch"), RUNNING)
    )
    postpone = running.ordered_values(
        (e.state, WAITING.right),
        (e.session_no, null()),
        (e.turn, bindparam("the_turn")),
        (e.due_at_us, bindparam("due")),
        (e.counted, bindparam("the_counted")),
        (e.alone, bindparam("the_alone")),
        (e.failure, bindparam("the_failure")),
    )
    return compiled(
        postpone,
        *("the_turn", "due", "the_counted", "the_alone", "the_failure"),
        *("the_no", "the_epoch"),
    )
