"""Accepting: messages with their first executions, gathered and inserted together.

What may start at once is inserted as running: one insert, no update, and its claim takes the
message from memory.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from firesteel.model.execution import Response
from firesteel.model.message import Message
from firesteel.store.journal import (
    Accepted,
    Appended,
    Claim,
    Duplicate,
    Idempotency,
    LaneFull,
    NewMessage,
)
from firesteel.store.schema import idempotency, integration, search
from firesteel.store.sql.results import encode_response
from firesteel.store.sqlite.claims import Claims
from firesteel.store.sqlite.mirror import Mirror, Running, TriggerMirror
from firesteel.store.sqlite.row_group import RowGroup
from firesteel.store.sqlite.statements import (
    compiled,
    insert_or_replace,
    insert_rows,
    insert_unless_there,
)

_Row = tuple[Any, ...]
_Began = tuple[str, int, int | None, int, int | None, int | None]
"""How an execution begins: state, turn, session_no, begun, first_started_at_us, started_at_us."""
_KeyName = tuple[int, str, str]
"""Trigger, consumer ('' where there is none) and idempotency key."""

_NO_CONTENT = encode_response(Response(204, [], b""))
_RECORDED: _Began = ("succeeded", 0, None, 0, None, None)
_AT_HEAD: _Began = ("waiting", 1, None, 0, None, None)
_BEHIND: _Began = ("waiting", 0, None, 0, None, None)


# A message with its first execution, as it is inserted; ``begun``: 1 where it runs at once.
_COLUMNS = (
    *("no", "id", "trigger_no", "sequence", "received_at_us", "consumer", "lane_key"),
    *("request", "body", "version_no", "state", "turn", "session_no", "begun"),
    *("first_started_at_us", "started_at_us", "settled_at_us"),
)
_BECOMES = f"""
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
_accepting = RowGroup("accepting", _COLUMNS, _BECOMES, long=("request", "body"))


@dataclass(frozen=True, slots=True)
class _Sql:
    search: str
    idempotency: str
    known_key: str
    last_sequence: str


