"""Claiming where each question to the tables is a journey: one for all lanes, not one for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from firesteel.model.execution import JournalEntry
from firesteel.store.journal import LEFT_FROM_BYTES, Claim
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import BUSY, PAUSED, LaneName, Mirror, TriggerMirror
from firesteel.store.ledger.pen import Pen, Row
from firesteel.store.postgresql.arrays import numbers, texts
from firesteel.store.sql.database import Cursor
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.statements import Statements

_RIPEN_AT_ONCE: Final = 500

_RIPEN: Final = """
UPDATE execution SET due_at_us = NULL WHERE no = ANY (ARRAY(
    SELECT e.no FROM execution AS e
    WHERE e.state = 'waiting' AND e.due_at_us IS NOT NULL AND e.due_at_us <= ?::BIGINT
        AND e.trigger_no = ANY (?::BIGINT[])
    ORDER BY e.due_at_us LIMIT ?::BIGINT
)) RETURNING trigger_no
"""

# For each lane: whether it is paused, whether it runs, and its head, whole or by its number.
_HEADS: Final = """
SELECT v.place,
    EXISTS (
        SELECT FROM paused_lane AS p WHERE p.trigger_no = v.trigger_no AND p.lane_key = v.lane_key
    ),
    EXISTS (
        SELECT FROM execution AS e WHERE e.state = 'running' AND e.lane_key IS NOT NULL
            AND e.trigger_no = v.trigger_no AND e.lane_key = v.lane_key
    ),
    h.*
