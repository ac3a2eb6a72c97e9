"""What people can do, on every store: cancel, skip, retry, replay, pause, resume."""

from __future__ import annotations

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import Reason, Response, State
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Claim, Ended, TriggerCounts
from tests.contract.conftest import Store
from tests.support.hand import ADA, GONE, Hand


async def stopped_lane(hand: Hand) -> tuple[int, Claim]:
    """A lane of three that stands at its failed head: the trigger, and the head."""
    trigger = await hand.trigger(on_failure="pause")
    await hand.accept_many(3, trigger, "a")
    (claim,) = await hand.taken()
    await hand.settle(claim, State.FAILED)
    return trigger, claim


# --- cancel -------------------------------------------------------------------------------------


async def test_a_waiting_execution_is_cancelled_and_the_lane_goes_past_it(
    hand: Hand, store: Store
) -> None:
    trigger = await hand.trigger()
    accepted = await hand.accept_many(3, trigger, "a")
    second = accepted[1].execution_no
    ended = await hand.journal.cancel(second, ADA, GONE)
    assert ended == Ended(second, State.CANCELLED, True)
    assert await store.history.response(second) == GONE
    (claim,) = await hand.taken()
    await hand.settle(claim)
    assert (await hand.taken())[0].message.sequence == 3
    (detail,) = await store.history.executions(accepted[1].message_id)
    assert (detail.ended_by, detail.ended_why) == (ADA.name, ADA.why)


async def test_p09_a_running_execution_is_not_cancelled_before_its_attempt_has_ended(
    hand: Hand,
) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (claim,) = await hand.taken()
    ended = await hand.journal.cancel(claim.execution_no, ADA, GONE)
    assert ended == Ended(claim.execution_no, State.RUNNING, False, claim.epoch)
    assert hand.journal.backlog(trigger) == (1, 1)
    assert hand.claims == []
    assert await hand.settle(claim)
    assert (await hand.taken())[0].message.sequence == 2


async def test_an_attempt_that_has_ended_is_ended_as_cancelled_and_the_lane_goes_on(
    hand: Hand, store: Store
) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (claim,) = await hand.taken()
    no = claim.execution_no
    ended = await hand.journal.end_running(no, claim.epoch, ADA, GONE)
    assert ended == Ended(no, State.CANCELLED, True)
    assert not await hand.settle(claim)
    assert (await hand.taken())[0].message.sequence == 2
    assert await store.history.response(no) == GONE
    (detail,) = await store.history.executions(claim.message.id)
    assert (detail.ended_by, detail.ended_why) == (ADA.name, ADA.why)
    again = await hand.journal.end_running(no, claim.epoch, ADA, GONE)
    assert again == Ended(no, State.CANCELLED, False)


