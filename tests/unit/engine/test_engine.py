"""The engine and its dispatcher between callers and attempts; the test makes the attempts."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.engine import dispatch
from firesteel.engine.calls import Acceptance, Call, NodeStopping, fingerprint
from firesteel.engine.replays import Changes
from firesteel.errors import CallerError, FiresteelError, StoreUnavailable
from firesteel.model import frames
from firesteel.model.execution import Failure, JournalEntry, Response, State
from firesteel.model.message import Request, decode_request
from firesteel.store.catalog import Catalog, Version
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
    assert again == Acceptance(
        first.message_id, 1, first.execution_no, duplicate=True, stored=True, trigger_no=1
    )
    node.engine.wait(again, 60, comes_late)
    assert await comes_late.something() == DONE
    other = await node.call(idempotency_key="k", body=b"other").acceptance_or_refusal()
    assert code(other) == "idempotency_mismatch"
    assert (await node.accepted(idempotency_key="k2")).sequence == 2
    assert (await node.accepted()).sequence == 3


def test_p22_a_fingerprint_tells_calls_apart_and_never_changes(node: AttendedEngine) -> None:
    route = node.engine.routes.find("test", "orders")
    assert route is not None

    def of(method: str, query: bytes, body: bytes) -> bytes:
        return fingerprint(Call(route, Request(method, "/test/orders", query, []), body, None))

    parts = [(b"q", b"b"), (b"qb", b""), (b"", b"qb"), (b"b", b"q")]
    found = {of(method, *two) for method in ("POST", "POS", "PUT") for two in parts}
    assert len(found) == 3 * len(parts)
    assert of("POST", b"q", b"b") == of("POST", b"q", b"b")
    assert {len(one) for one in found} == {16}
    # It is stored with the key: a call that is sent again after an upgrade is recognised (P30).
    assert of("POST", b"a=1", b"body").hex() == "6a0cb52ea736ae45bbc29f20a714540e"


async def test_a_call_that_the_journal_refuses_is_refused(node: AttendedEngine) -> None:
    route = node.engine.routes.find("test", "orders")
    assert route is not None
    gone, caller = dataclasses.replace(route, trigger_no=4711), Told()
    node.engine.accept(Call(gone, Request("POST", "/test/orders", b"", []), b"", None), caller)
    assert code(await caller.something()) == "unknown_integration"


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


async def test_p17_an_edited_replay_runs_on_the_changes_and_leaves_the_message(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted(body=b"broken", query=b"a=1")
    node.end(await node.pool.next(), NO_SUCH)
    await node.dispatcher.flush()
    given = Changes(query="a=2&b=x y", content_type="text/plain", body=b"mended")
    await node.engine.replay(acceptance.message_id, None, ADA, changes=given)
    work = await node.pool.next()
    request = decode_request(work.claim.message.request)
    assert (request.raw_query, work.claim.message.body) == (b"a=2&b=x%20y", b"mended")
    assert request.header(b"content-type") == b"text/plain"
    node.end(work, NO_SUCH)
    await node.dispatcher.flush()
    await node.engine.replay(acceptance.message_id, 2, ADA, changes=Changes(input=b'{"n":1}'))
    work = await node.pool.next()
    assert (work.claim.message.body, work.claim.given_input) == (b"mended", b'{"n":1}')
    node.end(work, NO_SUCH)
    await node.dispatcher.flush()
    await node.engine.replay(acceptance.message_id, 3, ADA, changes=Changes(body=b"third"))
    work = await node.pool.next()
    assert (work.claim.message.body, work.claim.given_input) == (b"third", b"")
    node.end(work)
    await node.dispatcher.flush()
    for detail in await node.store.history.executions(acceptance.message_id):
        assert detail.message is not None
        assert detail.message.body == b"broken"


@pytest.mark.parametrize("wrong", [Changes(input=b"{"), Changes(content_type="a\nb: c")])
async def test_an_edit_that_cannot_be_is_refused(node: AttendedEngine, wrong: Changes) -> None:
    acceptance = await node.accepted()
    node.end(await node.pool.next(), NO_SUCH)
    await node.dispatcher.flush()
    with pytest.raises(CallerError) as caught:
        await node.engine.replay(acceptance.message_id, None, ADA, changes=wrong)
    assert caught.value.code == "invalid_request"


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
    next_one = await (await node.successor()).pool.next()
    assert (next_one.claim.attempt, next_one.claim.counted) == (2, 1)


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


# --- steps and versions -------------------------------------------------------------------------


class Link:
    """A worker's, as far as it is spoken to."""

    def __init__(self, pid: int = 1, workspace: str = "test", *, draining: bool = False) -> None:
        self.pid = pid
        self.workspaces = {workspace}
        self.draining = draining
        self.running: dict[int, object] = {}
        self.sent: list[frames.Frame] = []
        self.news = asyncio.Event()

    def send(self, frame: frames.Frame) -> None:
        self.sent.append(frame)
        self.news.set()


