"""An engine and people, played by hypothesis on a real store, and held against the list.

After every move the store has claimed all that may start and nothing else, and agrees with the list
on every count, lane and reason. Another store is played on by a subclass with its own ``make``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firesteel.errors import CallerError
from firesteel.model.execution import Failure, JournalEntry, State
from firesteel.model.message import Message
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Appended, Claim, Idempotency, LaneStatus, NewMessage
from tests.contract.conftest import Store
from tests.property.journal_model import End, JournalModel, Row, Trigger
from tests.property.journal_rules import HISTORY_S, LANES, TRUSTED_GAP_S, Clock, Rules
from tests.property.store_under_test import SqliteUnderTest, StoreUnderTest
from tests.support.hand import ADA, GONE, REQUEST, Hand, step

T = TypeVar("T")

BEGIN = {
    "plain": Rules(),
    "ordered": Rules("one", on_failure="pause"),
    "keyed": Rules("keyed", concurrency=2, max_waiting=6),
}
SLOTS = 6
KEPT = 20
"""Claims that are over, and are still tried again."""
WINDOW_S = 96 * 3600.0
FAILURES = {
    "transient": Failure("transient", "http_503", "the peer is busy"),
    "unknown": Failure("unknown", "step_failed", "the step failed"),
    "permanent": Failure("permanent", "permanent_error", "no such customer"),
}

picks = st.integers(0, 1_000_000)
"""Chooses one of what is there then."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as hypothesis draws it. ``key``: "" for none."""

    trigger: int
    lane: int
    key: str
    fingerprint: bytes
    record_only: bool


calls = st.builds(
    Call,
    trigger=st.integers(0, 2),
    lane=st.integers(0, 1),
    key=st.sampled_from(["", "", "", "k1", "k2"]),
    fingerprint=st.sampled_from([b"same", b"same", b"other"]),
    record_only=st.sampled_from([False, False, False, True]),
)
rules = st.builds(
    Rules,
    order=st.sampled_from(["none", "one", "keyed"]),
    concurrency=st.integers(1, 4),
    max_waiting=st.sampled_from([2, 1000]),
    on_failure=st.sampled_from(["continue", "pause"]),
)


