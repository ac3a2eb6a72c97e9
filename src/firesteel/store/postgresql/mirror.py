"""What the writer's thread remembers, where other nodes work on the same tables.

A trigger's row is its monitor: who holds the row's lock, until the commit, is alone with the
trigger's executions and lanes. So of all triggers only those that are *held* may be looked at in a
transaction; the row brings their counts, over all nodes, and says who changed them last. What this
session remembers of a trigger is still right where that was itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from firesteel.errors import CallerError
from firesteel.store.ledger.mirror import BUSY, PAUSED, LaneName, Mirror, Running, TriggerMirror
from firesteel.store.ledger.pen import Row
from firesteel.store.postgresql.arrays import numbers, texts
from firesteel.store.postgresql.clock import NodesClock
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.statements import Statements

# Of a trigger that was never held; hold() reads the true ones.
_NOT_READ: Final = (1, 1, "continue", 0, None)
# Forgetting one trigger's lanes looks at all that are known: fewer than SQLite keeps.
_LANES: Final = 10_000

_TRIGGERS: Final = "SELECT no, last_sequence, waiting FROM integration"
_RUNNING: Final = """
SELECT no, trigger_no, epoch, lane_key, attempt, counted, started_at_us
FROM execution WHERE state = 'running' AND session_no = ?::BIGINT
"""
_NEXT_DUE: Final = """
SELECT min(due_at_us) FROM execution WHERE state = 'waiting' AND due_at_us IS NOT NULL
"""
_LANES_ASKED: Final = """
SELECT v.trigger_no, v.lane_key,
    EXISTS (
        SELECT FROM paused_lane AS p WHERE p.trigger_no = v.trigger_no AND p.lane_key = v.lane_key
    ),
    EXISTS (
        SELECT FROM execution AS e WHERE e.state = 'waiting' AND e.lane_key IS NOT NULL
            AND e.trigger_no = v.trigger_no AND e.lane_key = v.lane_key
    ) OR EXISTS (
        SELECT FROM execution AS e WHERE e.state = 'running' AND e.lane_key IS NOT NULL
            AND e.trigger_no = v.trigger_no AND e.lane_key = v.lane_key
    )
