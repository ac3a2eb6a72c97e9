"""What every store's journal holds to: lanes no longer than allowed, no more than may run."""

from __future__ import annotations

import asyncio

from firesteel.model.execution import State
from firesteel.store.journal import Accepted, Appended, Edit, LaneFull
from tests.contract.conftest import OpenStore
from tests.contract.shop import Shop
from tests.support.hand import ADA, Hand

# --- lanes of bounded length --------------------------------------------------------------------


async def append_at_once(hand: Hand, trigger: int, *lanes: str | None) -> list[Appended]:
    """Calls of one moment: one transaction, or two."""
    return await asyncio.gather(*(hand.journal.append(hand.new(trigger, lane)) for lane in lanes))


async def test_a_lane_takes_no_more_than_its_limit_what_runs_included(hand: Hand) -> None:
    trigger = await hand.trigger(lane_limit=2)
    await hand.accept_many(2, trigger, "a")
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(2)
    (claim,) = await hand.taken()
    await hand.settle(claim)
    await hand.accept(trigger, "a")
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(2)


async def test_a_full_lane_refuses_nothing_that_goes_elsewhere(hand: Hand) -> None:
    trigger = await hand.trigger(lane_limit=1)
    other = await hand.trigger("other", lane_limit=1)
    await hand.accept(trigger, "a")
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(1)
    await hand.accept(trigger, "b")
    await hand.accept(other, "a")
    await hand.accept_many(3, trigger)
    recorded = await hand.journal.append(hand.new(trigger, "a", record_only=True))
    assert isinstance(recorded, Accepted)


async def test_a_lane_is_counted_in_the_store_where_nobody_remembers_it(
    open_store: OpenStore,
) -> None:
    """Also what came in the same transaction, and nothing of other lanes and triggers."""
    first = await open_store()
    hand = Hand(first.journal, first.catalog, slots=0)
    trigger = await hand.trigger(lane_limit=4)
    other = await hand.trigger("other", lane_limit=4)
    await hand.accept_many(2, trigger, "a")
    await hand.accept_many(2, trigger, "b")
    await hand.accept_many(2, other, "a")
    await first.close()
    second = await open_store()
    hand = Hand(second.journal, second.catalog, slots=0)
    made = await append_at_once(hand, other, "a", "a", "b", "a")
    assert [type(one) for one in made] == [Accepted, Accepted, Accepted, LaneFull]
    lanes = ["b", "a", None, "a", "b", "a", "b"]
    made = await append_at_once(hand, trigger, *lanes)
    kinds = [(lane, type(one)) for lane, one in zip(lanes, made, strict=True)]
    assert kinds == [
        ("b", Accepted),
        ("a", Accepted),
        (None, Accepted),
        ("a", Accepted),
        ("b", Accepted),
        ("a", LaneFull),
        ("b", LaneFull),
    ]
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(4)


async def test_what_runs_of_a_lane_that_nobody_remembers_counts_too(open_store: OpenStore) -> None:
    first = await open_store()
    hand = Hand(first.journal, first.catalog)
    trigger = await hand.trigger(lane_limit=2)
    await hand.accept(trigger, "a")
    await hand.taken()
    await first.close()
    second = await open_store()
    hand = Hand(second.journal, second.catalog, slots=0)
    await hand.accept(trigger, "a")
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(2)


# --- no more than may run -----------------------------------------------------------------------


async def test_a_lane_of_a_paused_trigger_does_not_go_on(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (head,) = await hand.taken()
    await hand.journal.pause(trigger, None, ADA)
    await hand.settle(head)
    await hand.accept(trigger, "b")
    assert hand.claims == []
    await hand.journal.resume(trigger, None, ADA)
    claims = await hand.taken(2)
    assert sorted(claim.message.sequence for claim in claims) == [2, 3]


async def test_a_lane_does_not_go_on_above_what_was_granted(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (head,) = await hand.taken()
    hand.journal.grant(0)
    await hand.settle(head)
    await hand.accept(trigger, "b")
    assert hand.claims == []
    hand.journal.grant(1)
    assert (await hand.taken())[0].message.sequence == 2
    await hand.accept(trigger, "c")
    assert hand.claims == []


async def test_p11_what_has_its_turn_waits_where_concurrency_was_lowered_below_what_runs(
    hand: Hand,
) -> None:
    hand.journal.grant(36)
    trigger = await hand.trigger(concurrency=40)
    await hand.accept_many(40, trigger)
    running = await hand.taken(32)
    assert hand.claims == []
    await hand.trigger(concurrency=2)
    for claim in running[:30]:
        await hand.settle(claim)
        assert hand.claims == []
    await hand.settle(running[30])
    assert len(await hand.taken()) == 1
    assert hand.claims == []


# --- edits --------------------------------------------------------------------------------------


async def test_a_replay_runs_on_what_was_edited_of_request_and_body_alone(shop: Shop) -> None:
    failed = await shop.done(State.FAILED, body=b"broken")
    request = await shop.replay(failed.execution_no, Edit(request=b"mended request"))
    body = await shop.replay(failed.execution_no, Edit(body=b"mended body"))
    messages = [shop.claims[number].message for number in (request, body)]
    assert [(message.request, message.body) for message in messages] == [
        (b"mended request", b"broken"),
        (b"request", b"mended body"),
    ]
