"""Defects that the machine must find: each breaks one promise in the store, and nothing else.

They are planted in this process only, for the length of a block.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest

from firesteel.model.execution import JournalEntry
from firesteel.store.journal import Idempotency, NewMessage, Postponement, Settlement
from firesteel.store.ledger.acts import Acts
from firesteel.store.ledger.appends import Appends
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import PAUSED, LaneName, Mirror, TriggerMirror
from firesteel.store.ledger.outcomes import Outcomes
from firesteel.store.sql import retention
from firesteel.store.sql.clock import Clocks, SteadyClock
from firesteel.store.sqlite.sessions import Sessions

Plant = Callable[[pytest.MonkeyPatch], None]


def written_without_its_epoch(patch: pytest.MonkeyPatch) -> None:
    """P14: a settlement counts whatever attempt it is of."""
    settle = Outcomes.settle

    def any_epoch(self: Outcomes, settlement: Settlement) -> bool:
        running = self._mirror.running.get(settlement.execution_no)
        epoch = settlement.epoch if running is None else running.epoch
        return settle(self, msgspec.structs.replace(settlement, epoch=epoch))

    patch.setattr(Outcomes, "settle", any_epoch)


def recorded_without_its_epoch(patch: pytest.MonkeyPatch) -> None:
    """P14: a step is journaled whatever attempt it is of."""

    def any_epoch(self: Outcomes, record: tuple[int, int, JournalEntry]) -> bool:
        self._journal(record[0], record[2:])
        return record[0] in self._mirror.running

    patch.setattr(Outcomes, "record", any_epoch)


def requeued_at_the_tail(patch: pytest.MonkeyPatch) -> None:
    """P10: a head that failed goes behind those that wait."""
    flush = Outcomes.flush

    def to_the_tail(self: Outcomes) -> None:
        numbers = [(row[-2],) for row in self._postponed]
        flush(self)
        self._claims._connection.executemany(
            "UPDATE execution SET position = (SELECT max(position) + 1 FROM execution),"
            " turn = lane_key IS NULL WHERE no = ?",
            numbers,
        )
        for (no,) in numbers:
            row = self._claims._connection.execute(
                "SELECT trigger_no, lane_key FROM execution WHERE no = ?", (no,)
            ).fetchone()
            if row[1] is not None:
                self._claims.advance(self._mirror.triggers[row[0]], row[1])

    patch.setattr(Outcomes, "flush", to_the_tail)


def attempt_not_counted_at_its_claim(patch: pytest.MonkeyPatch) -> None:
    """P16: an attempt is counted when it ends; one that is cut off was never made."""
    claim = Claims._claim

    def uncounted(self: Claims, trigger: TriggerMirror, row: tuple[Any, ...]) -> None:
        claim(self, trigger, row)
        session_no, epoch, attempt, *rest = self._claimed[-1]
        self._claimed[-1] = (session_no, epoch, attempt - 1, *rest)

    patch.setattr(Claims, "_claim", uncounted)


def keys_checked_before_they_are_inserted(patch: pytest.MonkeyPatch) -> None:
    """P22: of two calls in one transaction neither sees the other's key."""
    duplicate = Appends._duplicate

    def in_the_tables(self: Appends, new: NewMessage, key: Idempotency) -> Any:
        keys, self._keys = self._keys, {}
        try:
            return duplicate(self, new, key)
        finally:
            self._keys = keys

    patch.setattr(Appends, "_duplicate", in_the_tables)


def lane_advanced_while_paused(patch: pytest.MonkeyPatch) -> None:
    """P10: what ends in a paused lane lets the next one go."""
    leave, advance = Outcomes._leave_lane, Claims._advance_lane

    def leave_lane(self: Outcomes, trigger: TriggerMirror, lane_key: str) -> None:
        if self._mirror.lanes.get((trigger.no, lane_key)) == PAUSED:
            self._claims.advance(trigger, lane_key)
        leave(self, trigger, lane_key)

    def advance_lane(self: Claims, name: LaneName, trigger: TriggerMirror) -> None:
        if self._mirror.lanes.get(name) == PAUSED:
            self._mirror.lanes[name] = 1
        advance(self, name, trigger)

    patch.setattr(Outcomes, "_leave_lane", leave_lane)
    patch.setattr(Claims, "_advance_lane", advance_lane)