class JournalMachine(RuleBasedStateMachine):
    """``stale``: claims whose epoch is over, of this session and of dead ones."""

    make: Callable[[], StoreUnderTest] = SqliteUnderTest
    lost_hold_room = False
    """What dead sessions ran counts as running until it is taken over."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.under_test = type(self).make()
        self.clock = Clock()
        self.model = JournalModel(self.clock, lost_hold_room=self.lost_hold_room)
        self.triggers: list[Trigger] = []
        self.held: dict[int, Claim] = {}
        self.stale: list[Claim] = []
        self.numbers = itertools.count(1)
        self.restarts = 0
        self.store: Store | None = None
        self.hand: Hand

    def teardown(self) -> None:
        """Show everything once more, and leave nothing."""
        if self.store is not None:
            self.runner.run(self.under_test.end())
        self.runner.close()
        self.under_test.remove()

    # --- sessions and time ----------------------------------------------------------------------

    @initialize(made=st.lists(calls, min_size=2, max_size=8))
    def begin(self, made: list[Call]) -> None:
        """A store with three triggers that has been called already."""
        self.model.slots = SLOTS
        self._open()
        for name, rules in BEGIN.items():
            no, version_no = self._publish(name, rules)
            trigger = self.model.triggers[no] = Trigger(no, rules, [version_no])
            self.triggers.append(trigger)
        self._with(None, lambda: None, made)

    @rule(
        crash=st.booleans(),
        jump_s=st.sampled_from([0.0, 0.0, -3600.0, 3600.0]),
        recover=st.sampled_from([True, True, False]),
    )
    def begin_another_session(self, crash: bool, jump_s: float, recover: bool) -> None:
        """The engine ends, or dies; what it ran is taken over now, or later. The clock may have
        been set meanwhile."""
        if crash:
            self.runner.run(self.under_test.crash())
        else:
            self.runner.run(self.under_test.end())
            self.clock.seen()
        self.stale = [*self.stale, *self.held.values()][-KEPT:]
        self.held = {}
        self.restarts += 1
        self.clock.wall_offset_s += jump_s
        self._open()
        if recover:
            self._recover()

    @precondition(lambda self: self.model.lost())
    @rule()
    def recover(self) -> None:
        """Take over what dead sessions ran."""
        self._recover()

    @rule(seconds=st.sampled_from([6.0, 6.0, 1200.0, 31 * 86400.0]))
    def time_passes(self, seconds: float) -> None:
        """On every clock; leases lapse."""
        self.clock.true_s += seconds

    @rule(seconds=st.sampled_from([-3600.0, 3600.0, -40 * 86400.0, 40 * 86400.0]))
    def the_wall_clock_jumps(self, seconds: float) -> None:
        """On the wall only."""
        self.clock.wall_offset_s += seconds

    @rule(slots=st.integers(0, 2 * SLOTS))
    def grant(self, slots: int) -> None:
        """Workers come and go."""
        self.model.slots = slots
        self.hand.journal.grant(slots)

    # --- the engine -----------------------------------------------------------------------------

    @rule(made=st.lists(calls, min_size=1, max_size=6))
    def accept(self, made: list[Call]) -> None:
        """Several calls of one turn of the loop, mostly one transaction."""
        self._with(None, lambda: None, made)

    @rule(call=calls, count=st.integers(1, 4))
    def accept_a_row(self, call: Call, count: int) -> None:
        """Several alike: a lane fills, a key is repeated."""
        self._with(None, lambda: None, [call] * count)

    @precondition(lambda self: self.held)
    @rule(pick=picks, made=st.lists(calls, max_size=3), succeeds=st.booleans())
    def settle(self, pick: int, made: list[Call], succeeds: bool) -> None:
        """An attempt ends for good, perhaps in one transaction with new calls."""
        row, claim = self._ended(pick)
        state: End = State.SUCCEEDED if succeeds else State.FAILED
        entry = self._entry(claim)
        settled = self.hand.settle(claim, state, entries=[entry])
        self.model.recorded(row, entry)
        self._with(settled, lambda: self.model.settled(row, state), made)

    @precondition(lambda self: self.held)
    @rule(pick=picks, made=st.lists(calls, max_size=3), kind=st.sampled_from(sorted(FAILURES)))
    def fail(self, pick: int, made: list[Call], kind: str) -> None:
        """An attempt fails; the engine decides whether another one follows."""
        row, claim = self._ended(pick)
        again = self.model.after(row, FAILURES[kind])
        if again is None:
            failed = self.hand.settle(claim, State.FAILED)
            self._with(failed, lambda: self.model.settled(row, State.FAILED), made)
        else:
            self._postpone(row, claim, made, delay_s=again.delay_s, counts=again.counts)

    @precondition(lambda self: self.held)
    @rule(pick=picks, made=st.lists(calls, max_size=3), alone=st.booleans())
    def hand_back(self, pick: int, made: list[Call], alone: bool) -> None:
        """An attempt is not counted: its worker died with several, or the node stops."""
        row, claim = self._ended(pick)
        self._postpone(row, claim, made, delay_s=0.0, counts=False, alone=alone)

    @precondition(lambda self: self.held)
    @rule(pick=picks, again=st.booleans())
    def record(self, pick: int, again: bool) -> None:
        """A step is done; told twice, the first one stands."""
        row, claim = self._one_held(pick)
        entry = self._entry(claim)
        self.model.recorded(row, entry)
        for told in (entry, step(entry.step, b"again"))[: 1 + again]:
            assert self._do(self.hand.journal.record(row.no, claim.epoch, told))

    @precondition(lambda self: self.stale)
    @rule(pick=picks)
    def an_attempt_that_is_over_goes_on(self, pick: int) -> None:
        """P14: whatever a fenced attempt says changes nothing."""
        again = [claim for claim in self.stale if claim.execution_no in self.held]
        claim = (again or self.stale)[pick % len(again or self.stale)]
        journal, hand = self.hand.journal, self.hand
        assert self._do(hand.settle(claim)) is False, "fenced, but settled"
        assert self._do(hand.postpone(claim, counts=False)) is False, "fenced, but postponed"
        entry = self._entry(claim)
        assert self._do(journal.record(claim.execution_no, claim.epoch, entry)) is False
        if claim.execution_no in self.model.rows:
            ended = self._do(journal.end_running(claim.execution_no, claim.epoch, ADA, GONE))
            assert not ended.changed, "fenced, but cancelled"

    # --- people ---------------------------------------------------------------------------------

    @precondition(lambda self: self.model.rows)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        """The first half; all there is for what waits."""
        row = self._one(pick)
        cancelling = self.hand.journal.cancel(row.no, ADA, GONE)
        if row in self.model.lost():
            assert self._refused(cancelling) == "not_recovered"
        else:
            self.model.cancelled(row, self._do(cancelling))

    @precondition(lambda self: self.held)
    @rule(pick=picks)
    def end_running(self, pick: int) -> None:
        """The second half."""
        row, claim = self._ended(pick)
        ended = self._do(self.hand.journal.end_running(row.no, claim.epoch, ADA, GONE))
        self.model.end_of_running(row, ended)

    @precondition(lambda self: self.model.rows)
    @rule(pick=picks)
    def skip(self, pick: int) -> None:
        """Of what waits, and of a failed head."""
        row = self._one(pick)
        self.model.skipped(row, self._do(self.hand.journal.skip(row.no, ADA, GONE)))

    @precondition(lambda self: self.model.stopped)
    @rule(pick=picks, replay=st.booleans())
    def see_to_a_failed_head(self, pick: int, replay: bool) -> None:
        """What people do where a lane stopped."""
        standing = [no for no in self.model.stopped.values() if no in self.model.rows]
        if standing:
            row = self.model.rows[standing[pick % len(standing)]]
            if replay:
                self._replay(row, row.trigger.version_nos[-1])
            else:
                self.model.skipped(row, self._do(self.hand.journal.skip(row.no, ADA, GONE)))

    @precondition(lambda self: self.model.rows)
    @rule(pick=picks)
    def retry_now(self, pick: int) -> None:
        """What waits for its time waits no longer."""
        later = [row for row in self.model.rows.values() if row.due_us is not None]
        row = later[pick % len(later)] if later else self._one(pick)
        self.model.retried(row, self._do(self.hand.journal.retry_now(row.no, ADA)))

    @precondition(lambda self: self.model.rows)
    @rule(pick=picks, original=st.booleans())
    def replay(self, pick: int, original: bool) -> None:
        """Under the version published now or the one of its acceptance; what has not ended is
        refused."""
        rows = self.model.rows.values()
        older = [r for r in rows if r.state.terminal and r.version_no != r.trigger.version_nos[-1]]
        row = older[pick % len(older)] if older else self._one(pick)
        if row.state.terminal:
            self._replay(row, row.version_no if original else row.trigger.version_nos[-1])
        else:
            refused = self.hand.journal.replay(row.no, row.version_no, ADA)
            assert self._refused(refused) == "not_terminal"

    @rule(pick=picks, lane=st.sampled_from([None, "", "a", "b"]))
    def pause(self, pick: int, lane: str | None) -> None:
        """A lane, mostly one that runs, or the whole trigger."""
        trigger = self.triggers[pick % len(self.triggers)]
        busy = [row for row in self.model.running() if row.lane is not None]
        if busy and pick % 2:
            row = busy[pick % len(busy)]
            trigger, lane = row.trigger, row.lane
        self._do(self.hand.journal.pause(trigger.no, lane, ADA))
        self.model.pause(trigger, lane)

    @rule(pick=picks, lane=st.sampled_from([None, "", "a", "b"]))
    def resume(self, pick: int, lane: str | None) -> None:
        """What was paused most, if anything is; else anything."""
        trigger = self.triggers[pick % len(self.triggers)]
        standing = sorted([*self.model.paused, *self.model.stopped])
        if standing and pick % 2:
            no, lane = standing[pick % len(standing)]
            trigger = self.model.triggers[no]
        self._do(self.hand.journal.resume(trigger.no, lane, ADA))
        self.model.resume(trigger, lane)

    @rule(pick=picks, rules=rules)
    def publish(self, pick: int, rules: Rules) -> None:
        """A version with other rules; what was accepted before keeps its own (P18)."""
        trigger = self.triggers[pick % len(self.triggers)]
        name = list(BEGIN)[pick % len(self.triggers)]
        no, version_no = self._publish(name, rules)
        assert no == trigger.no
        trigger.rules = rules
        trigger.version_nos.append(version_no)

    @precondition(lambda self: self._some_ended())
    @rule()
    def purge(self) -> None:
        """Retention: what goes was old enough by true time (P32), and is counted (P07)."""
        assert self.store is not None
        history = self.store.history
        if not self._do(history.purge(default_history_s=HISTORY_S)):
            return
        self.model.forgot_keys()
        allowed_s = self.clock.true_s - HISTORY_S + TRUSTED_GAP_S * (1 + self.restarts)
        for message_id in {row.message.id for row in self.model.rows.values()}:
            if not self._do(history.executions(message_id)):
                self.model.purged(message_id, allowed_s)

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def the_store_does_what_the_list_says(self) -> None:
        """All that may start was claimed, and every count and lane is the list's."""
        if self.store is None:
            return
        self._synchronise()
        assert next(self.model.claimable(), None) is None, "claimable, but not claimed"
        for trigger in self.triggers:
            journal = self.hand.journal
            assert self._do(journal.counts(trigger.no)) == self.model.counts(trigger)
            assert journal.backlog(trigger.no) == self.model.backlog(trigger)
            assert self._do(journal.totals(trigger.no)) == (trigger.accepted, trigger.replayed)
            lanes = {lane.key: _bare(lane) for lane in self._do(journal.lanes(trigger.no))}
            assert lanes == self.model.lanes(trigger)

    @precondition(lambda self: self.model.rows)
    @rule(pick=picks)
    def look_at_a_message(self, pick: int) -> None:
        """Its page tells what the list does; what has ended stays as it ended (P13)."""
        assert self.store is not None
        self._synchronise()
        message_id = self._one(pick).message.id
        rows = [row for row in self.model.rows.values() if row.message.id == message_id]
        details = self._do(self.store.history.executions(message_id))
        for row, detail in zip(rows, details, strict=True):
            self.model.is_shown(row, detail)

    # --- inside ---------------------------------------------------------------------------------

    def _open(self) -> None:
        self.store = self.runner.run(self.under_test.open(self.clock))
        self.model.session_begun()
        self.hand = Hand(self.store.journal, self.store.catalog, slots=self.model.slots)

    def _recover(self) -> None:
        self._synchronise()
        self.model.recovered(self._do(self.hand.journal.recover()))

    def _some_ended(self) -> bool:
        return any(row.state.terminal for row in self.model.rows.values())

    def _do(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self.runner.run(wait())

    def _refused(self, awaitable: Awaitable[object]) -> str:
        try:
            self._do(awaitable)
        except CallerError as error:
            return error.code
        raise AssertionError("not refused")

    def _synchronise(self) -> None:
        """Let the store finish what it began, and note its claims in the list."""
        assert self._do(self.hand.journal.renew())
        self.clock.seen()
        self.model.tick()
        claims, self.hand.claims = self.hand.claims, []
        for claim in claims:
            self.held[claim.execution_no] = claim
            self.model.claimed(claim)

    def _publish(self, name: str, rules: Rules) -> tuple[int, int]:
        document = {"name": name, "description": f"version {next(self.numbers)}"}
        limits = TriggerRules(rules.concurrency, rules.max_waiting, rules.on_failure, None, None)

        async def publish() -> tuple[int, int]:
            catalog = self.hand.catalog
            await catalog.ensure_workspace("demo")
            published, changed = await catalog.publish(
                "demo", document, rules=limits, managed_by="console", actor="ada"
            )
            assert changed
            return published.trigger_no, published.version_no

        return self.runner.run(publish())

    def _new(self, call: Call) -> NewMessage:
        to, number = self.triggers[call.trigger], next(self.numbers)
        now_us = self.clock.wall_us()
        message = Message(f"{number:032x}", 0, now_us, "shop", REQUEST, b"body %d" % number)
        until_us = now_us + int(WINDOW_S * 1e6)
        lanes = LANES[to.rules.order]
        return NewMessage(
            to.no,
            to.version_nos[-1],
            message,
            lanes[call.lane % len(lanes)],
            Idempotency(call.key, call.fingerprint, until_us) if call.key else None,
            (),
            call.record_only,
        )

    def _with(
        self,
        first: Awaitable[bool] | None,
        done: Callable[[], None],
        made: Sequence[Call],
    ) -> None:
        """``first``, then the calls, all in one turn of the loop."""
        new = [self._new(call) for call in made]

        async def put() -> tuple[bool, list[Appended]]:
            ending = None if first is None else asyncio.ensure_future(first)
            await asyncio.sleep(0)
            appending = [self.hand.journal.append(one) for one in new]
            return ending is None or await ending, await asyncio.gather(*appending)

        ended, answers = self.runner.run(put())
        assert ended, "the attempt's own outcome was refused"
        done()
        self.model.tick()
        for position, (one, answer) in enumerate(zip(new, answers, strict=True)):
            self.model.appended(one, answer, maybe_started=position)

    def _postpone(
        self,
        row: Row,
        claim: Claim,
        made: list[Call],
        *,
        delay_s: float,
        counts: bool,
        alone: bool = False,
    ) -> None:
        postponing = self.hand.postpone(claim, delay_s, counts=counts, alone=alone)
        self._with(
            postponing,
            lambda: self.model.postponed(row, delay_s, counts=counts, alone=alone),
            made,
        )

    def _replay(self, row: Row, version_no: int) -> None:
        self.model.replayed(
            row, version_no, self._do(self.hand.journal.replay(row.no, version_no, ADA))
        )

    def _entry(self, claim: Claim) -> JournalEntry:
        return step(f"step {next(self.numbers) % 3}", b"of attempt %d" % claim.attempt)

    def _one(self, pick: int) -> Row:
        rows = list(self.model.rows.values())
        return rows[pick % len(rows)]

    def _one_held(self, pick: int) -> tuple[Row, Claim]:
        """An attempt that this session makes."""
        claim = list(self.held.values())[pick % len(self.held)]
        return self.model.rows[claim.execution_no], claim

    def _ended(self, pick: int) -> tuple[Row, Claim]:
        """An attempt whose last word is being said."""
        row, claim = self._one_held(pick)
        del self.held[claim.execution_no]
        self.stale = [*self.stale, claim][-KEPT:]
        return row, claim


def _bare(lane: LaneStatus) -> LaneStatus:
    """Without words for people and times."""
    return LaneStatus(
        lane.trigger_no,
        lane.key,
        lane.waiting,
        lane.running,
        lane.paused,
        "",
        lane.head_message_id,
        lane.head_reason,
        None,
    )