@pytest.mark.parametrize(
    ("epoch", "step", "accepted"), [(1, "price", True), (2, "price", False), (1, "\ud800", False)]
)
async def test_p14_a_worker_is_told_whether_its_step_is_journaled(
    node: AttendedEngine, epoch: int, step: str, accepted: bool
) -> None:
    await node.accepted()
    claim = (await node.pool.next()).claim
    link, entry = Link(), JournalEntry(step, "sql", 1, 1, 2, b"12")
    record = frames.Record(claim.execution_no, epoch, entry)
    node.dispatcher.recorded(link, record)  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        await link.news.wait()
    assert link.sent == [frames.Recorded(claim.execution_no, epoch, step, accepted)]


async def test_frames_that_end_no_attempt_are_passed_on(node: AttendedEngine) -> None:
    passed: list[tuple[object, object]] = []
    node.dispatcher.answer_to = lambda link, frame: passed.append((link, frame))
    link, frame = Link(), frames.Recorded(1, 1, "price", True)
    node.dispatcher.asked(link, frame)  # type: ignore[arg-type]
    assert passed == [(link, frame)]


async def test_a_version_that_is_not_in_memory_is_read_before_the_attempt(
    node: AttendedEngine,
) -> None:
    node.dispatcher.capacity(0)
    acceptance = await node.accepted()
    other = await node.successor()
    work = await other.pool.next()
    assert work.claim.execution_no == acceptance.execution_no
    assert work.definition.version_no == work.claim.version_no
    other.end(work)
    await other.dispatcher.flush()
    assert await node.state(acceptance) is State.SUCCEEDED


async def test_while_versions_cannot_be_read_the_attempt_waits_uncounted(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "DEFINITION_RETRY_S", 0.0)
    node.dispatcher.capacity(0)
    await node.accepted()
    read, refusals = type(node.store.catalog).version, [1, 2]

    async def version(self: Catalog, version_no: int) -> Version | None:
        if refusals:
            refusals.pop()
            raise StoreUnavailable("the disk is full")
        return await read(self, version_no)

    monkeypatch.setattr(type(node.store.catalog), "version", version)
    work = await (await node.successor()).pool.next()
    assert (work.claim.attempt, work.claim.counted) == (3, 1)


async def test_an_attempt_under_a_version_that_cannot_be_read_has_failed(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node.dispatcher.capacity(0)
    acceptance = await node.accepted()

    async def version(_self: Catalog, _version_no: int) -> Version | None:
        tried.set()
        return None

    tried = asyncio.Event()
    monkeypatch.setattr(type(node.store.catalog), "version", version)
    other = await node.successor()
    async with asyncio.timeout(60):
        await tried.wait()
    await other.dispatcher.flush()
    (detail,) = await node.store.history.executions(acceptance.message_id)
    failure = detail.attempts[0].failure
    assert failure is not None
    assert failure.code == "version_unusable"
    assert "version_unusable" in capsys.readouterr().out


@pytest.mark.parametrize("readable", [True, False])
async def test_what_was_cancelled_while_its_version_was_read_does_not_start(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    node.dispatcher.capacity(0)
    acceptance = await node.accepted()
    read = type(node.store.catalog).version
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def version(self: Catalog, version_no: int) -> Version | None:
        reading.set()
        await go_on.wait()
        return await read(self, version_no) if readable else None

    monkeypatch.setattr(type(node.store.catalog), "version", version)
    other = await node.successor()
    async with asyncio.timeout(60):
        await reading.wait()
        cancelling = asyncio.create_task(other.engine.cancel(acceptance.message_id, None, ADA))
        assert (await cancelling).changed
    go_on.set()
    await other.dispatcher.flush()
    assert other.pool.work == []
    assert await node.state(acceptance) is State.CANCELLED
    (detail,) = await node.store.history.executions(acceptance.message_id)
    assert detail.attempts == []


# --- workers ------------------------------------------------------------------------------------


async def test_workers_are_told_of_functions_connections_and_their_end(
    node: AttendedEngine,
) -> None:
    assert node.pool.functions == {"work:run"}
    used, other = Link(7, "test"), Link(8, "other", draining=True)
    node.pool.links = [used, other]
    await node.engine.connections_changed("test")
    assert (len(used.sent), len(other.sent)) == (1, 0)
    assert node.engine.workers() == [
        {"pid": 7, "running": 0, "ready": True},
        {"pid": 8, "running": 0, "ready": False},
    ]
    await node.engine.restart_workers()
    assert node.pool.drained


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
