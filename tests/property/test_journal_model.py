"""The journal does what a plain list would: hypothesis plays engine and people against both.

The list says which executions *may* start at any moment; the store must have claimed only such,
as many as slots allow, and must agree with the list on every count and outcome.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firesteel.model.execution import State
from firesteel.store.journal import Claim, TriggerCounts
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.conftest import Size
from tests.support.hand import ADA, GONE, Hand

EXAMPLES = {"quick": 12, "full": 1000, "soak": 10_000}
LANES = [None, "", "a", "b"]
PAUSING = 2
"""The trigger whose lanes stop at a failed head."""


@dataclass(slots=True)
class Row:
    """An execution, as the list has it."""

    no: int
    trigger: int
    lane: str | None
    position: int
    sequence: int
    state: State = State.WAITING
    due_s: float = 0.0
    attempt: int = 0
    counted: int = 0
    claim: Claim | None = None


class JournalMachine(RuleBasedStateMachine):
    """Two triggers: 1 goes on after failures, 2 stops its lanes; both run three at once."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.elapsed_s = 0.0
        self.slots = 4
        self.rows: list[Row] = []
        self.accepted = {1: 0, 2: 0}
        self.replayed = {1: 0, 2: 0}
        self.paused_lanes: set[tuple[int, str]] = set()
        self.stopped_lanes: dict[tuple[int, str], int] = {}
        self.paused_triggers: set[int] = set()
        self.store: SqliteStore | None = None
        self.hand: Hand

    # --- the session ----------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.store = await open_store(
            Path(self.folder.name) / "store.db", monotonic_s=lambda: self.elapsed_s
        )
        self.hand = Hand(self.store.journal, self.store.catalog, slots=self.slots)
        assert await self.hand.trigger("one", concurrency=3) == 1
        assert await self.hand.trigger("two", concurrency=3, on_failure="pause") == PAUSING

    @rule()
    def end_and_begin_again(self) -> None:
        self._take()

        async def again() -> int:
            assert self.store is not None
            await self.store.close()
            await self._open()
            return await self.hand.journal.recover()

        running = [row for row in self.rows if row.state is State.RUNNING]
        for row in running:
            row.state, row.counted, row.claim, row.due_s = State.WAITING, row.counted - 1, None, 0
        assert self.runner.run(again()) == len(running)

    # --- the engine -----------------------------------------------------------------------------

    @rule(
        calls=st.lists(
            st.tuples(st.sampled_from([1, 2]), st.sampled_from(LANES)), min_size=1, max_size=6
        )
    )
    def accept(self, calls: list[tuple[int, str | None]]) -> None:
        async def put() -> list[object]:
            new = [self.hand.new(trigger, lane) for trigger, lane in calls]
            return await asyncio.gather(*(self.hand.journal.append(one) for one in new))

        for (trigger, lane), accepted in zip(calls, self.runner.run(put()), strict=True):
            self.accepted[trigger] += 1
            no = accepted.execution_no  # type: ignore[attr-defined]
            sequence = accepted.sequence  # type: ignore[attr-defined]
            assert sequence == self.accepted[trigger]
            self.rows.append(Row(no, trigger, lane, no, sequence))

    @precondition(lambda self: self._running())
    @rule(data=st.data(), succeeded=st.booleans())
    def settle(self, data: st.DataObject, succeeded: bool) -> None:
        row, claim = self._one_running(data)
        state = State.SUCCEEDED if succeeded else State.FAILED
        assert self.runner.run(self.hand.settle(claim, state))
        row.state = state
        if state is State.FAILED and row.trigger == PAUSING and row.lane is not None:
            self.stopped_lanes[row.trigger, row.lane] = row.no

    @precondition(lambda self: self._running())
    @rule(data=st.data(), delay_s=st.sampled_from([0.0, 10.0]), counts=st.booleans())
    def postpone(self, data: st.DataObject, delay_s: float, counts: bool) -> None:
        row, claim = self._one_running(data)
        assert self.runner.run(self.hand.postpone(claim, delay_s, counts=counts))
        assert not self.runner.run(self.hand.settle(claim))
        row.state, row.claim, row.due_s = State.WAITING, None, self.elapsed_s + delay_s
        row.counted -= not counts

    @rule(slots=st.integers(0, 6))
    def grant(self, slots: int) -> None:
        self.slots = slots
        self.hand.journal.grant(slots)

    @rule()
    def time_passes(self) -> None:
        self.elapsed_s += 6.0

    # --- people ---------------------------------------------------------------------------------

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.rows))
        self._take()
        ended = self.runner.run(_await(self.hand.journal.cancel(row.no, ADA, GONE)))
        assert ended.changed == (row.state is State.WAITING)
        if ended.changed:
            row.state = State.CANCELLED

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def end_running(self, data: st.DataObject) -> None:
        row, claim = self._one_running(data)
        journal = self.hand.journal
        past = self.runner.run(_await(journal.end_running(row.no, claim.epoch - 1, ADA, GONE)))
        assert not past.changed
        ended = self.runner.run(_await(journal.end_running(row.no, claim.epoch, ADA, GONE)))
        assert ended.changed
        row.state = State.CANCELLED

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def skip(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.rows))
        self._take()
        stands = row.lane is not None and self._stopped_at(row) == row.no
        ended = self.runner.run(_await(self.hand.journal.skip(row.no, ADA, GONE)))
        waiting = row.state is State.WAITING
        assert ended.changed == (waiting or (row.state is State.FAILED and stands))
        if ended.changed:
            row.state = State.SKIPPED
            if not waiting and row.lane is not None:
                del self.stopped_lanes[row.trigger, row.lane]

    @precondition(lambda self: any(row.state.terminal for row in self.rows))
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from([row for row in self.rows if row.state.terminal]))
        no, _ = self.runner.run(_await(self.hand.journal.replay(row.no, 1, ADA)))
        self.replayed[row.trigger] += 1
        position = no
        if row.lane is not None and self._stopped_at(row) == row.no:
            position = row.position
            del self.stopped_lanes[row.trigger, row.lane]
        self.rows.append(Row(no, row.trigger, row.lane, position, row.sequence))

    @rule(trigger=st.sampled_from([1, 2]), lane=st.sampled_from(LANES))
    def pause(self, trigger: int, lane: str | None) -> None:
        self.runner.run(_await(self.hand.journal.pause(trigger, lane, ADA)))
        if lane is None:
            self.paused_triggers.add(trigger)
        else:
            self.paused_lanes.add((trigger, lane))

    @rule(trigger=st.sampled_from([1, 2]), lane=st.sampled_from(LANES))
    def resume(self, trigger: int, lane: str | None) -> None:
        self.runner.run(_await(self.hand.journal.resume(trigger, lane, ADA)))
        if lane is None:
            self.paused_triggers.discard(trigger)
        elif (trigger, lane) in self.paused_lanes:
            self.paused_lanes.remove((trigger, lane))
        else:
            self.stopped_lanes.pop((trigger, lane), None)

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def only_what_may_start_was_claimed_and_nothing_waits_for_a_free_slot(self) -> None:
        if self.store is None:
            return
        self._take()
        running = self._running()
        if len(running) < self.slots:
            idle = [row for row in self.rows if self._may_start(row) and self._has_room(row)]
            assert idle == [], "claimable, but not claimed"

    @invariant()
    def the_store_counts_as_the_list_does(self) -> None:
        if self.store is None:
            return
        for trigger in (1, 2):
            own = [row for row in self.rows if row.trigger == trigger]
            waiting = sum(row.state is State.WAITING for row in own)
            running = sum(row.state is State.RUNNING for row in own)
            expected = TriggerCounts(
                self.accepted[trigger],
                self.replayed[trigger],
                waiting,
                running,
                len(own) - waiting - running,
                0,
            )
            counts = self.runner.run(self.hand.journal.counts(trigger))
            assert counts == expected
            assert self.hand.journal.backlog(trigger) == (waiting, running)

    def teardown(self) -> None:
        if self.store is not None:
            self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    # --- inside ---------------------------------------------------------------------------------

    def _take(self) -> None:
        """Let the store finish what it began, and note its claims in the list."""
        self.runner.run(_await(self.hand.journal.renew()))
        claims, self.hand.claims = self.hand.claims, []
        for claim in claims:
            (row,) = (row for row in self.rows if row.no == claim.execution_no)
            assert self._may_start(row), "claimed out of turn"
            assert self._has_room(row), "claimed over the concurrency"
            row.state, row.claim = State.RUNNING, claim
            row.attempt, row.counted = row.attempt + 1, row.counted + 1
            assert (claim.attempt, claim.counted) == (row.attempt, row.counted)
            assert claim.message.sequence == row.sequence

    def _running(self) -> list[Row]:
        return [row for row in self.rows if row.state is State.RUNNING]

    def _one_running(self, data: st.DataObject) -> tuple[Row, Claim]:
        row = data.draw(st.sampled_from(self._running()))
        assert row.claim is not None
        return row, row.claim

    def _stopped_at(self, row: Row) -> int | None:
        return self.stopped_lanes.get((row.trigger, row.lane or ""))

    def _has_room(self, row: Row) -> bool:
        running = sum(other.trigger == row.trigger for other in self._running())
        free = self.slots - len(self._running())
        return running < 3 and running <= 8 * (free - 1)

    def _may_start(self, row: Row) -> bool:
        if row.state is not State.WAITING or row.trigger in self.paused_triggers:
            return False
        if row.due_s > self.elapsed_s:
            return False
        if row.lane is None:
            return True
        if (row.trigger, row.lane) in {*self.paused_lanes, *self.stopped_lanes}:
            return False
        lane = [r for r in self.rows if (r.trigger, r.lane) == (row.trigger, row.lane)]
        before = [r for r in lane if not r.state.terminal and r.position < row.position]
        return not before and not any(r.state is State.RUNNING for r in lane)


async def _await(awaitable: object) -> object:
    return await awaitable  # type: ignore[misc]


@pytest.fixture
def examples(size: Size) -> int:
    return EXAMPLES[size]


def test_p07_p09_p10_p11_the_journal_does_what_a_list_would(examples: int) -> None:
    machine = JournalMachine.TestCase
    machine.settings = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine().runTest()
