"""What every store's journal tells people of its lanes: which, in what order, and why they wait."""

from __future__ import annotations

from firesteel.model.execution import Reason, State
from firesteel.store.journal import LaneStatus
from tests.contract.conftest import Store
from tests.support.hand import ADA, Hand

PAUSED_BY_ADA = f"paused by {ADA.name}: {ADA.why}"


def told(lanes: list[LaneStatus]) -> list[tuple[str | None, int, int, bool, Reason | None]]:
    return [(one.key, one.waiting, one.running, one.paused, one.head_reason) for one in lanes]


async def received_us(store: Store, message_id: str | None) -> int:
    assert message_id is not None
    status = await store.history.status(message_id)
    assert status is not None
    return status.received_at_us


async def test_lanes_are_told_longest_first_with_their_heads(hand: Hand, store: Store) -> None:
    one, other = await hand.trigger("one"), await hand.trigger("other")
    await hand.journal.pause(one, "held", ADA)
    (longest, *_) = await hand.accept_many(3, one, "long")
    await hand.accept(one, "short")
    held = await hand.accept(one, "held")
    (foreign, _) = await hand.accept_many(2, other, "foreign")
    first, second, third, last = lanes = await hand.journal.lanes()
    assert told(lanes) == [
        ("long", 2, 1, False, None),
        ("foreign", 1, 1, False, None),
        ("held", 1, 0, True, Reason.PAUSED),
        ("short", 0, 1, False, None),
    ]
    assert [lane.trigger_no for lane in lanes] == [one, other, one, one]
    assert (first.head_message_id, second.head_message_id, third.head_message_id) == (
        longest.message_id,
        foreign.message_id,
        held.message_id,
    )
    for lane in lanes:
        head_us = await received_us(store, lane.head_message_id)
        assert lane.oldest_received_at_us == head_us
    assert (third.paused_because, last.paused_because) == (PAUSED_BY_ADA, "")
    assert await hand.journal.lanes(one) == [first, third, last]
    assert await hand.journal.lanes(other) == [second]
    assert await hand.journal.lanes(limit=1) == [first]


async def test_a_head_tells_whether_it_waits_for_its_time_a_slot_or_people(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "later")
    (claim,) = await hand.taken()
    hand.journal.grant(0)
    await hand.accept(trigger, "slot")
    await hand.postpone(claim, 3600.0)
    assert told(await hand.journal.lanes(trigger)) == [
        ("later", 2, 0, False, Reason.RETRY_AT),
        ("slot", 1, 0, False, Reason.SLOT),
    ]
    await hand.journal.pause(trigger, None, ADA)
    assert told(await hand.journal.lanes(trigger)) == [
        (None, 0, 0, True, None),
        ("later", 2, 0, False, Reason.PAUSED),
        ("slot", 1, 0, False, Reason.PAUSED),
    ]
    assert len(await hand.journal.lanes(trigger, limit=1)) == 1
    elsewhere = await hand.trigger("elsewhere")
    assert await hand.journal.lanes(elsewhere) == []


async def test_a_lane_that_stopped_and_was_paused_tells_both_and_stays_when_it_is_empty(
    hand: Hand,
) -> None:
    trigger = await hand.trigger(on_failure="pause")
    failed = await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.settle(claim, State.FAILED)
    (stopped,) = await hand.journal.lanes(trigger)
    assert (stopped.head_message_id, stopped.head_reason) == (failed.message_id, Reason.PAUSED)
    assert (stopped.waiting, stopped.running, stopped.paused) == (0, 0, True)
    await hand.journal.pause(trigger, "a", ADA)
    (both,) = await hand.journal.lanes(trigger)
    assert both.paused_because == f"{stopped.paused_because}; {PAUSED_BY_ADA}"
    assert both.oldest_received_at_us is None


async def test_p07_counts_and_totals_of_a_trigger_are_its_own(hand: Hand) -> None:
    one, other = await hand.trigger("one", concurrency=2), await hand.trigger("other")
    await hand.accept(other)
    await hand.accept_many(2, one)
    await hand.accept_many(2, one, "a")
    foreign, ended, later = await hand.taken(3)
    assert foreign.trigger_no == other
    await hand.settle(ended)
    (running,) = await hand.taken()
    await hand.postpone(later, 3600.0)
    assert running.trigger_no == one
    await hand.journal.replay(ended.execution_no, ended.version_no, ADA)
    counts = await hand.journal.counts(one)
    waiting, running_now = hand.journal.backlog(one)
    assert (counts.waiting, counts.running) == (waiting, running_now)
    assert (counts.accepted, counts.replayed, counts.terminal, counts.purged) == (4, 1, 1, 0)
    assert counts.waiting + counts.running == 4
    assert await hand.journal.totals(one) == (4, 1)
    assert await hand.journal.totals(other) == (1, 0)
    assert await hand.journal.totals(4711) == (0, 0)


async def test_p11_a_lane_does_not_go_on_above_a_concurrency_that_was_lowered(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=2)
    await hand.accept_many(2, trigger, "a")
    await hand.accept(trigger, "b")
    first, other = await hand.taken(2)
    await hand.trigger(concurrency=1)
    await hand.settle(first)
    assert (hand.claims, hand.journal.backlog(trigger)) == ([], (1, 1))
    await hand.settle(other)
    assert (await hand.taken())[0].message.sequence == 2
