"""The engine and its dispatcher between callers and attempts; the test makes the attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.engine.calls import Acceptance, NodeStopping
from firesteel.errors import CallerError, FiresteelError, StoreUnavailable
from firesteel.model.execution import Failure, JournalEntry, Response, State
from firesteel.store.journal import Actor
from tests.support.attended_engine import DONE, AttendedEngine, Told, attended_engine

ADA = Actor("ada", "because")
AT_ONCE = {"retry": {"first_delay": "10ms", "max_delay": "10ms", "attempts": 2}}
BUSY = Failure("transient", "http_503", "the peer is busy")
BROKEN = Failure("unknown", "step_failed", "the step failed")
NO_SUCH = Failure("permanent", "permanent_error", "no such customer")
PRICE = JournalEntry("price", "sql", 1, 1, 2, b"12")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        await made.publish(workflow=AT_ONCE)
        yield made


def code(told: object) -> str:
    assert isinstance(told, FiresteelError), told
    return told.code


# --- accepting and answering --------------------------------------------------------------------


async def test_a_call_is_accepted_attempted_and_answered_when_its_end_is_committed(
    node: AttendedEngine,
) -> None:
    before_us = node.clock.now_us()
    acceptance = await node.accepted(body=b"\xff", query=b"a=1")
    assert (acceptance.sequence, acceptance.duplicate, acceptance.stored) == (1, False, False)
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    assert node.engine.waiting_callers == 1
    work = await node.pool.next()
    assert (work.claim.message.body, work.claim.message.consumer) == (b"\xff", "shop")
    assert before_us <= work.claim.message.received_at_us <= node.clock.now_us()
    assert work.definition.workspace == work.connections.workspace == "test"
    assert node.engine.backlog(work.claim.trigger_no) == (0, 1)
    node.end(work, entries=[PRICE], logs="hello", input=b"{}", code_hash="c0de")
    assert await caller.something() == DONE
    assert await node.state(acceptance) is State.SUCCEEDED
    assert await node.engine.response(acceptance.execution_no) == DONE
    (detail,) = await node.store.history.executions(acceptance.message_id)
    assert (detail.journal, detail.logs, detail.input) == ([PRICE], "hello", b"{}")
    assert detail.code_hash == "c0de"
    assert node.engine.waiting_callers == 0


async def test_a_caller_is_told_that_its_time_is_over_and_one_that_has_gone_nothing(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted()
    late, gone = Told(), Told()
    node.engine.wait(acceptance, 60, gone)
    node.engine.wait(acceptance, 0.0, late)
    assert await late.something() == "overdue"
    node.engine.forget(acceptance, gone)
    node.end(await node.pool.next())
    await node.dispatcher.flush()
    assert (late.told, gone.told) == (["overdue"], [])


async def test_what_is_only_recorded_is_answered_from_the_store(node: AttendedEngine) -> None:
    await node.publish(workflow=None)
    acceptance = await node.accepted()
    assert acceptance.stored
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    answer = await caller.something()
    assert isinstance(answer, Response)
    assert answer.status == 204


async def test_p22_a_duplicate_gets_the_response_of_the_first_call(node: AttendedEngine) -> None:
    await node.publish(workflow=AT_ONCE, trigger={"idempotency": {"window": "1h"}})
    first = await node.accepted(idempotency_key="k")
    early = await node.accepted(idempotency_key="k")
    waits, comes_late = Told(), Told()
    node.engine.wait(early, 60, waits)
    node.end(await node.pool.next())
    assert await waits.something() == DONE
    again = await node.accepted(idempotency_key="k")
    assert again == Acceptance(first.message_id, 1, first.execution_no, duplicate=True, stored=True)
    node.engine.wait(again, 60, comes_late)
    assert await comes_late.something() == DONE
    other = await node.call(idempotency_key="k", body=b"other").acceptance_or_refusal()
    assert code(other) == "idempotency_mismatch"
    assert (await node.accepted()).sequence == 2


async def test_a_key_that_is_kept_for_no_time_names_nothing(node: AttendedEngine) -> None:
    await node.publish(workflow=AT_ONCE, trigger={"idempotency": False})
    for sequence in (1, 2):
        assert (await node.accepted(idempotency_key="k")).sequence == sequence


async def test_a_caller_that_recalls_is_told_what_the_store_cannot_tell(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.publish(workflow=None)
    acceptance = await node.accepted()

    async def fails(_execution_no: int) -> Response | None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(type(node.store.history), "response", lambda _self, no: fails(no))
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    assert code(await caller.something()) == "store_unavailable"
    assert node.engine.waiting_callers == 0


async def test_calls_past_the_triggers_bound_and_of_a_stopping_node_are_refused(
    node: AttendedEngine,
) -> None:
    node.dispatcher.capacity(0)
    for _ in range(3):
        await node.accepted()
    assert code(await node.call().acceptance_or_refusal()) == "lane_full"
    assert node.engine.accepting
    node.engine.refusal = "node_stopping"
    assert isinstance(await node.call().acceptance_or_refusal(), NodeStopping)
    node.engine.refusal = "disk_full"
    assert code(await node.call().acceptance_or_refusal()) == "disk_full"
    assert not node.engine.accepting


def test_the_use_of_keys_is_noted_until_it_is_taken(node: AttendedEngine) -> None:
    before_us = node.clock.now_us()
    node.engine.used_key(7)
    taken = node.engine.take_used_keys()
    assert list(taken) == [7]
    assert taken[7] >= before_us
    assert node.engine.take_used_keys() == {}


# --- failing ------------------------------------------------------------------------------------


async def test_a_failure_that_counts_is_tried_until_its_attempts_are_used_up(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted()
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    node.end(await node.pool.next(), BROKEN, entries=[PRICE], logs="first")
    second = await node.pool.next()
    assert (second.claim.attempt, second.claim.counted) == (2, 2)
    assert second.claim.journal == [PRICE]
    node.end(second, BROKEN)
    answer = await caller.something()
    assert isinstance(answer, Response)
    assert (answer.status, b"the step failed" in answer.body) == (502, False)
    assert await node.state(acceptance) is State.FAILED
    (detail,) = await node.store.history.executions(acceptance.message_id)
    assert detail.attempts[0].logs == "first"
    assert [attempt.failure for attempt in detail.attempts][:1] == [BROKEN]


async def test_a_transient_failure_uses_up_no_attempt_and_a_permanent_one_is_the_end(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted()
    for attempt in (1, 2, 3):
        work = await node.pool.next()
        assert (work.claim.attempt, work.claim.counted) == (attempt, 1)
        node.end(work, BUSY)
    node.end(await node.pool.next(), NO_SUCH)
    await node.dispatcher.flush()
    assert await node.state(acceptance) is State.FAILED
    response = await node.engine.response(acceptance.execution_no)
    assert response is not None
    assert b"no such customer" in response.body


async def test_transient_failures_end_when_it_is_given_up(node: AttendedEngine) -> None:
    await node.publish(workflow={"retry": {"first_delay": "2s", "give_up_after": "1s"}})
    acceptance = await node.accepted()
    node.end(await node.pool.next(), BUSY)
    await node.dispatcher.flush()
    assert await node.state(acceptance) is State.FAILED


async def test_an_attempt_without_any_outcome_has_failed(node: AttendedEngine) -> None:
    await node.publish(workflow={"retry": {"attempts": 1}})
    acceptance = await node.accepted()
    work = await node.pool.next()
    node.dispatcher.crashed(work.claim, BROKEN, "sure")
    await node.dispatcher.flush()
    assert await node.state(acceptance) is State.FAILED


@pytest.mark.parametrize(("blame", "alone"), [("suspect", True), ("none", False)])
async def test_p16_a_crash_that_may_be_anothers_counts_not_and_a_suspect_runs_alone(
    node: AttendedEngine, blame: str, alone: bool
) -> None:
    await node.accepted()
    work = await node.pool.next()
    node.dispatcher.crashed(work.claim, BROKEN, blame)  # type: ignore[arg-type]
    again = await node.pool.next()
    assert (again.claim.attempt, again.claim.counted, again.claim.alone) == (2, 1, alone)
    node.dispatcher.crashed(again.claim, BROKEN, "none")
    third = await node.pool.next()
    assert third.claim.alone is alone
    node.end(third, BUSY)
    assert (await node.pool.next()).claim.alone is alone


# --- acts of people -----------------------------------------------------------------------------


async def test_a_running_execution_is_cancelled_when_its_attempt_has_ended(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted()
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    work = await node.pool.next()
    ended = await node.engine.cancel(acceptance.message_id, None, ADA)
    assert (ended.changed, ended.state) == (True, State.CANCELLED)
    assert node.pool.cancelled == [work.claim.execution_no]
    answer = await caller.something()
    assert isinstance(answer, Response)
    assert b"execution_cancelled" in answer.body
    assert not (await node.engine.cancel(acceptance.message_id, None, ADA)).changed
    late = Told()
    node.engine.wait(acceptance, 60, late)
    node.end(work)
    await node.dispatcher.flush()
    assert late.told == []
    node.engine.forget(acceptance, late)


async def test_skipping_answers_those_that_wait_and_a_second_time_does_nothing(
    node: AttendedEngine,
) -> None:
    node.dispatcher.capacity(0)
    acceptance = await node.accepted()
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    assert (await node.engine.skip(acceptance.message_id, None, ADA)).changed
    answer = await caller.something()
    assert isinstance(answer, Response)
    assert b"execution_skipped" in answer.body
    late = Told()
    node.engine.wait(acceptance, 60, late)
    assert not (await node.engine.skip(acceptance.message_id, None, ADA)).changed
    assert late.told == []
    node.engine.forget(acceptance, late)


async def test_retrying_now_starts_what_waits_and_replays_what_has_failed(
    node: AttendedEngine,
) -> None:
    await node.publish(workflow={"retry": {"first_delay": "1h", "max_delay": "1h", "attempts": 2}})
    acceptance = await node.accepted()
    node.end(await node.pool.next(), BROKEN)
    await node.dispatcher.flush()
    assert (await node.engine.retry_now(acceptance.message_id, None, ADA)).changed
    node.end(await node.pool.next(), BROKEN)
    await node.dispatcher.flush()
    assert await node.state(acceptance) is State.FAILED
    again = await node.engine.retry_now(acceptance.message_id, None, ADA)
    assert (again.changed, again.state) == (True, State.WAITING)
    work = await node.pool.next()
    assert work.claim.execution == f"{acceptance.message_id}-2"
    assert work.claim.execution_no == again.execution_no


async def test_p18_a_replay_runs_the_version_of_now_or_the_one_of_the_acceptance(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted()
    first = await node.pool.next()
    node.end(first)
    await node.dispatcher.flush()
    await node.publish(workflow=None)
    await node.publish(workflow={"retry": {"attempts": 7}})
    for original in (True, False):
        no, _ = await node.engine.replay(
            acceptance.message_id, None, ADA, original_version=original
        )
        work = await node.pool.next()
        assert work.claim.execution_no == no
        assert (work.claim.version_no == first.claim.version_no) is original
        node.end(work)
        await node.dispatcher.flush()


async def test_acts_name_a_message_and_a_run_that_there_are(node: AttendedEngine) -> None:
    acceptance = await node.accepted()
    work = await node.pool.next()
    node.end(work)
    await node.dispatcher.flush()
    for message_id, run, expected in (
        ("0" * 32, None, "unknown_message"),
        (acceptance.message_id, 2, "unknown_execution"),
    ):
        with pytest.raises(CallerError) as caught:
            await node.engine.cancel(message_id, run, ADA)
        assert caught.value.code == expected
    no, _ = await node.engine.replay(acceptance.message_id, 1, ADA)
    again = await node.pool.next()
    assert again.claim.execution_no == no
    assert not (await node.engine.cancel(acceptance.message_id, 1, ADA)).changed
    assert (await node.engine.cancel(acceptance.message_id, 2, ADA)).changed


# --- stopping -----------------------------------------------------------------------------------


async def test_p28_what_is_handed_back_counts_not_and_nothing_is_claimed_any_more(
    node: AttendedEngine,
) -> None:
    await node.accepted()
    work = await node.pool.next()
    node.dispatcher.stop_claiming()
    node.dispatcher.capacity(10)
    node.dispatcher.hand_back(work.claim)
    await node.dispatcher.flush()
    assert node.engine.backlog(work.claim.trigger_no) == (1, 0)
    await node.store.journal.renew()
    assert node.pool.work == []


async def test_what_is_claimed_while_the_node_stops_goes_back_uncounted(
    node: AttendedEngine,
) -> None:
    await node.accepted()
    work = await node.pool.next()
    node.dispatcher.stop_claiming()
    node.dispatcher.claimed([work.claim])
    await node.dispatcher.flush()
    assert node.engine.backlog(work.claim.trigger_no) == (1, 0)
    assert node.pool.work == []


# --- what should not happen ---------------------------------------------------------------------


async def test_what_no_store_can_keep_fails_without_it(node: AttendedEngine) -> None:
    acceptance = await node.accepted()
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    node.end(await node.pool.next(), logs="\ud800")
    answer = await caller.something()
    assert isinstance(answer, Response)
    assert answer.status == 502
    assert await node.state(acceptance) is State.FAILED


async def test_a_postponement_that_no_store_can_keep_is_made_without_what_was_left(
    node: AttendedEngine,
) -> None:
    await node.accepted()
    node.end(await node.pool.next(), BUSY, logs="\ud800")
    again = await node.pool.next()
    assert (again.claim.attempt, again.claim.counted) == (2, 1)
    assert node.defects == 0
