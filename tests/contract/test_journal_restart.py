"""What every store's journal knows after a restart: what waits, what ran, what is due."""

from __future__ import annotations

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.journal import Ended, LaneFull
from tests.contract.conftest import OpenStore
from tests.support.hand import ADA, GONE, Hand


async def test_p07_what_waits_is_counted_anew_at_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    one, other = await hand.trigger("one"), await hand.trigger("other")
    for lane in (None, "a"):
        await hand.accept(one, lane)
        (claim,) = await hand.taken()
        await hand.postpone(claim, 3600)
    await hand.accept(one, "b")
    await hand.accept(other)
    interrupted = await hand.taken(2)
    hand.journal.grant(0)
    await hand.accept_many(3, one)
    for lane in ("a", "b", "c"):
        await hand.accept_many(2, one, lane)
    await hand.accept(other)
    assert (hand.journal.backlog(one), hand.journal.backlog(other)) == ((11, 1), (1, 1))
    await store.close()

    store = await open_store()
    hand = Hand(store.journal, store.catalog, slots=0)
    assert (hand.journal.backlog(one), hand.journal.backlog(other)) == ((11, 0), (1, 0))
    assert await hand.journal.recover() == len(interrupted)
    assert (hand.journal.backlog(one), hand.journal.backlog(other)) == ((12, 0), (2, 0))
    counts = await hand.journal.counts(one)
    assert (counts.waiting, counts.running) == (12, 0)
    await hand.trigger("one", max_waiting=12)
    assert await hand.journal.append(hand.new(one)) == LaneFull(12)


async def test_what_is_due_later_is_tried_at_its_time_after_a_restart(
    open_store: OpenStore,
) -> None:
    """Nothing else happens: the store wakes up by itself."""
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.postpone(claim, 0.05)
    await store.close()
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    (again,) = await hand.taken()
    assert (again.execution_no, again.attempt) == (claim.execution_no, 2)


async def test_a_lane_is_held_after_a_restart_by_what_waits_or_ran_in_it(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger, "waits")
    (claim,) = await hand.taken()
    await hand.postpone(claim, 3600)
    await hand.accept(trigger, "ran")
    await hand.taken()
    await store.close()
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    for lane in ("waits", "ran"):
        await hand.accept(trigger, lane)
    await hand.accept(trigger, "new")
    (started,) = await hand.taken()
    assert (started.message.sequence, hand.claims) == (5, [])
    await hand.journal.recover()
    (again,) = await hand.taken()
    assert (again.message.sequence, again.attempt) == (2, 2)


async def test_p10_what_was_interrupted_in_a_paused_lane_waits_until_that_lane_is_resumed(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    trigger, other = await hand.trigger("one"), await hand.trigger("other")
    for number, lane in ((trigger, "held"), (trigger, "free"), (other, "held")):
        await hand.accept(number, lane)
    await hand.taken(3)
    await hand.journal.pause(trigger, "held", ADA)
    await store.close()
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    assert await hand.journal.recover() == 3
    started = await hand.taken(2)
    assert {(claim.trigger_no, claim.message.sequence) for claim in started} == {
        (trigger, 2),
        (other, 1),
    }
    assert hand.claims == []
    await hand.journal.resume(trigger, "held", ADA)
    assert (await hand.taken())[0].message.sequence == 1


async def test_what_ran_before_a_restart_is_cancelled_when_it_has_been_taken_over(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    accepted = await hand.accept(await hand.trigger())
    await hand.taken()
    await store.close()
    store = await open_store()
    hand = Hand(store.journal, store.catalog, slots=0)
    with pytest.raises(CallerError) as caught:
        await hand.journal.cancel(accepted.execution_no, ADA, GONE)
    assert caught.value.code == "not_recovered"
    await hand.journal.recover()
    ended = await hand.journal.cancel(accepted.execution_no, ADA, GONE)
    assert ended == Ended(accepted.execution_no, State.CANCELLED, True)


async def test_an_interrupted_attempt_is_on_record(open_store: OpenStore) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    accepted = await hand.accept(await hand.trigger())
    await hand.taken()
    await store.close()
    store = await open_store()
    assert await store.journal.recover() == 1
    (detail,) = await store.history.executions(accepted.message_id)
    (interrupted,) = detail.attempts
    assert interrupted.attempt == 1
    assert interrupted.failure is not None
    assert interrupted.failure.code == "interrupted"