class Appends:
    """The appends of a transaction; ``append`` changes the mirror at once and the tables at
    ``flush``."""

    def __init__(self, mirror: Mirror, claims: Claims) -> None:
        self._mirror = mirror
        self._claims = claims
        self._sql = _sql()
        self.forget()

    def connect(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        _accepting.create(connection)

    def forget(self) -> None:
        """Drop what is buffered: it is written, or the transaction was rolled back."""
        self._messages: list[_Row] = []
        self._searches: list[_Row] = []
        self._keys: dict[_KeyName, tuple[Duplicate, bytes, int]] = {}
        self._counted: dict[int, TriggerMirror] = {}

    def append(self, new: NewMessage) -> Appended:
        """As ``Journal.append``."""
        mirror = self._mirror
        trigger = mirror.triggers.get(new.trigger_no) or mirror.trigger(new.trigger_no)
        key = new.idempotency
        if key is not None:
            duplicate = self._duplicate(new, key)
            if duplicate is not None:
                return duplicate
        if trigger.waiting >= trigger.max_waiting:
            return LaneFull(trigger.waiting)
        message = new.message
        mirror.last_no = no = mirror.last_no + 1
        trigger.last_sequence = sequence = trigger.last_sequence + 1
        self._counted[trigger.no] = trigger
        if new.record_only:
            began = _RECORDED
            settled_at_us = mirror.wall_us
        else:
            began = self._place(new, trigger, no, sequence)
            settled_at_us = None
        self._messages.append(
            (
                no,
                message.id,
                trigger.no,
                sequence,
                message.received_at_us,
                message.consumer,
                new.lane_key,
                message.request,
                message.body,
                new.version_no,
                *began,
                settled_at_us,
            )
        )
        if new.search:
            self._searches += [(trigger.no, name, value, no) for name, value in new.search]
        accepted = Accepted(message.id, sequence, no)
        if key is not None:
            self._remember(new, key, accepted)
        return accepted

    def flush(self) -> None:
        """Insert everything that is buffered."""
        if not self._messages:
            return
        sql, connection = self._sql, self._connection
        _accepting.insert(connection, self._messages)
        for text, rows in (
            (sql.search, self._searches),
            (sql.idempotency, self._key_rows()),
        ):
            if rows:
                insert_rows(connection, text, rows)
        counted = [(trigger.last_sequence, trigger.no) for trigger in self._counted.values()]
        connection.executemany(sql.last_sequence, counted)
        self.forget()

    # --- where it goes --------------------------------------------------------------------------

    def _place(self, new: NewMessage, trigger: TriggerMirror, no: int, sequence: int) -> _Began:
        """Running where it may start at once, else waiting: with its turn, or behind others."""
        mirror, lane_key = self._mirror, new.lane_key
        at_head = True
        if lane_key is not None:
            name = (trigger.no, lane_key)
            known = mirror.lane(name)
            at_head = known == 0
            if known >= 0:
                mirror.lanes[name] = known + 1
            if at_head:
                self._claims.has_head(trigger, lane_key)
        if (
            at_head
            and not mirror.turns
            and not trigger.ready
            and not trigger.paused
            and trigger.running < trigger.concurrency
            and mirror.allowance(trigger) > 0
        ):
            self._start(new, trigger, no, sequence)
            return "running", 0, mirror.session_no, 1, mirror.steady_us, mirror.wall_us
        trigger.waiting += 1
        if at_head:
            self._claims.ready(trigger)
            return _AT_HEAD
        return _BEHIND

    def _start(self, new: NewMessage, trigger: TriggerMirror, no: int, sequence: int) -> None:
        mirror, sent = self._mirror, new.message
        trigger.running += 1
        mirror.running[no] = Running(1, trigger, new.lane_key, 1, 1, mirror.wall_us)
        message = Message(
            sent.id, sequence, sent.received_at_us, sent.consumer, sent.request, sent.body
        )
        self._claims.started.append(
            Claim(
                no,
                1,
                f"{sent.id}-1",
                trigger.no,
                new.version_no,
                1,
                1,
                mirror.steady_us,
                message,
            )
        )

    # --- duplicates -----------------------------------------------------------------------------

    def _duplicate(self, new: NewMessage, key: Idempotency) -> Duplicate | None:
        """The message that has the key within its window, also one of this transaction."""
        name = (new.trigger_no, new.message.consumer or "", key.key)
        known = self._keys.get(name)
        if known is not None:
            first, fingerprint, _ = known
        else:
            row = self._connection.execute(self._sql.known_key, name).fetchone()
            if row is None or row[4] <= self._mirror.steady_us:
                return None
            first, fingerprint = Duplicate(row[0], row[1], row[2], True), row[3]
        same = fingerprint == key.fingerprint
        return Duplicate(first.message_id, first.sequence, first.execution_no, same)

    def _remember(self, new: NewMessage, key: Idempotency, accepted: Accepted) -> None:
        """The window is the caller's; when it ends is told by the store's steady clock (P32)."""
        window_us = key.expires_at_us - new.message.received_at_us
        first = Duplicate(accepted.message_id, accepted.sequence, accepted.execution_no, True)
        name = (new.trigger_no, new.message.consumer or "", key.key)
        self._keys[name] = (first, key.fingerprint, self._mirror.steady_us + window_us)

    def _key_rows(self) -> list[_Row]:
        return [
            (*name, first.message_id, first.sequence, first.execution_no, fingerprint, expires)
            for name, (first, fingerprint, expires) in self._keys.items()
        ]


def _sql() -> _Sql:
    known = idempotency.c
    return _Sql(
        search=insert_unless_there(search, "trigger_no", "name", "value", "message_no"),
        idempotency=insert_or_replace(
            idempotency,
            *("trigger_no", "consumer", "key", "message_id", "sequence"),
            *("execution_no", "fingerprint", "expires_at_us"),
        ),
        known_key=compiled(
            select(
                known.message_id,
                known.sequence,
                known.execution_no,
                known.fingerprint,
                known.expires_at_us,
            ).where(
                known.trigger_no == bindparam("trigger_no"),
                known.consumer == bindparam("consumer"),
                known.key == bindparam("the_key"),
            ),
            *("trigger_no", "consumer", "the_key"),
        ),
        last_sequence=compiled(
            update(integration)
            .where(integration.c.no == bindparam("the_no"))
            .values(last_sequence=bindparam("the_last")),
            *("the_last", "the_no"),
        ),
    )
