"""What every store promises of lanes that may have so many messages and no more."""

from __future__ import annotations

import asyncio

from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Accepted, LaneFull
from tests.contract.conftest import OpenStore
from tests.support.hand import ADA, Hand


async def bounded(hand: Hand, limit: int | None = 3) -> int:
    await hand.catalog.ensure_workspace("t37ed")
    rules = TriggerRules(10, 1000, "continue", None, None, limit)
    published, _ = await hand.catalog.publish(
        "t37ed", {"name": "orders"}, rules=rules, managed_by="console", actor="ada"
    )
    return published.trigger_no


async def test_a_full_lane_takes_no_more_and_others_do(hand: Hand) -> None:
    trigger = await bounded(hand)
    await hand.accept_many(3, trigger, "a")
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(3)
    await hand.accept_many(3, trigger, "b")
    (first, _) = await hand.taken(2)
    await hand.settle(first)
    await hand.accept(trigger, "a")
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(3)


async def test_of_many_that_come_at_once_a_lane_takes_as_many_as_it_may_have(hand: Hand) -> None:
    trigger = await bounded(hand)
    appended = await asyncio.gather(
        *(hand.journal.append(hand.new(trigger, "a")) for _ in range(10))
    )
    assert [type(one) for one in appended] == [Accepted] * 3 + [LaneFull] * 7
    assert [one.sequence for one in appended if isinstance(one, Accepted)] == [1, 2, 3]


async def test_the_length_of_a_lane_is_known_after_a_restart(open_store: OpenStore) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog, slots=0)
    trigger = await bounded(hand)
    await hand.accept_many(2, trigger, "a")
    await store.close()
    store = await open_store()
    hand = Hand(store.journal, store.catalog, slots=0)
    appended = await asyncio.gather(
        *(hand.journal.append(hand.new(trigger, "a")) for _ in range(4))
    )
    assert [type(one) for one in appended] == [Accepted] + [LaneFull] * 3


async def test_a_paused_lane_is_no_longer_than_another(hand: Hand) -> None:
    trigger = await bounded(hand)
    await hand.journal.pause(trigger, "a", ADA)
    appended = [await hand.journal.append(hand.new(trigger, "a")) for _ in range(5)]
    assert [type(one) for one in appended] == [Accepted] * 3 + [LaneFull] * 2


async def test_another_limit_holds_from_the_next_message_on(hand: Hand) -> None:
    trigger = await bounded(hand, None)
    await hand.accept_many(5, trigger, "a")
    await bounded(hand, 5)
    assert await hand.journal.append(hand.new(trigger, "a")) == LaneFull(5)
    await bounded(hand, 6)
    await hand.accept(trigger, "a")