FROM unnest(?::BIGINT[], ?::TEXT[]) AS v (trigger_no, lane_key)
"""


class NotHeld(Exception):
    """The transaction needs a trigger that it does not hold: it is to be begun anew with it."""

    def __init__(self, trigger_no: int) -> None:
        super().__init__(f"trigger {trigger_no} is not held")
        self.trigger_no = trigger_no


class SharedTrigger(TriggerMirror):
    """``running`` counts this session's executions, ``elsewhere`` the other sessions';
    ``concurrency`` is what those leave. ``believed``: what is remembered is right where this
    session was the last to change the trigger. ``read``: last sequence, waiting and running as the
    row had them; ``changed``: the row is to be written whatever they are."""

    __slots__ = ("believed", "changed", "elsewhere", "read")

    def __init__(self, no: int, last_sequence: int) -> None:
        super().__init__(no, last_sequence, *_NOT_READ)
        self.elsewhere = 0
        self.believed = False
        self.changed = False
        self.read = (0, 0, 0)

    def row(self) -> tuple[int, int, int]:
        """Last sequence, waiting and running as the row should have them."""
        return self.last_sequence, self.waiting, self.running + self.elsewhere


class SharedMirror(Mirror):
    """``own_clock``: the given wall clock is what the database's is on a real node.
    ``triggers`` are those held in this transaction, ``known`` all. ``in_company``: other sessions
    live. ``line``: triggers that may
    have something to run and a slot of their own free, in the order of their turns; True: tried in
    vain, until something changes."""

    triggers: dict[int, TriggerMirror]
    steady: NodesClock  # type: ignore[assignment]

    def __init__(self, clocks: Clocks, *, own_clock: bool) -> None:
        super().__init__(clocks, Statements(POSTGRESQL))
        self.steady = NodesClock(clocks)
        self._own_clock = own_clock
        self.known: dict[int, SharedTrigger] = {}
        self.in_company = False
        self.line: dict[int, bool] = {}
        self._asked: set[int] = set()

    def load(self) -> None:
        """Believe the tables, from now on."""
        ask = self._connection.execute
        self.triggers, self.turns, self.line, self.lanes, self.running = {}, {}, {}, {}, {}
        self._asked = set()
        known = self.known
        self.known = {}
        for no, last_sequence, waiting in ask(_TRIGGERS):
            trigger = self.known[no] = known.get(no) or SharedTrigger(no, last_sequence)
            trigger.believed = trigger.changed = False
            trigger.running, trigger.waiting, trigger.ready = 0, waiting, waiting > 0
            if waiting:
                self.line[no] = False
        for no, trigger_no, *rest in ask(_RUNNING, (self.session_no,)):
            epoch, lane_key, attempt, counted, started_at_us = rest
            trigger = self.known[trigger_no]
            trigger.running += 1
            self.running[no] = Running(epoch, trigger, lane_key, attempt, counted, started_at_us)
        self.see_next_due()

    def see_next_due(self) -> None:
        """As on one node; of all nodes."""
        (self.next_due_us,) = self._connection.execute(_NEXT_DUE).fetchone()

    def tick(self) -> None:
        """The clocks were read with the locks; let go of lanes beyond the bound."""
        self.wall_us = self._clocks.wall_us()
        self.steady_us = self.steady.now_us()
        if len(self.lanes) > _LANES:
            self.lanes = dict(list(self.lanes.items())[-_LANES // 2 :])

    def database_us(self, told_us: int) -> int:
        """What the database's clock told, or the one in its place."""
        return self._clocks.wall_us() if self._own_clock else told_us

    # --- holding --------------------------------------------------------------------------------

    def hold(self, asked: Iterable[int], rows: Sequence[Row]) -> None:
        """The transaction holds the triggers of ``rows``, of those asked for."""
        self._asked.update(asked)
        foreign = set()
        for no, last_sequence, waiting, running, touched_by, *rules in rows:
            trigger = self.known.setdefault(no, SharedTrigger(no, last_sequence))
            if not trigger.believed or touched_by != self.session_no:
                foreign.add(no)
                trigger.ready = waiting > 0
            trigger.believed, trigger.changed = True, False
            trigger.last_sequence, trigger.waiting = last_sequence, waiting
            trigger.elsewhere = max(0, running - trigger.running)
            trigger.read = trigger.row()
            concurrency, *others = rules
            trigger.rule(concurrency - trigger.elsewhere, *others)
            self.triggers[no] = trigger
        if foreign and self.lanes:
            self.lanes = {
                name: known for name, known in self.lanes.items() if name[0] not in foreign
            }
        for no in [no for no in self.line if no in self.triggers]:
            del self.line[no]
            self.offer(self.triggers[no])
        for held in self.triggers.values():
            self.offer(held)

    def let_go(self) -> None:
        """The transaction is committed. Who has not come to its turn keeps it."""
        for no in self.turns:
            self.line[no] = True
        self.triggers, self.turns, self._asked = {}, {}, set()

    def changed_rows(self) -> list[tuple[int, int, int, int]]:
        """Number, last sequence, waiting and running of the held triggers that were changed."""
        return [
            (no, *trigger.row())
            for no, trigger in self.triggers.items()
            if isinstance(trigger, SharedTrigger)
            and (trigger.changed or trigger.row() != trigger.read)
        ]

    def mark_changed(self, numbers: Iterable[int]) -> None:
        """Something of these triggers is changed that their counts may not show."""
        for no in numbers:
            trigger = self.triggers.get(no)
            if isinstance(trigger, SharedTrigger):
                trigger.changed = True

    def trigger(self, trigger_no: int) -> TriggerMirror:
        """Raises NotHeld too."""
        held = self.triggers.get(trigger_no)
        if held is not None:
            return held
        if trigger_no not in self._asked:
            raise NotHeld(trigger_no)
        raise CallerError("there is no such trigger", code="unknown_integration")

    def shared(self, trigger_no: int) -> SharedTrigger:
        """A trigger that is held."""
        held = self.trigger(trigger_no)
        assert isinstance(held, SharedTrigger)
        return held

    def see_rules(self, trigger_no: int) -> None:
        """They come with the row."""

    def next_in_line(self, count: int) -> list[int]:
        """Triggers to try now, in their order: those that were not, before those tried in vain."""
        untried = [no for no, tried in self.line.items() if not tried]
        tried = [no for no, tried in self.line.items() if tried]
        return [*untried, *tried][:count] if count > 0 else []

    def put_in_line(self, numbers: Iterable[int]) -> None:
        """Somebody says that these have something to run."""
        for no in numbers:
            self.line[no] = False

    def see_counts(self, no: int, waiting: int, running: int) -> None:
        """So many wait and run, on all nodes, as the row of a trigger says that is not held."""
        trigger = self.known.get(no)
        if trigger is None:
            trigger = self.known[no] = SharedTrigger(no, 0)
        trigger.waiting = waiting
        trigger.elsewhere = max(0, running - trigger.running)

    def backlog(self, no: int) -> tuple[int, int]:
        """As ``Journal.backlog``, from any thread. What the row counts of others that do not live,
        and are not recovered yet, runs nowhere."""
        trigger = self.known.get(no)
        if trigger is None:
            return 0, 0
        elsewhere = trigger.elsewhere if self.in_company else 0
        return trigger.waiting, trigger.running + elsewhere

    # --- lanes ----------------------------------------------------------------------------------

    def learn_lanes(self, names: Iterable[LaneName]) -> None:
        """Ask for all of these that are not known, at once."""
        unknown = [name for name in dict.fromkeys(names) if name not in self.lanes]
        if unknown:
            self.lanes.update(self.look_at_lanes(unknown))

    def look_at_lanes(self, names: Sequence[LaneName]) -> dict[LaneName, int]:
        """PAUSED, BUSY or 0 of each, from the tables."""
        columns: tuple[Any, ...] = (
            numbers([no for no, _ in names]),
            texts([key for _, key in names]),
        )
        return {
            (no, key): PAUSED if paused else BUSY if busy else 0
            for no, key, paused, busy in self._connection.execute(_LANES_ASKED, columns)
        }
