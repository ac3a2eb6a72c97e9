"""What goes on after people's acts, on every store: in lanes, after a restart, and on record."""

from __future__ import annotations

import pytest

from firesteel.model.execution import State
from firesteel.model.message import Message
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Claim, Ended, NewMessage, Settlement
from tests.contract.conftest import OpenStore, Store
from tests.support.hand import ADA, GONE, OK, REQUEST, Hand


async def test_a_lane_that_a_cancelled_one_has_left_is_empty_when_the_others_have_ended(
    hand: Hand,
) -> None:
    trigger = await hand.trigger()
    accepted = await hand.accept_many(3, trigger, "a")
    assert (await hand.journal.cancel(accepted[1].execution_no, ADA, GONE)).changed
    for sequence in (1, 3):
        (claim,) = await hand.taken()
        assert claim.message.sequence == sequence
        await hand.settle(claim)
    await hand.accept(trigger, "a")
    assert (await hand.taken())[0].message.sequence == 4


async def test_a_lane_whose_only_one_was_cancelled_while_it_waited_is_empty(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.postpone(claim, 3600)
    assert (await hand.journal.cancel(claim.execution_no, ADA, GONE)).changed
    await hand.accept(trigger, "a")
    assert (await hand.taken())[0].message.sequence == 2


async def test_p09_a_replay_in_an_empty_lane_keeps_what_comes_after_it_waiting(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.settle(claim)
    number, _ = await hand.journal.replay(claim.execution_no, claim.version_no, ADA)
    (replay,) = await hand.taken()
    assert replay.execution_no == number
    await hand.accept(trigger, "a")
    assert hand.claims == []
    await hand.settle(replay)
    (claim,) = await hand.taken()
    assert claim.message.sequence == 2
    await hand.settle(claim)
    await hand.accept(trigger, "a")
    assert (await hand.taken())[0].message.sequence == 3


async def test_p09_a_replay_that_waits_for_a_slot_keeps_its_place(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.settle(claim)
    hand.journal.grant(0)
    number, _ = await hand.journal.replay(claim.execution_no, claim.version_no, ADA)
    await hand.accept(trigger, "a")
    hand.journal.grant(10)
    (replay,) = await hand.taken()
    assert (replay.execution_no, hand.claims) == (number, [])
    await hand.settle(replay)
    assert (await hand.taken())[0].message.sequence == 2


async def test_an_act_finds_what_was_put_just_before_it(hand: Hand) -> None:
    """All of it in one transaction, if the store makes groups."""
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    no, journal = claim.execution_no, hand.journal
    settling = journal.settle(Settlement(no, claim.epoch, State.SUCCEEDED, OK))
    replaying = journal.replay(no, claim.version_no, ADA)
    assert await settling
    number, _ = await replaying
    (replay,) = await hand.taken()
    assert replay.execution_no == number


async def test_a_failed_execution_without_a_lane_is_not_skipped(hand: Hand) -> None:
    trigger = await hand.trigger(on_failure="pause")
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    await hand.settle(claim, State.FAILED)
    ended = await hand.journal.skip(claim.execution_no, ADA, GONE)
    assert ended == Ended(claim.execution_no, State.FAILED, False)


async def test_p09_a_lane_that_is_resumed_while_one_runs_in_it_starts_no_other(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (running,) = await hand.taken()
    await hand.journal.pause(trigger, "a", ADA)
    await hand.journal.resume(trigger, "a", ADA)
    await hand.accept(trigger, "a")
    assert hand.claims == []
    for sequence in (1, 2, 3):
        assert running.message.sequence == sequence
        await hand.settle(running)
        if sequence < 3:
            (running,) = await hand.taken()


async def test_a_paused_trigger_starts_nothing_when_one_of_its_executions_ends(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=1)
    await hand.accept_many(2, trigger)
    (running,) = await hand.taken()
    await hand.journal.pause(trigger, None, ADA)
    await hand.settle(running)
    assert hand.claims == []
    await hand.journal.resume(trigger, None, ADA)
    assert (await hand.taken())[0].message.sequence == 2


async def test_p11_what_waits_starts_as_soon_as_the_concurrency_is_raised(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=1)
    await hand.accept_many(3, trigger)
    await hand.taken()
    await hand.trigger(concurrency=2)
    assert (await hand.taken())[0].message.sequence == 2
    assert hand.claims == []


async def test_nothing_starts_before_an_engine_has_granted_slots(store: Store) -> None:
    claims: list[Claim] = []
    store.journal.listen(claims.extend, lambda error: None)
    await store.catalog.ensure_workspace("t37ed")
    rules = TriggerRules(10, 1000, "continue", None, None)
    published, _ = await store.catalog.publish(
        "t37ed", {"name": "orders"}, rules=rules, managed_by="console", actor="ada"
    )
    trigger = published.trigger_no
    for lane in (None, "a"):
        message = Message(f"{lane!s:0>32}", 0, 1, "shop", REQUEST, b"body")
        await store.journal.append(NewMessage(trigger, 1, message, lane))
    assert (claims, store.journal.backlog(trigger)) == ([], (2, 0))
    store.journal.grant(1)
    await store.journal.renew()
    assert len(claims) == 1


@pytest.mark.parametrize("lane", [None, "a"])
@pytest.mark.parametrize("resumed", [True, False])
async def test_what_was_paused_or_resumed_is_so_after_a_restart(
    open_store: OpenStore, lane: str | None, *, resumed: bool
) -> None:
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.journal.pause(trigger, lane, ADA)
    if resumed:
        await hand.journal.resume(trigger, lane, ADA)
    await store.close()
    store = await open_store()
    hand = Hand(store.journal, store.catalog)
    await hand.accept(trigger, "a")
    assert len(hand.claims) == resumed
    paused = [one for one in await hand.journal.lanes(trigger) if one.paused]
    assert bool(paused) is not resumed


async def test_every_act_is_noted_with_its_subject(hand: Hand) -> None:
    trigger = await hand.trigger(on_failure="pause")
    accepted = await hand.accept_many(4, trigger, "a")
    (first,) = await hand.taken()
    await hand.postpone(first, 3600)
    await hand.journal.retry_now(first.execution_no, ADA)
    (first,) = await hand.taken()
    await hand.settle(first, State.FAILED)
    await hand.journal.cancel(accepted[1].execution_no, ADA, GONE)
    await hand.journal.replay(first.execution_no, first.version_no, ADA)
    (replay,) = await hand.taken()
    await hand.journal.end_running(replay.execution_no, replay.epoch, ADA, GONE)
    for lane in ("a", None):
        await hand.journal.pause(trigger, lane, ADA)
        await hand.journal.resume(trigger, lane, ADA)
    noted = [one for one in await hand.catalog.audit() if one.actor == ADA.name]
    message = first.message.id
    assert [(one.action, one.subject) for one in reversed(noted)][-8:] == [
        ("execution.retry", f"{message}-1"),
        ("execution.cancel", f"{accepted[1].message_id}-1"),
        ("execution.replay", f"{message}-1"),
        ("execution.cancel", f"{message}-2"),
        ("lane.pause", "t37ed/orders"),
        ("lane.resume", "t37ed/orders"),
        ("trigger.pause", "t37ed/orders"),
        ("trigger.resume", "t37ed/orders"),
    ]
    assert {one.detail for one in noted[:8]} == {ADA.why}
