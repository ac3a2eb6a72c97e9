"""What every store's journal promises: acceptance, order in lanes, claims, outcomes, recovery."""

from __future__ import annotations

import asyncio
import math

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import (
    Accepted,
    Duplicate,
    Idempotency,
    LaneFull,
    TriggerCounts,
)
from tests.contract.conftest import OpenStore, Store
from tests.support.hand import ADA, BROKEN, OK, Hand, step

# --- accepting ----------------------------------------------------------------------------------


async def test_p08_sequences_have_no_gaps_and_follow_the_order_of_the_calls(hand: Hand) -> None:
    one, other = await hand.trigger("one"), await hand.trigger("other")
    calls = [hand.journal.append(hand.new(one if n % 3 else other)) for n in range(300)]
    accepted = [call for call in await asyncio.gather(*calls) if isinstance(call, Accepted)]
    assert [a.sequence for n, a in enumerate(accepted) if n % 3] == list(range(1, 201))
    assert [a.sequence for n, a in enumerate(accepted) if not n % 3] == list(range(1, 101))


async def test_sequences_go_on_after_the_store_was_closed(open_store: OpenStore) -> None:
    for first in (1, 11):
        store = await open_store()
        hand = Hand(store.journal, store.catalog)
        trigger = await hand.trigger()
        accepted = await hand.accept_many(10, trigger)
        assert [a.sequence for a in accepted] == list(range(first, first + 10))
        await store.close()


