"""What the writer's thread remembers of the tables, so that the hot path need not ask them.

The truth is in the tables; all of this is read from them at open and after a roll-back. Its size
is bounded by the triggers, by what runs, and by ``LANES``: a million waiting messages, or a
million lanes, take no more memory than ten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import BigInteger, bindparam, func, select

from firesteel.errors import CallerError
from firesteel.store.schema import (
    DUE_LATER,
    IN_LANE,
    READY,
    RUNNING,
    WAITING,
    execution,
    integration,
    paused_lane,
    session,
)
from firesteel.store.sql.clock import Clocks, SteadyClock
from firesteel.store.sql.database import Connection
from firesteel.store.sql.statements import ONE, ZERO, Statements

LANES = 50_000

# A trigger starts another execution while it runs at most SHARE times as many as slots are free
# beside that one: the dynamic threshold of shared buffers (Choudhury and Hahne 1998,
# https://doi.org/10.1109/90.700892). Whatever it runs and however long, others find free slots.
SHARE = 8

# What is remembered of a lane is how many of its executions wait or run, or one of these.
BUSY = -1
"""It has some, their number is not known."""
PAUSED = -2

LaneName = tuple[int, str]
"""A trigger's number and a lane's key."""


class TriggerMirror:
    """Rules and counters of one trigger. ``ready``: there may be executions in the index of what
    may run; False is certain. ``rules`` as in ``rule``."""

    __slots__ = (
        "concurrency",
        "lane_limit",
        "last_sequence",
        "max_waiting",
        "no",
        "paused",
        "ready",
        "running",
        "stops",
        "waiting",
    )

    def __init__(self, no: int, last_sequence: int, *rules: Any) -> None:
        self.no = no
        self.last_sequence = last_sequence
        self.waiting = 0
        self.running = 0
        self.ready = False
        self.rule(*rules)

    def rule(  # one for each column, in their order
        self,
        concurrency: int,
        max_waiting: int,
        on_failure: str,
        paused: int,
        lane_limit: int | None,
    ) -> None:
        """Take the rules of the trigger's row. A lane ``stops`` at its failed head."""
        self.concurrency = concurrency
        self.max_waiting = max_waiting
        self.stops = on_failure == "pause"
        self.lane_limit = lane_limit
        self.paused = bool(paused)


class Running(msgspec.Struct, gc=False):
    """A running execution of this session."""

    epoch: int
    trigger: TriggerMirror
    lane_key: str | None
    attempt: int
    counted: int
    started_at_us: int


@dataclass(frozen=True, slots=True)
class _Sql:
    rules: str
    trigger: str
    triggers: str
    ready: str
    due: str
    lanes: str
    running: str
    last_no: str
    last_given_no: str
    next_due: str
    lane_paused: str
    lane_running: str
    lane_waiting: str
    lane_length: str