def concurrency_counted_after_the_claim(patch: pytest.MonkeyPatch) -> None:
    """P11: one more than the trigger's concurrency."""
    rule = TriggerMirror.rule

    def one_more(self: TriggerMirror, concurrency: int, *rest: Any) -> None:
        rule(self, concurrency + 1, *rest)

    patch.setattr(TriggerMirror, "rule", one_more)


def all_slots_for_one_trigger(patch: pytest.MonkeyPatch) -> None:
    """P12: a trigger takes the last slots too."""
    patch.setattr(Mirror, "allowance", lambda self, trigger: self.free_slots())


def purge_not_counted(patch: pytest.MonkeyPatch) -> None:
    """P07: replays that retention removes are gone from the books."""
    delete = retention.delete_piece

    def delete_piece(connection: sqlite3.Connection, piece: Sequence[retention.Expired]) -> int:
        gone = delete(connection, piece)
        connection.executemany(
            "UPDATE integration SET purged = purged - 1 WHERE no = ? AND purged > 0",
            {(one.rule.trigger_no,) for one in piece},
        )
        return gone

    patch.setattr(retention, "delete_piece", delete_piece)


def due_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """P32: a jump of the wall clock lets retries go too early, or too late."""
    begin = SteadyClock.__init__

    def init(self: SteadyClock, clocks: Clocks) -> None:
        begin(self, clocks)
        patch.setattr(self, "now_us", clocks.wall_us)

    patch.setattr(SteadyClock, "__init__", init)


def due_times_left_behind(patch: pytest.MonkeyPatch) -> None:
    """P32: after a restart under a clock that was set back, retries come too late."""
    begin = Sessions.begin

    def unmoved(self: Sessions) -> None:
        patch.setattr(self, "_sql", _with(self._sql, move_due="SELECT ?"))
        begin(self)

    patch.setattr(Sessions, "begin", unmoved)


def replayed_under_the_old_version(patch: pytest.MonkeyPatch) -> None:
    """P18: a replay runs under the version of its original, whatever was asked for."""
    replay = Acts.replay

    def old_version(self: Acts, execution_no: int, version_no: int, actor: Any) -> Any:
        row = self._one("SELECT version_no FROM execution WHERE no = ?", execution_no)
        return replay(self, execution_no, version_no if row is None else row[0], actor)

    patch.setattr(Acts, "replay", old_version)


def backlog_forgets_what_was_postponed(patch: pytest.MonkeyPatch) -> None:
    """P07: the counts in memory drift from the tables."""
    postpone = Outcomes.postpone

    def miscounted(self: Outcomes, postponement: Postponement) -> bool:
        running = self._mirror.running.get(postponement.execution_no)
        done = postpone(self, postponement)
        if done and running is not None:
            running.trigger.waiting -= 1
        return done

    patch.setattr(Outcomes, "postpone", miscounted)


def recovered_as_if_handed_back(patch: pytest.MonkeyPatch) -> None:
    """P14: what a dead session ran keeps its epoch."""
    begin = Sessions.connect

    def same_epoch(self: Sessions, connection: sqlite3.Connection) -> None:
        text = self._sql.take_over.replace("epoch=(execution.epoch + 1)", "epoch=epoch")
        assert text != self._sql.take_over
        patch.setattr(self, "_sql", _with(self._sql, take_over=text))
        begin(self, connection)

    patch.setattr(Sessions, "connect", same_epoch)


def _with(sql: Any, **changed: str) -> Any:
    return dataclasses.replace(sql, **changed)


def by_name(*plants: Plant) -> dict[str, tuple[str, Plant]]:
    """The promise that each breaks, and itself."""
    return {plant.__name__: ((plant.__doc__ or "")[:3], plant) for plant in plants}


DEFECTS = by_name(
    written_without_its_epoch,
    recorded_without_its_epoch,
    requeued_at_the_tail,
    attempt_not_counted_at_its_claim,
    keys_checked_before_they_are_inserted,
    lane_advanced_while_paused,
    concurrency_counted_after_the_claim,
    all_slots_for_one_trigger,
    purge_not_counted,
    due_by_the_wall_clock,
    due_times_left_behind,
    replayed_under_the_old_version,
    backlog_forgets_what_was_postponed,
    recovered_as_if_handed_back,
)


@contextlib.contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """The defect, for the length of the block."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        yield