async def test_p14_an_attempt_whose_epoch_is_over_cannot_be_ended(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (first,) = await hand.taken()
    await hand.postpone(first)
    (second,) = await hand.taken()
    ended = await hand.journal.end_running(first.execution_no, first.epoch, ADA, GONE)
    assert ended == Ended(second.execution_no, State.RUNNING, False, second.epoch)
    assert await hand.settle(second)
    late = await hand.journal.end_running(second.execution_no, second.epoch, ADA, GONE)
    assert late == Ended(second.execution_no, State.SUCCEEDED, False)


async def test_a_head_that_waits_for_its_retry_is_cancelled_and_the_next_one_starts(
    hand: Hand,
) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (claim,) = await hand.taken()
    await hand.postpone(claim, 3600)
    assert (await hand.journal.cancel(claim.execution_no, ADA, GONE)).changed
    assert (await hand.taken())[0].message.sequence == 2


async def test_a_terminal_execution_is_left_as_it_is(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    await hand.settle(claim)
    for act in (hand.journal.cancel, hand.journal.skip):
        ended = await act(claim.execution_no, ADA, GONE)
        assert ended == Ended(claim.execution_no, State.SUCCEEDED, False)


async def test_an_unknown_execution_is_refused(hand: Hand) -> None:
    with pytest.raises(CallerError) as caught:
        await hand.journal.cancel(4711, ADA, GONE)
    assert caught.value.code == "unknown_execution"


# --- skip ---------------------------------------------------------------------------------------


async def test_a_lane_goes_on_when_its_failed_head_is_skipped(hand: Hand, store: Store) -> None:
    _, failed = await stopped_lane(hand)
    skipped = Response(502, [], b"skipped")
    ended = await hand.journal.skip(failed.execution_no, ADA, skipped)
    assert ended == Ended(failed.execution_no, State.SKIPPED, True)
    assert await store.history.response(failed.execution_no) == skipped
    (claim,) = await hand.taken()
    assert claim.message.sequence == 2
    (detail,) = await store.history.executions(failed.message.id)
    assert (detail.summary.state, detail.ended_by) == (State.SKIPPED, ADA.name)


async def test_a_failed_execution_at_which_no_lane_stands_is_not_skipped(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.settle(claim, State.FAILED)
    ended = await hand.journal.skip(claim.execution_no, ADA, GONE)
    assert ended == Ended(claim.execution_no, State.FAILED, False)


async def test_a_running_execution_is_not_skipped(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    assert not (await hand.journal.skip(claim.execution_no, ADA, GONE)).changed


# --- retry --------------------------------------------------------------------------------------


async def test_a_retry_that_is_due_later_is_made_now(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (claim,) = await hand.taken()
    await hand.postpone(claim, 3600)
    assert (await hand.journal.retry_now(claim.execution_no, ADA)).changed
    (again,) = await hand.taken()
    assert again.attempt == 2
    assert not (await hand.journal.retry_now(claim.execution_no, ADA)).changed


# --- replay -------------------------------------------------------------------------------------


async def test_a_replay_is_a_new_execution_at_the_tail_of_its_lane(
    hand: Hand, store: Store
) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (claim,) = await hand.taken()
    await hand.settle(claim, State.FAILED)
    published, _ = await hand.catalog.publish(
        "t37ed",
        {"name": "orders", "description": "changed"},
        rules=TriggerRules(10, 1000, "continue", None, None),
        managed_by="console",
        actor="ada",
    )
    version = published.version_no
    assert version != claim.version_no
    number, name = await hand.journal.replay(claim.execution_no, version, ADA)
    assert name == f"{claim.message.id}-2"
    (second,) = await hand.taken()
    assert second.message.sequence == 2
    await hand.settle(second)
    (replay,) = await hand.taken()
    assert (replay.execution_no, replay.version_no, replay.execution) == (number, version, name)
    assert replay.message == claim.message
    await hand.settle(replay)
    _, detail = await store.history.executions(claim.message.id)
    assert detail.replay_of == claim.execution_no
    assert await hand.journal.counts(trigger) == TriggerCounts(2, 1, 0, 0, 3, 0)
    assert (await hand.journal.replay(number, version, ADA))[1] == f"{claim.message.id}-3"


async def test_a_replay_of_the_failed_head_takes_its_place_and_the_lane_goes_on(
    hand: Hand,
) -> None:
    trigger, failed = await stopped_lane(hand)
    number, _ = await hand.journal.replay(failed.execution_no, 1, ADA)
    (replay,) = await hand.taken()
    assert replay.execution_no == number
    await hand.settle(replay, State.FAILED)
    assert hand.claims == []
    number, _ = await hand.journal.replay(number, 1, ADA)
    for sequence in (1, 2, 3):
        (claim,) = await hand.taken()
        assert claim.message.sequence == sequence
        await hand.settle(claim)
    assert await hand.journal.lanes(trigger) == []


async def test_only_what_has_ended_is_replayed(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    with pytest.raises(CallerError) as caught:
        await hand.journal.replay(claim.execution_no, 1, ADA)
    assert caught.value.code == "not_terminal"


# --- pause and resume ---------------------------------------------------------------------------


async def test_a_paused_trigger_accepts_and_starts_nothing_until_it_is_resumed(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.journal.pause(trigger, None, ADA)
    await hand.accept_many(2, trigger)
    await hand.accept(trigger, "a")
    assert hand.claims == []
    whole, lane = await hand.journal.lanes(trigger)
    assert (whole.key, whole.paused) == (None, True)
    assert ADA.name in whole.paused_because
    assert (lane.key, lane.head_reason) == ("a", Reason.PAUSED)
    await hand.journal.resume(trigger, None, ADA)
    assert len(await hand.taken(3)) == 3


async def test_a_paused_lane_waits_while_others_run(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (running,) = await hand.taken()
    await hand.journal.pause(trigger, "a", ADA)
    assert await hand.settle(running)
    await hand.accept(trigger, "b")
    assert (await hand.taken())[0].message.sequence == 3
    assert hand.claims == []
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].message.sequence == 2


async def test_a_head_that_was_ready_keeps_its_place_in_a_paused_lane(hand: Hand) -> None:
    trigger = await hand.trigger(concurrency=1)
    await hand.accept(trigger, "b")
    await hand.accept_many(2, trigger, "a")
    (running,) = await hand.taken()
    await hand.journal.pause(trigger, "a", ADA)
    await hand.settle(running)
    assert hand.claims == []
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].message.sequence == 2


async def test_an_attempt_that_is_postponed_in_a_paused_lane_waits_for_its_resumption(
    hand: Hand,
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (running,) = await hand.taken()
    await hand.journal.pause(trigger, "a", ADA)
    await hand.postpone(running)
    assert hand.claims == []
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].attempt == 2


async def test_a_lane_that_stands_at_a_failed_head_names_it(hand: Hand) -> None:
    trigger, failed = await stopped_lane(hand)
    (lane,) = await hand.journal.lanes(trigger)
    assert (lane.paused, lane.waiting, lane.head_reason) == (True, 2, Reason.PAUSED)
    assert lane.head_message_id == failed.message.id


async def test_a_lane_that_stands_at_a_failed_head_goes_on_behind_it(hand: Hand) -> None:
    trigger, _ = await stopped_lane(hand)
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].message.sequence == 2


async def paused_and_stopped_lane(hand: Hand, *, paused_first: bool) -> tuple[int, Claim]:
    """A lane of three that a person paused, and that stands at its failed head."""
    trigger = await hand.trigger(on_failure="pause")
    await hand.accept_many(3, trigger, "a")
    (claim,) = await hand.taken()
    if paused_first:
        await hand.journal.pause(trigger, "a", ADA)
    await hand.settle(claim, State.FAILED)
    await hand.journal.pause(trigger, "a", ADA)
    return trigger, claim


@pytest.mark.parametrize("paused_first", [True, False])
async def test_a_persons_pause_outlasts_the_skip_of_a_failed_head(
    hand: Hand, *, paused_first: bool
) -> None:
    trigger, failed = await paused_and_stopped_lane(hand, paused_first=paused_first)
    assert (await hand.journal.skip(failed.execution_no, ADA, GONE)).changed
    (lane,) = await hand.journal.lanes(trigger)
    assert (lane.paused, lane.waiting, lane.running) == (True, 2, 0)
    assert lane.paused_because == f"paused by {ADA.name}: {ADA.why}"
    assert hand.claims == []
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].message.sequence == 2


async def test_a_persons_pause_outlasts_the_replay_of_a_failed_head(hand: Hand) -> None:
    trigger, failed = await paused_and_stopped_lane(hand, paused_first=True)
    number, _ = await hand.journal.replay(failed.execution_no, 1, ADA)
    (lane,) = await hand.journal.lanes(trigger)
    assert (lane.paused, lane.head_message_id) == (True, failed.message.id)
    assert hand.claims == []
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].execution_no == number


async def test_p10_a_failed_head_is_not_passed_when_a_persons_pause_is_taken_back(
    hand: Hand,
) -> None:
    trigger, failed = await paused_and_stopped_lane(hand, paused_first=True)
    (lane,) = await hand.journal.lanes(trigger)
    assert "head failed" in lane.paused_because
    assert ADA.why in lane.paused_because
    await hand.journal.resume(trigger, "a", ADA)
    (lane,) = await hand.journal.lanes(trigger)
    assert (lane.paused, lane.head_message_id) == (True, failed.message.id)
    assert hand.claims == []
    await hand.journal.resume(trigger, "a", ADA)
    assert (await hand.taken())[0].message.sequence == 2


async def test_what_waits_behind_a_failed_head_names_it(hand: Hand, store: Store) -> None:
    trigger, failed = await stopped_lane(hand)
    last = await hand.accept(trigger, "a")
    (detail,) = await store.history.executions(last.message_id)
    assert (detail.summary.reason, detail.waits_for) == (Reason.PAUSED, failed.message.id)


async def test_acts_are_noted_with_who_and_why(hand: Hand) -> None:
    trigger, failed = await stopped_lane(hand)
    await hand.journal.skip(failed.execution_no, ADA, GONE)
    await hand.journal.pause(trigger, "a", ADA)
    latest, before, *_ = await hand.catalog.audit()
    assert (latest.actor, latest.action, latest.subject) == ("ada", "lane.pause", "t37ed/orders")
    assert (before.action, before.subject) == ("execution.skip", f"{failed.message.id}-1")
    assert before.detail == ADA.why