class Mirror:
    """``wall_us`` and ``steady_us`` are read once a transaction. ``turns`` holds the triggers that
    have something ready and a slot of their own free, in the order of their turns."""

    def __init__(self, clocks: Clocks, make: Statements) -> None:
        self._clocks = clocks
        self._sql = _sql(make)
        self.steady = SteadyClock(clocks)
        self.wall_us = self.steady_us = 0
        self.session_no = 0
        self.slots = 0
        self.last_no = 0
        self.next_due_us: int | None = None
        self.triggers: dict[int, TriggerMirror] = {}
        self.running: dict[int, Running] = {}
        self.lanes: dict[LaneName, int] = {}
        self.turns: dict[int, TriggerMirror] = {}

    def connect(self, connection: Connection) -> None:
        """Ask there from now on."""
        self._connection = connection

    def tick(self) -> None:
        """Read the clocks and let go of lanes beyond the bound, those noted first."""
        self.wall_us = self._clocks.wall_us()
        self.steady_us = self.steady.now_us()
        lanes = self.lanes
        if len(lanes) > LANES:
            for name in list(lanes)[: len(lanes) - LANES // 2]:
                del lanes[name]

    def load(self) -> None:
        """Believe the tables."""
        ask, sql = self._connection.execute, self._sql
        self.triggers = {}
        self.lanes, self.turns, self.running = {}, {}, {}
        for no, last_sequence, *rules in ask(sql.triggers):
            self.triggers[no] = TriggerMirror(no, last_sequence, *rules)
        for no, waiting, in_lanes in ask(sql.ready):
            self.triggers[no].waiting += waiting - in_lanes
            self.triggers[no].ready = True
        for no, waiting in [*ask(sql.due), *ask(sql.lanes)]:
            self.triggers[no].waiting += waiting
        for no, trigger_no, *rest in ask(sql.running, (self.session_no,)):
            epoch, lane_key, attempt, counted, started_at_us = rest
            trigger = self.triggers[trigger_no]
            trigger.running += 1
            self.running[no] = Running(epoch, trigger, lane_key, attempt, counted, started_at_us)
        (highest,), (given,) = ask(sql.last_no).fetchone(), ask(sql.last_given_no).fetchone()
        self.last_no = max(highest or 0, given or 0)
        self.see_next_due()
        for trigger in self.triggers.values():
            self.offer(trigger)

    def see_next_due(self) -> None:
        """Note when the next postponed execution is due."""
        (self.next_due_us,) = self._connection.execute(self._sql.next_due).fetchone()

    def trigger(self, trigger_no: int) -> TriggerMirror:
        """Raises CallerError ``unknown_integration``."""
        known = self.triggers.get(trigger_no)
        if known is not None:
            return known
        row = self._connection.execute(self._sql.trigger, (trigger_no,)).fetchone()
        if row is None:
            raise CallerError("there is no such trigger", code="unknown_integration")
        trigger = self.triggers[trigger_no] = TriggerMirror(trigger_no, *row)
        return trigger

    def see_rules(self, trigger_no: int) -> None:
        """The trigger's row has changed."""
        trigger = self.triggers.get(trigger_no)
        row = self._connection.execute(self._sql.rules, (trigger_no,)).fetchone()
        if trigger is not None and row is not None:
            trigger.rule(*row)
            self.offer(trigger)

    def offer(self, trigger: TriggerMirror) -> None:
        """Let the trigger take turns, if it has something ready and may run it."""
        if (
            trigger.ready
            and not trigger.paused
            and trigger.running < trigger.concurrency
            and trigger.no not in self.turns
        ):
            self.turns[trigger.no] = trigger

    def free_slots(self) -> int:
        """How many more executions may run; below 0 after the grant was lowered."""
        return self.slots - len(self.running)

    def allowance(self, trigger: TriggerMirror) -> int:
        """How many more executions the trigger may start now, as far as slots go; 0 or less: none.
        See SHARE."""
        return (SHARE * self.free_slots() - trigger.running + 1) // (SHARE + 1)

    def lane(self, name: LaneName) -> int:
        """What is known of a lane, asked from the tables where nothing is."""
        known = self.lanes.get(name)
        if known is None:
            known = self.lanes[name] = self.look_at_lane(name)
        return known

    def look_at_lane(self, name: LaneName) -> int:
        """PAUSED, BUSY or 0, from the tables."""
        if self._has(self._sql.lane_paused, name):
            return PAUSED
        if self._has(self._sql.lane_waiting, name) or self._has(self._sql.lane_running, name):
            return BUSY
        return 0

    def lane_length(self, name: LaneName, most: int) -> int:
        """How many executions of the lane wait or run in the tables, counted up to ``most``."""
        row = self._connection.execute(self._sql.lane_length, (*name, most)).fetchone()
        return int(row[0]) + self.lane_runs(name)

    def lane_runs(self, name: LaneName) -> bool:
        """The lane has a running execution, of any session."""
        return self._has(self._sql.lane_running, name)

    def _has(self, sql: str, name: LaneName) -> bool:
        return self._connection.execute(sql, name).fetchone() is not None


def _sql(make: Statements) -> _Sql:
    compiled = make.compiled
    e, i = execution.c, integration.c
    rules = (i.concurrency, i.max_waiting, i.on_failure, i.paused, i.lane_limit)
    the_trigger = i.no == bindparam("trigger_no")
    the_lane = (e.trigger_no == bindparam("trigger_no"), e.lane_key == bindparam("lane_key"))
    paused = select(paused_lane.c.trigger_no).where(
        paused_lane.c.trigger_no == bindparam("trigger_no"),
        paused_lane.c.lane_key == bindparam("lane_key"),
    )
    running = select(e.no, e.trigger_no, e.epoch, e.lane_key, e.attempt, e.counted, e.started_at_us)
    by_trigger = e.trigger_no
    # An expression, lest the planner walk all executions for the order of their index by trigger.
    unordered = by_trigger + ZERO
    due_alone = select(unordered, func.count()).where(DUE_LATER, e.lane_key.is_(None))
    return _Sql(
        rules=compiled(select(*rules).where(the_trigger), "trigger_no"),
        trigger=compiled(select(i.last_sequence, *rules).where(the_trigger), "trigger_no"),
        triggers=compiled(select(i.no, i.last_sequence, *rules)),
        ready=compiled(
            select(by_trigger, func.count(), func.count(e.lane_key))
            .where(READY)
            .group_by(by_trigger)
        ),
        due=compiled(due_alone.group_by(unordered)),
        lanes=compiled(
            select(by_trigger, func.count()).where(WAITING, IN_LANE).group_by(by_trigger)
        ),
        running=compiled(
            running.where(RUNNING, e.session_no == bindparam("session_no")), "session_no"
        ),
        last_no=compiled(select(func.max(e.no))),
        last_given_no=compiled(select(func.max(session.c.last_no))),
        next_due=compiled(select(func.min(e.due_at_us)).where(DUE_LATER)),
        lane_paused=compiled(paused, "trigger_no", "lane_key"),
        lane_running=compiled(
            select(e.no).where(RUNNING, IN_LANE, *the_lane), "trigger_no", "lane_key"
        ),
        lane_length=compiled(
            select(func.count()).select_from(
                select(e.no)
                .where(WAITING, IN_LANE, *the_lane)
                .limit(bindparam("most", type_=BigInteger()))
                .offset(ZERO)
                .subquery()
            ),
            *("trigger_no", "lane_key", "most"),
        ),
        lane_waiting=compiled(
            select(e.no)
            .where(WAITING, IN_LANE, *the_lane)
            .order_by(e.position)
            .limit(ONE)
            .offset(ZERO),
            "trigger_no",
            "lane_key",
        ),
    )