FROM unnest(?::BIGINT[], ?::TEXT[]) WITH ORDINALITY AS v (trigger_no, lane_key, place)
LEFT JOIN LATERAL (
    SELECT {columns} FROM execution AS e {joins}
    WHERE e.state = 'waiting' AND e.lane_key IS NOT NULL
        AND e.trigger_no = v.trigger_no AND e.lane_key = v.lane_key
    ORDER BY e.position LIMIT 1
) AS h ON true
"""
_WHOLE_HEADS: Final = _HEADS.format(
    columns="e.no, e.epoch, e.run, e.version_no, e.lane_key, e.attempt, e.counted, e.alone,"
    " e.first_started_at_us, m.id, m.sequence, m.received_at_us, m.consumer, p.request,"
    f" CASE WHEN length(p.body) <= {LEFT_FROM_BYTES} THEN p.body END, length(p.body), e.due_at_us",
    joins="JOIN message AS m ON m.no = e.message_no"
    " JOIN payload AS p ON p.message_no = e.message_no",
)
_BARE_HEADS: Final = _HEADS.format(columns="e.no, e.due_at_us", joins="")

_GIVE_TURNS: Final = "UPDATE execution SET turn = true WHERE no = ANY (?::BIGINT[])"

_JOURNALS: Final = """
SELECT execution_no, step, kind, attempt, started_at_us, ended_at_us, result, input
FROM entry WHERE execution_no = ANY (?::BIGINT[]) ORDER BY no
"""


class SharedClaims(Claims):
    """``became_ready``: triggers that came to have something to run in this transaction."""

    def __init__(self, mirror: Mirror, pen: Pen) -> None:
        super().__init__(mirror, pen, Statements(POSTGRESQL))
        self.became_ready: set[int] = set()
        self._journals: dict[int, list[JournalEntry]] = {}
        # Triggers of which the last look found no more that may run than there were slots for.
        self._short: set[int] = set()
        self._gave_all = False
        # Of these, in this transaction: new heads of lanes, which have no turn in the tables yet;
        # and what else may run, asked for at once with those, of so many at most.
        self._heads: dict[int, list[Row]] = {}
        self._asked: dict[int, tuple[int, Cursor]] = {}

    def forget(self) -> None:
        """See ``Claims.forget``."""
        super().forget()
        self.became_ready = set()
        self._heads, self._asked = {}, {}

    def ready(self, trigger: TriggerMirror) -> None:
        """See ``Claims.ready``."""
        super().ready(trigger)
        self.became_ready.add(trigger.no)

    def ripen(self) -> None:
        """What is due by now, of the triggers that are held, becomes ready."""
        mirror = self._mirror
        if mirror.next_due_us is None or mirror.next_due_us > mirror.steady_us:
            return
        due = self._connection.execute(
            _RIPEN, (mirror.steady_us, numbers(mirror.triggers), _RIPEN_AT_ONCE)
        ).fetchall()
        for trigger_no in {trigger_no for (trigger_no,) in due}:
            self.ready(mirror.triggers[trigger_no])
        mirror.see_next_due()

    def finish(self) -> Sequence[Claim]:
        """See ``Claims.finish``."""
        advance, self._advance = self._advance, {}
        if advance:
            self._advance_lanes(advance)
        claims = super().finish()
        self._give_turns([head[0] for heads in self._heads.values() for head in heads])
        self._heads, self._asked = {}, {}
        return claims

    def _give_turns(self, turns: Sequence[int]) -> None:
        if turns:
            self._connection.execute(_GIVE_TURNS, (numbers(turns),))

    def _advance_lanes(self, advance: dict[LaneName, TriggerMirror]) -> None:
        """As ``_advance_lane``, of all of them."""
        lanes = self._mirror.lanes
        names = [name for name in advance if lanes.get(name, BUSY) not in (0, PAUSED)]
        if not names:
            return
        alone = not self._mirror.turns
        merged = not alone and self._slots_suffice(names)
        columns = (numbers([no for no, _ in names]), texts([key for _, key in names]))
        asked = self._connection.execute(_WHOLE_HEADS if alone or merged else _BARE_HEADS, columns)
        if merged:
            self._ask_at_once(advance[name] for name in names)
        found = asked.fetchall()
        if alone:
            self._look_ahead([row[3:] for row in found if row[3] is not None])
        turns = []
        for place, paused, runs, *head in sorted(found, key=lambda row: row[0]):
            name = names[place - 1]
            if self._stands_still(name, paused=paused, runs=runs, head_no=head[0]):
                continue
            trigger, is_due = advance[name], head[-1] is None
            if alone and is_due and self._may_claim_at_once(trigger):
                self._claim(trigger, tuple(head))
                continue
            if merged and is_due:
                self._heads.setdefault(trigger.no, []).append(tuple(head))
            else:
                turns.append(head[0])
            if is_due:
                self.ready(trigger)
        self._give_turns(turns)

    def _stands_still(
        self, name: LaneName, *, paused: bool, runs: bool, head_no: int | None
    ) -> bool:
        """Whether nothing of the lane may start, by what the tables say and what is remembered."""
        lanes = self._mirror.lanes
        if lanes.get(name, BUSY) == BUSY:
            is_there = runs or head_no is not None
            lanes[name] = PAUSED if paused else BUSY if is_there else 0
            if paused or runs:
                return True
        return head_no is None

    def _slots_suffice(self, names: Sequence[LaneName]) -> bool:
        """The new heads of these lanes will most likely be claimed now: whoever works on a trigger
        beside others never knows that nothing else of it may run, as one that is alone does."""
        fits = len(names) <= self._mirror.free_slots()
        return fits and all(trigger_no in self._short for trigger_no, _ in names)

    def _ask_at_once(self, triggers: Iterable[TriggerMirror]) -> None:
        """What else may run is asked for on the same journey."""
        for trigger in dict.fromkeys(triggers):
            most = self._mirror.allowance(trigger)
            if most > 0:
                self._asked[trigger.no] = most, self._ask_ready(trigger, most + 1)

    def _none_left(self, rows: Sequence[Row], count: int) -> bool:
        """Others are told of what is left, so it is known for sure."""
        return self._gave_all

    def _oldest(self, trigger: TriggerMirror, count: int) -> Sequence[Row]:
        """As ``Claims._oldest``, heads among them that have no turn yet. One more is asked for, to
        know whether it is there."""
        most, asked = self._asked.pop(trigger.no, (0, None))
        if asked is None or most < count:
            asked = self._ask_ready(trigger, count + 1)
        ready = asked.fetchall()
        (self._short.discard if len(ready) > count else self._short.add)(trigger.no)
        heads = self._heads.pop(trigger.no, [])
        self._gave_all = len(ready) + len(heads) <= count
        if not heads:
            return ready[:count]
        oldest = sorted([*ready, *heads], key=lambda row: row[0])[:count]
        taken = {row[0] for row in oldest}
        self._heads[trigger.no] = [head for head in heads if head[0] not in taken]
        return oldest

    def _look_ahead(self, rows: Sequence[Row]) -> None:
        """Ask for the journals of those that were tried before."""
        again = [row[0] for row in rows if row[5] > 0]
        self._journals = {no: [] for no in again}
        if again:
            for no, *entry in self._connection.execute(_JOURNALS, (numbers(again),)):
                self._journals[no].append(JournalEntry(*entry))

    def _journal(self, execution_no: int) -> list[JournalEntry]:
        known = self._journals.pop(execution_no, None)
        return super()._journal(execution_no) if known is None else known
