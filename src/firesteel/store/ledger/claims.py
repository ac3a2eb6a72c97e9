"""Claiming: which executions start in this transaction, and in whose turn.

A trigger with something ready and a free slot of its own takes turns with the others for the
session's slots. Within a trigger the oldest goes first. The next in a lane becomes ready when the
head before it is terminal; where nobody else waits for a slot it is claimed in the same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, null, select, true, update

from firesteel.model.execution import JournalEntry
from firesteel.model.message import Message
from firesteel.store.journal import Claim
from firesteel.store.ledger.mirror import BUSY, PAUSED, LaneName, Mirror, Running, TriggerMirror
from firesteel.store.ledger.pen import Pen, Row
from firesteel.store.schema import (
    DUE_LATER,
    IN_LANE,
    READY,
    WAITING,
    entry,
    execution,
    message,
    payload,
    replay_edit,
)
from firesteel.store.sql.bodies import unless_long
from firesteel.store.sql.database import Connection, Cursor
from firesteel.store.sql.statements import ONE, ZERO, Statements

_RIPEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Sql:
    ready: str
    head: str
    next_in_lane: str
    give_turn: str
    due: str
    ripen: str
    journal: str
    edit: str


class Claims:
    """The claims of a transaction. ``started`` also takes those made by an append."""

    def __init__(self, mirror: Mirror, pen: Pen, make: Statements) -> None:
        self._mirror = mirror
        self._pen = pen
        self._sql = _sql(make)
        self.started: list[Claim] = []
        self._advance: dict[LaneName, TriggerMirror] = {}
        self._claimed: list[Row] = []

    def connect(self, connection: Connection) -> None:
        """Ask there from now on."""
        self._connection = connection

    def forget(self) -> None:
        """The transaction was rolled back."""
        self.started = []
        self._advance = {}
        self._claimed = []

    def advance(self, trigger: TriggerMirror, lane_key: str) -> None:
        """The head of the lane has gone: the next one gets its turn at the end of the
        transaction."""
        self._advance[trigger.no, lane_key] = trigger

    def has_head(self, trigger: TriggerMirror, lane_key: str) -> None:
        """A message came to a lane that had become empty and stands at its head: whoever went
        before it in this transaction has given nobody a turn."""
        self._advance.pop((trigger.no, lane_key), None)

    def ripen(self) -> None:
        """What is due by now becomes ready."""
        mirror = self._mirror
        if mirror.next_due_us is None or mirror.next_due_us > mirror.steady_us:
            return
        due = self._connection.execute(self._sql.due, (mirror.steady_us, _RIPEN_AT_ONCE)).fetchall()
        self._connection.executemany(self._sql.ripen, [(no,) for no, _ in due])
        for _, trigger_no in due:
            self.ready(mirror.triggers[trigger_no])
        mirror.see_next_due()

    def ready(self, trigger: TriggerMirror) -> None:
        """The trigger has something in the index of what may run."""
        trigger.ready = True
        self._mirror.offer(trigger)

    def finish(self) -> Sequence[Claim]:
        """Give turns and claim while there are slots. All that was buffered must be written."""
        for name, trigger in self._advance.items():
            self._advance_lane(name, trigger)
        self._advance = {}
        self._write_claimed()
        if self._mirror.turns:
            self._take_turns()
        started, self.started = self.started, []
        return started

    # --- lanes ----------------------------------------------------------------------------------

    def _advance_lane(self, name: LaneName, trigger: TriggerMirror) -> None:
        mirror = self._mirror
        known = mirror.lanes.get(name)
        if known is None or known == BUSY:
            known = mirror.lanes[name] = mirror.look_at_lane(name)
            if known == BUSY and mirror.lane_runs(name):
                return
        if known in (0, PAUSED):
            return
        if self._may_claim_at_once(trigger):
            row = self._connection.execute(self._sql.head, name).fetchone()
            if row is not None and row[-1] is None:
                self._claim(trigger, row)
                return
        self._give_turn(name, trigger)

    def _give_turn(self, name: LaneName, trigger: TriggerMirror) -> None:
        row = self._connection.execute(self._sql.next_in_lane, name).fetchone()
        if row is not None:
            no, due_at_us = row
            self._connection.execute(self._sql.give_turn, (no,))
            if due_at_us is None:
                self.ready(trigger)

    def _may_claim_at_once(self, trigger: TriggerMirror) -> bool:
        """Nobody waits for a slot that this one would take."""
        mirror = self._mirror
        return (
            not mirror.turns
            and not trigger.ready
            and not trigger.paused
            and trigger.running < trigger.concurrency
            and mirror.allowance(trigger) > 0
        )

    # --- turns ----------------------------------------------------------------------------------

    def _take_turns(self) -> None:
        """One that has its share of the slots waits in line until more of them are free."""
        mirror = self._mirror
        turns, waiting = mirror.turns, dict[int, TriggerMirror]()
        while turns and mirror.free_slots() > 0:
            trigger_no, trigger = next(iter(turns.items()))
            del turns[trigger_no]
            allowance = mirror.allowance(trigger)
            if allowance <= 0:
                waiting[trigger_no] = trigger
                continue
            turn = -(-allowance // (len(turns) + 1))
            self._claim_of(trigger, min(turn, trigger.concurrency - trigger.running))
            mirror.offer(trigger)
        turns.update(waiting)

    def _claim_of(self, trigger: TriggerMirror, count: int) -> None:
        if count <= 0 or trigger.paused:
            return
        rows = self._oldest(trigger, count)
        self._look_ahead(rows)
        for row in rows:
            self._claim(trigger, row)
        self._write_claimed()
        if self._none_left(rows, count):
            trigger.ready = False

    def _none_left(self, rows: Sequence[Row], count: int) -> bool:
        """Whether ``_oldest``, asked for ``count``, has given all that may run."""
        return len(rows) < count

    def _oldest(self, trigger: TriggerMirror, count: int) -> Sequence[Row]:
        """Of what the trigger may run, whole; fewer where there are no more."""
        # What was claimed before in this transaction must be out of the index.
        return self._ask_ready(trigger, count).fetchall()

    def _ask_ready(self, trigger: TriggerMirror, count: int) -> Cursor:
        return self._connection.execute(self._sql.ready, (trigger.no, count))

    def _look_ahead(self, rows: Sequence[Row]) -> None:
        """These are claimed next: whoever pays for each question may ask for all of them now."""

    def _claim(self, trigger: TriggerMirror, row: Row) -> None:
        mirror = self._mirror
        no, epoch, run, version_no, lane_key, attempt, counted, alone, first, *rest = row
        message_id, sequence, received_at_us, consumer, request, body, body_bytes, _ = rest
        now_us = mirror.wall_us
        epoch, attempt, counted = epoch + 1, attempt + 1, counted + 1
        first = mirror.steady_us if first is None else first
        given_input = b""
        if run > 1:
            request, body, body_bytes, given_input = self._edited(no, request, body, body_bytes)
        self._claimed.append((mirror.session_no, epoch, attempt, counted, first, now_us, no))
        mirror.running[no] = Running(epoch, trigger, lane_key, attempt, counted, now_us)
        trigger.running += 1
        trigger.waiting -= 1
        self.started.append(
            Claim(
                no,
                epoch,
                f"{message_id}-{run}",
                trigger.no,
                version_no,
                attempt,
                counted,
                first,
                Message(message_id, sequence, received_at_us, consumer, request, body or b""),
                self._journal(no) if attempt > 1 else [],
                bool(alone),
                given_input,
                body_bytes if body is None else 0,
            )
        )

    def _edited(
        self, no: int, request: bytes, body: bytes | None, body_bytes: int
    ) -> tuple[bytes, bytes | None, int, bytes]:
        """Request, body, its length and the input of a replay, as the person who edited them left
        them; a long body is None."""
        row = self._connection.execute(self._sql.edit, (no,)).fetchone()
        if row is None:
            return request, body, body_bytes, b""
        given, given_bytes = (body, body_bytes) if row[2] is None else row[1:3]
        return request if row[0] is None else row[0], given, given_bytes, row[3] or b""

    def _journal(self, execution_no: int) -> list[JournalEntry]:
        rows = self._connection.execute(self._sql.journal, (execution_no,))
        return [JournalEntry(*row) for row in rows]

    def _write_claimed(self) -> None:
        if self._claimed:
            self._pen.claim(self._claimed)
            self._claimed = []


def _whole() -> Select[Any]:
    """Execution, message and payload, as a claim needs them; ``due_at_us`` last."""
    e, m, p = execution.c, message.c, payload.c
    return (
        select(
            e.no,
            e.epoch,
            e.run,
            e.version_no,
            e.lane_key,
            e.attempt,
            e.counted,
            e.alone,
            e.first_started_at_us,
            m.id,
            m.sequence,
            m.received_at_us,
            m.consumer,
            p.request,
            unless_long(p.body),
            func.length(p.body),
            e.due_at_us,
        )
        .join(message, m.no == e.message_no)
        .join(payload, p.message_no == e.message_no)
    )


def _sql(make: Statements) -> _Sql:
    compiled = make.compiled
    e, edited = execution.c, replay_edit.c
    the_lane = (e.trigger_no == bindparam("trigger_no"), e.lane_key == bindparam("lane_key"))
    in_lane = (WAITING, IN_LANE, *the_lane)
    one = update(execution).where(e.no == bindparam("the_no"))
    journal = select(
        *(entry.c[name] for name in ("step", "kind", "attempt", "started_at_us", "ended_at_us")),
        entry.c.result,
        entry.c.input,
    )
    return _Sql(
        ready=compiled(
            _whole()
            .where(READY, e.trigger_no == bindparam("trigger_no"))
            .order_by(e.no)
            .limit(bindparam("count"))
            .offset(ZERO),
            "trigger_no",
            "count",
        ),
        head=compiled(
            _whole().where(*in_lane).order_by(e.position).limit(ONE).offset(ZERO),
            "trigger_no",
            "lane_key",
        ),
        next_in_lane=compiled(
            select(e.no, e.due_at_us).where(*in_lane).order_by(e.position).limit(ONE).offset(ZERO),
            "trigger_no",
            "lane_key",
        ),
        give_turn=compiled(one.values(turn=true()), "the_no"),
        due=compiled(
            select(e.no, e.trigger_no)
            .where(DUE_LATER, e.due_at_us <= bindparam("now"))
            .order_by(e.due_at_us)
            .limit(bindparam("count"))
            .offset(ZERO),
            "now",
            "count",
        ),
        ripen=compiled(one.values(due_at_us=null()), "the_no"),
        journal=compiled(
            journal.where(entry.c.execution_no == bindparam("execution_no")).order_by(entry.c.no),
            "execution_no",
        ),
        edit=compiled(
            select(
                edited.request, unless_long(edited.body), func.length(edited.body), edited.input
            ).where(edited.execution_no == bindparam("the_no")),
            "the_no",
        ),
    )
