"""Accepting: messages with their first executions, gathered and inserted together.

What may start at once is inserted as running: one insert, no update, and its claim takes the
message from memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select

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
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import Mirror, Running, TriggerMirror
from firesteel.store.ledger.pen import Pen, Row
from firesteel.store.schema import idempotency
from firesteel.store.sql.database import Connection
from firesteel.store.sql.statements import Statements

_Began = tuple[str, bool, int | None, int, int | None, int | None]
"""How an execution begins: state, turn, session_no, begun, first_started_at_us, started_at_us."""
KeyName = tuple[int, str, str]
"""Trigger, consumer ('' where there is none) and idempotency key."""

_RECORDED: _Began = ("succeeded", False, None, 0, None, None)
_AT_HEAD: _Began = ("waiting", True, None, 0, None, None)
_BEHIND: _Began = ("waiting", False, None, 0, None, None)


@dataclass(frozen=True, slots=True)
class _Sql:
    known_key: str


class Appends:
    """The appends of a transaction; ``append`` changes the mirror at once and the tables at
    ``flush``."""

    def __init__(self, mirror: Mirror, claims: Claims, pen: Pen, make: Statements) -> None:
        self._mirror = mirror
        self._claims = claims
        self._pen = pen
        self._sql = _sql(make)
        self.forget()

    def connect(self, connection: Connection) -> None:
        """Ask there from now on."""
        self._connection = connection

    def forget(self) -> None:
        """Drop what is buffered: it is written, or the transaction was rolled back."""
        self._messages: list[Row] = []
        self._searches: list[Row] = []
        self._keys: dict[KeyName, tuple[Duplicate, bytes, int]] = {}
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
        if trigger.lane_limit is not None and self._lane_is_full(new, trigger.lane_limit):
            return LaneFull(trigger.lane_limit)
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
        pen = self._pen
        pen.accept(self._messages)
        if self._searches:
            pen.search_for(self._searches)
        if self._keys:
            pen.keep_keys(self._key_rows())
        pen.count([(trigger.last_sequence, trigger.no) for trigger in self._counted.values()])
        self.forget()

    def _lane_is_full(self, new: NewMessage, limit: int) -> bool:
        """Whether so many stand in the lane, what runs included. Where their number is not known
        they are counted: in the tables, and in what this transaction has still to write."""
        lane_key = new.lane_key
        if lane_key is None or new.record_only:
            return False
        name = (new.trigger_no, lane_key)
        known = self._mirror.lane(name)
        if known >= 0:
            return known >= limit
        buffered: int = sum(
            row[2] == new.trigger_no and row[6] == lane_key for row in self._messages
        )
        return buffered + self._mirror.lane_length(name, limit) >= limit

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
            return "running", False, mirror.session_no, 1, mirror.steady_us, mirror.wall_us
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
            row = self._known_key(name)
            if row is None or row[4] <= self._mirror.steady_us:
                return None
            first, fingerprint = Duplicate(row[0], row[1], row[2], True), row[3]
        same = fingerprint == key.fingerprint
        return Duplicate(first.message_id, first.sequence, first.execution_no, same)

    def _known_key(self, name: KeyName) -> Row | None:
        """Message id, sequence, execution number, fingerprint and end of a key in the tables."""
        row: Row | None = self._connection.execute(self._sql.known_key, name).fetchone()
        return row

    def _remember(self, new: NewMessage, key: Idempotency, accepted: Accepted) -> None:
        """The window is the caller's; when it ends is told by the store's steady clock (P32)."""
        window_us = key.expires_at_us - new.message.received_at_us
        first = Duplicate(accepted.message_id, accepted.sequence, accepted.execution_no, True)
        name = (new.trigger_no, new.message.consumer or "", key.key)
        self._keys[name] = (first, key.fingerprint, self._mirror.steady_us + window_us)

    def _key_rows(self) -> list[Row]:
        return [
            (*name, first.message_id, first.sequence, first.execution_no, fingerprint, expires)
            for name, (first, fingerprint, expires) in self._keys.items()
        ]


def _sql(make: Statements) -> _Sql:
    known = idempotency.c
    return _Sql(
        known_key=make.compiled(
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
    )
