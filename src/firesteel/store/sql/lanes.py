"""Lanes and counts, as people see them: read beside the writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, select, true
from sqlalchemy.sql.elements import ColumnElement

from firesteel.model.execution import Reason
from firesteel.store.journal import LaneStatus, TriggerCounts
from firesteel.store.schema import (
    DUE_LATER,
    IN_LANE,
    READY,
    RUNNING,
    WAITING,
    execution,
    integration,
    message,
    paused_lane,
)
from firesteel.store.sql.database import Connection
from firesteel.store.sql.dialects import Dialect
from firesteel.store.sql.message_rows import everything_is_paused
from firesteel.store.sql.statements import ONE, ZERO, Statements

_Name = tuple[int, str]

# Paused lanes that are looked at for the longest wait.
_PAUSED_LANES = 1000
_STOPPED = "the execution at its head failed"


@dataclass(slots=True)
class _Lane:
    trigger_no: int
    key: str
    waiting: int = 0
    running: int = 0
    because: str | None = None
    trigger_paused: bool = False


@dataclass(frozen=True, slots=True)
class _Sql:
    longest: str
    longest_of: str
    running: str
    running_of: str
    paused: str
    paused_of: str
    paused_triggers: str
    waiting: str
    first_waiting: str
    first_running: str
    stopped_at: str
    counts: str
    total: str
    ready_alone: str
    due_alone: str
    in_lanes: str
    now_running: str
    ready: str
    due: str


class LaneReader:
    """Queries for ``Journal.lanes`` and ``Journal.counts``, on any read-only connection."""

    def __init__(self, dialect: Dialect) -> None:
        self._sql = _sql(Statements(dialect))

    def lanes(self, trigger_no: int | None, limit: int) -> Callable[[Connection], list[LaneStatus]]:
        """As ``Journal.lanes``."""
        return lambda connection: self._lanes(connection, trigger_no, limit)

    def counts(self, trigger_no: int) -> Callable[[Connection], TriggerCounts]:
        """As ``Journal.counts``; counted, not remembered, so that they can be checked (P07)."""
        return lambda connection: self._counts(connection, trigger_no)

    def totals(self, trigger_no: int) -> Callable[[Connection], tuple[int, int]]:
        """As ``Journal.totals``."""

        def read(connection: Connection) -> tuple[int, int]:
            row = connection.execute(self._sql.counts, (trigger_no,)).fetchone()
            accepted, replayed, _ = row or (0, 0, 0)
            return accepted, replayed

        return read

    def oldest_waiting_us(self, trigger_no: int) -> Callable[[Connection], int | None]:
        """As ``Journal.oldest_waiting_us``."""

        def read(connection: Connection) -> int | None:
            sql, of = self._sql, (trigger_no,)
            found = [connection.execute(text, of).fetchone() for text in (sql.ready, sql.due)]
            held = [*connection.execute(sql.running_of, of)]
            held += [row[:2] for row in connection.execute(sql.paused_of, (*of, _PAUSED_LANES))]
            for lane in held:
                first = connection.execute(sql.first_waiting, lane).fetchone()
                found.append(None if first is None else first[1:2])
            return min((row[0] for row in found if row is not None), default=None)

        return read

    def _lanes(
        self, connection: Connection, trigger_no: int | None, limit: int
    ) -> list[LaneStatus]:
        paused_triggers = dict(connection.execute(self._sql.paused_triggers).fetchall())
        lanes = self._found(connection, trigger_no, limit)
        whole = [
            LaneStatus(no, None, 0, 0, True, because, None, None, None)
            for no, because in paused_triggers.items()
            if trigger_no in (None, no)
        ]
        everything = everything_is_paused(connection)
        longest = sorted(lanes.values(), key=lambda lane: (-lane.waiting, -lane.running, lane.key))
        for lane in longest:
            lane.trigger_paused = everything or lane.trigger_no in paused_triggers
        of_lanes = self._statuses(connection, longest[:limit])
        return [*whole, *of_lanes][:limit]

    def _found(
        self, connection: Connection, trigger_no: int | None, limit: int
    ) -> dict[_Name, _Lane]:
        sql, of = self._sql, () if trigger_no is None else (trigger_no,)
        lanes: dict[_Name, _Lane] = {}
        longest = sql.longest if trigger_no is None else sql.longest_of
        for no, key, waiting in connection.execute(longest, (*of, limit)):
            lanes[no, key] = _Lane(no, key, waiting)
        running = sql.running if trigger_no is None else sql.running_of
        that_run = [(no, key) for no, key in connection.execute(running, of)]
        paused = sql.paused if trigger_no is None else sql.paused_of
        stand = connection.execute(paused, (*of, limit)).fetchall()
        self._complete(connection, lanes, [*that_run, *((no, key) for no, key, *_ in stand)])
        for name in that_run:
            lanes[name].running = 1
        for no, key, because, stopped_at_no in stand:
            whys = (None if stopped_at_no is None else _STOPPED, because)
            lanes[no, key].because = "; ".join(filter(None, whys))
        return lanes

    def _complete(
        self, connection: Connection, lanes: dict[_Name, _Lane], names: Sequence[_Name]
    ) -> None:
        """Count those of these lanes that are not among the longest."""
        others = [name for name in names if name not in lanes]
        for name, (waiting,) in zip(
            others, connection.ask_each(self._sql.waiting, others), strict=True
        ):
            lanes[name] = _Lane(*name, waiting)

    def _statuses(self, connection: Connection, lanes: Sequence[_Lane]) -> list[LaneStatus]:
        """What stands at their heads is asked for all of them at once."""
        sql, ask_each = self._sql, connection.ask_each
        named = [(lane.trigger_no, lane.key) for lane in lanes]
        first = dict(zip(named, ask_each(sql.first_waiting, named), strict=True))
        busy = [name for name, lane in zip(named, lanes, strict=True) if lane.running]
        running = dict(zip(busy, ask_each(sql.first_running, busy), strict=True))
        held = [name for name, lane in zip(named, lanes, strict=True) if lane.because]
        stopped = dict(zip(held, ask_each(sql.stopped_at, held), strict=True))
        return [
            _status(lane, first[name], running.get(name), stopped.get(name))
            for name, lane in zip(named, lanes, strict=True)
        ]

    def _counts(self, connection: Connection, trigger_no: int) -> TriggerCounts:
        sql, of = self._sql, (trigger_no,)

        def count(text: str) -> int:
            number: int = connection.execute(text, of).fetchone()[0]
            return number

        row = connection.execute(sql.counts, of).fetchone()
        accepted, replayed, purged = row or (0, 0, 0)
        waiting = count(sql.ready_alone) + count(sql.due_alone) + count(sql.in_lanes)
        running = count(sql.now_running)
        terminal = count(sql.total) - waiting - running
        return TriggerCounts(accepted, replayed, waiting, running, terminal, purged)


def _status(lane: _Lane, first: Any, running: Any, stopped: Any) -> LaneStatus:
    """Of what waits first, what runs, and where it stands: rows, or None."""
    oldest = None if first is None else first[1]
    head, reason = None, None
    if running is not None:
        head, oldest_running = running
        oldest = oldest_running if oldest is None else min(oldest, oldest_running)
    elif first is not None:
        head, reason = first[0], _reason(lane, first[2])
    if stopped is not None:
        (head,), reason = stopped, Reason.PAUSED
    return LaneStatus(
        lane.trigger_no,
        lane.key,
        lane.waiting,
        lane.running,
        lane.because is not None,
        lane.because or "",
        head,
        reason,
        oldest,
    )


def _reason(lane: _Lane, due_at_us: int | None) -> Reason:
    if lane.because is not None or lane.trigger_paused:
        return Reason.PAUSED
    return Reason.SLOT if due_at_us is None else Reason.RETRY_AT


def _sql(make: Statements) -> _Sql:
    e, i, p, m = execution.c, integration.c, paused_lane.c, message.c
    of_trigger = e.trigger_no == bindparam("trigger_no")
    the_lane = (of_trigger, e.lane_key == bindparam("lane_key"))
    longest = (
        select(e.trigger_no, e.lane_key, func.count().label("waiting"))
        .where(WAITING, IN_LANE)
        .group_by(e.trigger_no, e.lane_key)
        .order_by(func.count().desc())
        .limit(bindparam("count"))
        .offset(ZERO)
    )
    running = select(e.trigger_no, e.lane_key).where(RUNNING, IN_LANE)
    paused = (
        select(p.trigger_no, p.lane_key, p.paused_because, p.stopped_at_no)
        .limit(bindparam("count"))
        .offset(ZERO)
    )
    head = select(m.id, m.received_at_us, e.due_at_us).join(message, m.no == e.message_no)

    return _Sql(
        longest=make.compiled(longest, "count"),
        longest_of=make.compiled(longest.where(of_trigger), "trigger_no", "count"),
        running=make.compiled(running),
        running_of=make.compiled(running.where(of_trigger), "trigger_no"),
        paused=make.compiled(paused, "count"),
        paused_of=make.compiled(
            paused.where(p.trigger_no == bindparam("trigger_no")), "trigger_no", "count"
        ),
        paused_triggers=make.compiled(select(i.no, i.paused_because).where(i.paused == true())),
        waiting=make.compiled(
            select(func.count()).select_from(execution).where(WAITING, IN_LANE, *the_lane),
            *("trigger_no", "lane_key"),
        ),
        first_waiting=make.compiled(
            head.where(WAITING, IN_LANE, *the_lane).order_by(e.position).limit(ONE).offset(ZERO),
            *("trigger_no", "lane_key"),
        ),
        first_running=make.compiled(
            select(m.id, m.received_at_us)
            .join(execution, m.no == e.message_no)
            .where(RUNNING, IN_LANE, *the_lane),
            *("trigger_no", "lane_key"),
        ),
        stopped_at=_stopped_at(make),
        counts=make.compiled(
            select(i.last_sequence, i.replayed, i.purged).where(i.no == bindparam("trigger_no")),
            "trigger_no",
        ),
        total=_number(make),
        ready_alone=_number(make, READY, e.lane_key.is_(None)),
        due_alone=_number(make, DUE_LATER, e.lane_key.is_(None)),
        in_lanes=_number(make, WAITING, IN_LANE),
        now_running=_number(make, RUNNING),
        ready=_first(make, READY),
        due=_first(make, DUE_LATER),
    )


def _stopped_at(make: Statements) -> str:
    """The message at whose failed execution a lane stands."""
    e, p, m = execution.c, paused_lane.c, message.c
    the_lane = (p.trigger_no == bindparam("trigger_no"), p.lane_key == bindparam("lane_key"))
    standing = select(m.id).select_from(paused_lane).join(execution, e.no == p.stopped_at_no)
    found = standing.join(message, m.no == e.message_no).where(*the_lane)
    return make.compiled(found, "trigger_no", "lane_key")


def _first(make: Statements, condition: ColumnElement[bool]) -> str:
    """When the first message was received of those of a trigger that wait so."""
    e, m = execution.c, message.c
    received = select(m.received_at_us).join(execution, m.no == e.message_no)
    of_trigger = e.trigger_no == bindparam("trigger_no")
    first = received.where(condition, of_trigger).order_by(e.no).limit(ONE).offset(ZERO)
    return make.compiled(first, "trigger_no")


def _number(make: Statements, *conditions: Any) -> str:
    counted: Select[Any] = select(func.count()).select_from(execution)
    of_trigger = execution.c.trigger_no == bindparam("trigger_no")
    return make.compiled(counted.where(of_trigger, *conditions), "trigger_no")