async def test_numbers_are_not_given_again_when_all_messages_are_purged(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    await hand.settle(claim)
    while await store.history.purge(default_history_s=-3600):
        pass
    await store.close()
    again = await open_store()
    hand = Hand(again.journal, again.catalog)
    accepted = await hand.accept(trigger)
    assert accepted.sequence == 2
    assert accepted.execution_no > claim.execution_no


async def test_a_message_that_may_start_is_claimed_with_its_bytes_and_its_sequence(
    hand: Hand,
) -> None:
    trigger = await hand.trigger()
    accepted = await hand.accept(trigger, body=b"\xff\x00raw")
    (claim,) = await hand.taken()
    assert (claim.execution_no, claim.message.sequence) == (accepted.execution_no, 1)
    assert claim.execution == f"{accepted.message_id}-1"
    assert claim.message.body == b"\xff\x00raw"
    assert (claim.epoch, claim.attempt, claim.counted, claim.alone) == (1, 1, 1, False)


async def test_a_full_trigger_takes_no_more_until_something_starts(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=1, max_waiting=2)
    await hand.accept_many(3, trigger)
    assert await hand.journal.append(hand.new(trigger)) == LaneFull(2)
    (claim,) = await hand.taken()
    await hand.settle(claim)
    assert (await hand.accept(trigger)).sequence == 4


async def test_a_message_for_an_unknown_trigger_is_refused_and_its_neighbours_are_not(
    hand: Hand,
) -> None:
    trigger = await hand.trigger()
    good, bad, last = (hand.journal.append(hand.new(no)) for no in (trigger, 4711, trigger))
    with pytest.raises(CallerError) as caught:
        await bad
    assert caught.value.code == "unknown_integration"
    assert [(await good).sequence, (await last).sequence] == [1, 2]  # type: ignore[union-attr]


async def test_a_recorded_message_has_succeeded_with_204_and_is_never_claimed(
    hand: Hand, store: Store
) -> None:
    trigger = await hand.trigger()
    accepted = await hand.journal.append(hand.new(trigger, record_only=True))
    assert isinstance(accepted, Accepted)
    response = await store.history.response(accepted.execution_no)
    assert response is not None
    assert (response.status, response.body) == (204, b"")
    assert (await hand.journal.counts(trigger)).terminal == 1
    assert hand.claims == []


# --- duplicates ---------------------------------------------------------------------------------


async def test_p22_a_key_makes_one_execution_also_within_one_group(hand: Hand) -> None:
    trigger = await hand.trigger()
    calls = [hand.journal.append(hand.new(trigger, idempotency=hand.key("k"))) for _ in range(50)]
    first, *others = await asyncio.gather(*calls)
    assert isinstance(first, Accepted)
    same = Duplicate(first.message_id, 1, first.execution_no, True)
    assert all(other == same for other in others)
    assert (await hand.journal.counts(trigger)).accepted == 1


async def test_a_known_key_with_another_fingerprint_is_not_the_same_call(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.journal.append(hand.new(trigger, idempotency=hand.key("k")))
    again = await hand.journal.append(hand.new(trigger, idempotency=hand.key("k", b"other")))
    assert isinstance(again, Duplicate)
    assert not again.same


async def test_a_key_is_free_again_after_its_window(open_store: OpenStore) -> None:
    elapsed = 0.0
    store = await open_store(monotonic_s=lambda: 1000.0 + elapsed)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()

    async def call() -> object:
        new = hand.new(trigger)
        key = Idempotency("k", b"same", new.message.received_at_us + 60_000_000)
        return await hand.journal.append(hand.new(trigger, idempotency=key))

    assert isinstance(await call(), Accepted)
    elapsed = 59.0
    assert isinstance(await call(), Duplicate)
    elapsed = 60.0
    assert isinstance(await call(), Accepted)
    assert isinstance(await call(), Duplicate)


async def test_a_key_belongs_to_its_trigger(hand: Hand) -> None:
    for name in ("one", "other"):
        trigger = await hand.trigger(name)
        call = await hand.journal.append(hand.new(trigger, idempotency=hand.key("k")))
        assert isinstance(call, Accepted)


# --- lanes --------------------------------------------------------------------------------------


async def test_p09_a_lane_runs_one_at_a_time_in_the_order_of_acceptance(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(20, trigger, "c-1")
    for sequence in range(1, 21):
        (claim,) = await hand.taken()
        assert claim.message.sequence == sequence
        assert hand.claims == []
        assert hand.journal.backlog(trigger) == (20 - sequence, 1)
        await hand.settle(claim)


async def test_lanes_run_beside_each_other(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=3)
    for key in ("a", "b", "a", "b", "c"):
        await hand.accept(trigger, key)
    assert [claim.message.sequence for claim in await hand.taken(3)] == [1, 2, 5]


async def test_p10_a_failing_head_keeps_its_place_while_it_is_tried_again(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(3, trigger, "")
    (claim,) = await hand.taken()
    for attempt in (2, 3):
        await hand.postpone(claim, counts=attempt == 2)
        (claim,) = await hand.taken()
        assert (claim.message.sequence, claim.attempt) == (1, attempt)
    assert claim.counted == 2
    await hand.settle(claim, State.FAILED)
    (claim,) = await hand.taken()
    assert claim.message.sequence == 2


async def test_p10_a_lane_stops_at_a_failed_head_where_it_shall(hand: Hand) -> None:
    trigger = await hand.trigger(on_failure="pause")
    await hand.accept_many(2, trigger, "a")
    await hand.accept(trigger, "b")
    first, other = await hand.taken(2)
    await hand.settle(first, State.FAILED)
    await hand.settle(other)
    await hand.accept(trigger, "a")
    assert hand.claims == []
    (lane,) = await hand.journal.lanes(trigger)
    assert (lane.key, lane.waiting, lane.paused) == ("a", 2, True)


# --- slots --------------------------------------------------------------------------------------


async def test_p11_a_trigger_never_runs_more_than_its_concurrency(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=3)
    await hand.accept_many(10, trigger)
    seen: list[int] = []
    running = await hand.taken(3)
    while running:
        assert hand.claims == []
        seen.append(running[0].message.sequence)
        await hand.settle(running.pop(0))
        running += await hand.taken(min(1, 10 - len(seen) - len(running)))
    assert seen == list(range(1, 11))


async def test_no_more_run_than_the_grant_allows_and_triggers_take_turns(hand: Hand) -> None:
    hand.journal.grant(2)
    busy, other = await hand.trigger("busy"), await hand.trigger("other")
    await hand.accept_many(50, busy)
    await hand.accept_many(2, other)
    first = await hand.taken(2)
    assert hand.claims == []
    for claim in first:
        await hand.settle(claim)
    assert other in {claim.trigger_no for claim in await hand.taken(2)}


async def test_a_lane_that_goes_on_does_not_take_the_slot_from_another_trigger(hand: Hand) -> None:
    hand.journal.grant(1)
    ordered, other = await hand.trigger("ordered"), await hand.trigger("other")
    await hand.accept_many(10, ordered, "")
    await hand.accept(other)
    order = []
    for _ in range(4):
        (claim,) = await hand.taken()
        order.append(claim.trigger_no)
        await hand.settle(claim)
    assert other in order


async def test_a_grant_of_none_claims_nothing_and_the_next_one_does(hand: Hand) -> None:
    trigger = await hand.trigger()
    hand.journal.grant(0)
    await hand.accept_many(5, trigger)
    assert hand.claims == []
    hand.journal.grant(4)
    assert [claim.message.sequence for claim in await hand.taken(3)] == [1, 2, 3]


@pytest.mark.parametrize("lanes", [False, True], ids=["without lanes", "in lanes"])
async def test_p12_stuck_executions_of_one_trigger_leave_slots_to_others(
    hand: Hand, lanes: bool
) -> None:
    stuck, late, later = [await hand.trigger(name, concurrency=100) for name in "abc"]
    hand.journal.grant(18)
    keys = [str(number) if lanes else None for number in range(40)]
    await asyncio.gather(*(hand.accept(stuck, key) for key in keys))
    running = await hand.taken(16)  # eight times the two that are left
    await hand.accept_many(3, late)
    (other,) = await hand.taken()
    await hand.accept_many(3, later)
    (another,) = await hand.taken()
    assert (other.trigger_no, another.trigger_no) == (late, later)
    assert await hand.journal.renew()
    assert hand.claims == []

    for _ in range(2):
        await hand.settle(other)
        (other,) = await hand.taken()
        assert other.trigger_no == late
    for claim in running[:3]:
        await hand.settle(claim)
    more = await hand.taken(2)
    assert {claim.trigger_no for claim in more} == {later}
    for claim in (other, another, *more):
        await hand.settle(claim)
    assert {claim.trigger_no for claim in await hand.taken(3)} == {stuck}


async def test_changed_rules_hold_at_once(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=1)
    await hand.accept_many(3, trigger)
    await hand.taken()
    assert await hand.trigger(concurrency=2) == trigger
    (claim,) = await hand.taken()
    assert claim.message.sequence == 2


async def test_a_trigger_may_be_published_while_its_messages_run(hand: Hand) -> None:
    trigger = await hand.trigger(on_failure="pause")
    await hand.accept_many(2, trigger, "")
    (claim,) = await hand.taken()
    rules = TriggerRules(10, 1_000_000, "continue", None, None)
    await hand.catalog.publish(
        "t37ed", {"name": "orders", "v": 2}, rules=rules, managed_by="console", actor="ada"
    )
    await hand.settle(claim, State.FAILED)
    assert (await hand.taken())[0].message.sequence == 2


# --- outcomes -----------------------------------------------------------------------------------


async def test_p13_a_settled_execution_cannot_be_settled_again(hand: Hand, store: Store) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    assert await hand.settle(claim)
    assert not await hand.settle(claim, State.FAILED)
    assert await store.history.response(claim.execution_no) == OK
    assert (await hand.journal.counts(trigger)).terminal == 1


async def test_p14_an_epoch_that_is_over_changes_nothing(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (old,) = await hand.taken()
    await hand.postpone(old)
    (new,) = await hand.taken()
    assert new.epoch > old.epoch
    assert not await hand.settle(old)
    assert not await hand.postpone(old)
    assert not await hand.journal.record(old.execution_no, old.epoch, step())
    assert await hand.settle(new)


async def test_p13_a_journaled_step_is_given_to_the_next_attempt_and_stands(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    journal = hand.journal
    assert await journal.record(claim.execution_no, claim.epoch, step("price", b"first"))
    assert await journal.record(claim.execution_no, claim.epoch, step("price", b"second"))
    assert await journal.record(claim.execution_no, claim.epoch, step("stock"))
    await hand.postpone(claim)
    (again,) = await hand.taken()
    assert again.journal == [step("price", b"first"), step("stock")]


async def test_a_postponed_execution_is_due_after_its_delay_and_not_before(
    open_store: OpenStore,
) -> None:
    elapsed = 0.0
    store = await open_store(monotonic_s=lambda: 1000.0 + elapsed)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.postpone(claim, 60.0)
    elapsed = 59.0
    await hand.accept(trigger, "b")
    (other,) = await hand.taken()
    assert other.message.sequence == 2
    elapsed = 60.0
    await hand.accept(trigger, "a")
    (again,) = await hand.taken()
    assert (again.execution_no, again.attempt) == (claim.execution_no, 2)


@pytest.mark.parametrize("delay_s", [math.inf, 1e300, math.nan, -1.0])
async def test_any_delay_is_taken_and_harms_nobody(hand: Hand, delay_s: float) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    assert await hand.postpone(claim, delay_s)
    assert (await hand.accept(trigger)).sequence == 2
    at_once = not delay_s > 0
    assert len(await hand.taken(1 + at_once)) == 1 + at_once


async def test_what_is_due_wakes_the_store_by_itself(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    await hand.postpone(claim, 0.05)
    assert (await hand.taken())[0].attempt == 2


async def test_p32_a_wall_clock_that_was_set_back_delays_no_claim(open_store: OpenStore) -> None:
    wall_us = 1_800_000_000_000_000
    elapsed = 0.0
    store = await open_store(wall_us=lambda: wall_us, monotonic_s=lambda: elapsed)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger)
    first, second = await hand.taken(2)
    await hand.postpone(first, 30.0)
    wall_us -= 86_400_000_000
    await hand.postpone(second, 30.0)
    elapsed = 31.0
    await hand.accept(trigger)
    assert len(await hand.taken(3)) == 3


async def test_p32_also_when_it_was_set_back_between_two_sessions(open_store: OpenStore) -> None:
    wall_us = 1_800_000_000_000_000
    elapsed = 0.0
    store = await open_store(wall_us=lambda: wall_us, monotonic_s=lambda: elapsed)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger)
    await hand.postpone((await hand.taken())[0], 30.0)
    await store.close()
    wall_us -= 86_400_000_000
    again = await open_store(wall_us=lambda: wall_us, monotonic_s=lambda: elapsed)
    hand = Hand(again.journal, again.catalog)
    elapsed = 31.0
    await hand.accept(trigger)
    assert {claim.attempt for claim in await hand.taken(2)} == {1, 2}


@pytest.mark.parametrize("jump_us", [-86_400_000_000, 86_400_000_000])
async def test_p32_a_jump_before_a_restart_frees_no_key_and_makes_nothing_due(
    open_store: OpenStore, jump_us: int
) -> None:
    wall_us = 1_800_000_000_000_000
    elapsed = 0.0

    async def opened() -> Store:
        return await open_store(wall_us=lambda: wall_us, monotonic_s=lambda: elapsed, boot="one")

    store = await opened()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    key = Idempotency("k", b"same", hand.new(trigger).message.received_at_us + 60_000_000)
    await hand.journal.append(hand.new(trigger, idempotency=key))
    await hand.postpone((await hand.taken())[0], 30.0)
    await store.close()
    wall_us += jump_us
    elapsed = 10.0
    hand = Hand((again := await opened()).journal, again.catalog)
    assert isinstance(await hand.journal.append(hand.new(trigger, idempotency=key)), Duplicate)
    await hand.accept(trigger)
    assert [claim.attempt for claim in await hand.taken()] == [1]
    elapsed = 31.0
    await hand.accept(trigger)
    assert {claim.attempt for claim in await hand.taken(2)} == {1, 2}


@pytest.mark.parametrize("jump_us", [-86_400_000_000, 86_400_000_000])
async def test_p32_a_jump_before_a_restart_changes_nothing_of_how_long_an_execution_was_tried(
    open_store: OpenStore, jump_us: int
) -> None:
    wall_us = 1_800_000_000_000_000
    elapsed = 0.0

    async def opened() -> Store:
        return await open_store(wall_us=lambda: wall_us, monotonic_s=lambda: elapsed, boot="one")

    store = await opened()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger)
    await hand.postpone((await hand.taken())[0], 30.0)
    await store.close()
    wall_us += jump_us
    elapsed = 31.0
    hand = Hand((again := await opened()).journal, again.catalog)
    await hand.accept(trigger)
    claims = await hand.taken(2)
    (second,) = [claim for claim in claims if claim.attempt == 2]
    assert hand.journal.steady_us() - second.first_started_at_us == 31_000_000


async def test_attempts_that_did_not_succeed_are_kept_with_their_failures(
    hand: Hand, store: Store
) -> None:
    trigger = await hand.trigger()
    accepted = await hand.accept(trigger)
    (claim,) = await hand.taken()
    await hand.postpone(claim)
    (claim,) = await hand.taken()
    await hand.settle(claim, State.FAILED)
    (detail,) = await store.history.executions(accepted.message_id)
    assert [(one.attempt, one.failure) for one in detail.attempts] == [(1, BROKEN), (2, BROKEN)]
    assert detail.summary.failure == BROKEN


# --- sessions -----------------------------------------------------------------------------------


async def test_p02_what_ran_when_a_session_ended_is_taken_over_in_its_place(
    open_store: OpenStore,
) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept_many(3, trigger, "a")
    await hand.accept(trigger)
    old, _ = await hand.taken(2)
    await hand.journal.record(old.execution_no, old.epoch, step())
    await store.close()

    again = await open_store()
    hand = Hand(again.journal, again.catalog)
    await hand.accept(trigger, "a")
    assert hand.claims == []
    assert await hand.journal.recover() == 2
    assert await hand.journal.recover() == 0
    first, second = sorted(await hand.taken(2), key=lambda claim: claim.message.sequence)
    assert (first.execution_no, first.attempt, first.counted) == (old.execution_no, 2, 1)
    assert first.epoch > old.epoch
    assert first.journal == [step()]
    assert (second.message.sequence, second.alone) == (4, False)
    for sequence in (1, 2, 3, 5):
        claim = first if sequence == 1 else (await hand.taken())[0]
        assert claim.message.sequence == sequence
        await hand.settle(claim)


async def test_an_execution_under_which_three_engines_ended_runs_alone(
    open_store: OpenStore,
) -> None:
    trigger = 0
    alone = []
    for _ in range(4):
        store = await open_store()
        hand = Hand(store.journal, store.catalog)
        if not trigger:
            trigger = await hand.trigger()
            await hand.accept(trigger)
        await hand.journal.recover()
        alone.append((await hand.taken())[0].alone)
        await store.close()
    assert alone == [False, False, False, True]


async def test_a_session_renews_its_lease(hand: Hand) -> None:
    assert await hand.journal.renew()


# --- what can be seen ---------------------------------------------------------------------------


async def test_p07_messages_are_conserved(hand: Hand, store: Store) -> None:
    trigger = await hand.trigger(concurrency=4)
    await hand.accept_many(20, trigger)
    for claim in await hand.taken(4):
        await hand.settle(claim, State.FAILED)
    taken = await hand.taken(4)
    await hand.postpone(taken[0], 3600)
    await hand.journal.append(hand.new(trigger, record_only=True))
    counts = await hand.journal.counts(trigger)
    assert counts == TriggerCounts(21, 0, 12, 4, 5, 0)
    assert hand.journal.backlog(trigger) == (12, 4)
    while await store.history.purge(default_history_s=-3600):
        pass
    counts = await hand.journal.counts(trigger)
    assert counts == TriggerCounts(21, 0, 12, 4, 0, 5)


async def test_lanes_are_listed_longest_first(hand: Hand) -> None:
    trigger = await hand.trigger()
    for key, count in (("short", 1), ("long", 5), ("middle", 3)):
        await hand.accept_many(count, trigger, key)
    lanes = await hand.journal.lanes(trigger)
    assert [(lane.key, lane.waiting, lane.running) for lane in lanes] == [
        ("long", 4, 1),
        ("middle", 2, 1),
        ("short", 0, 1),
    ]
    assert len(await hand.journal.lanes(limit=2)) == 2


async def test_p33_the_longest_wait_is_known_for_every_kind_of_trigger(hand: Hand) -> None:
    alone, ordered, paused = [await hand.trigger(name) for name in ("alone", "ordered", "paused")]
    assert await hand.journal.oldest_waiting_us(alone) is None
    first = hand.new(alone)
    await hand.journal.append(first)
    (claim,) = await hand.taken()
    assert await hand.journal.oldest_waiting_us(alone) is None
    await hand.postpone(claim, 3600)
    assert await hand.journal.oldest_waiting_us(alone) == first.message.received_at_us

    await hand.accept(ordered, "a")
    behind = hand.new(ordered, "a")
    await hand.journal.append(behind)
    assert await hand.journal.oldest_waiting_us(ordered) == behind.message.received_at_us

    await hand.journal.pause(paused, "a", ADA)
    held = hand.new(paused, "a")
    await hand.journal.append(held)
    assert await hand.journal.oldest_waiting_us(paused) == held.message.received_at_us
