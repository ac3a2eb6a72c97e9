"""The dispatcher where a store, a version or room for bodies is missing, and what it tells."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from firesteel.engine import dispatch
from firesteel.engine.calls import Acceptance
from firesteel.errors import OutcomeUnknown, StoreUnavailable
from firesteel.model import frames
from firesteel.model.document import InvalidDocument
from firesteel.model.execution import Failure, Response, State
from firesteel.pending import Pending
from firesteel.store.catalog import Catalog, Version
from firesteel.store.journal import LEFT_FROM_BYTES, Actor, Ended, Journal
from tests.support.attended_engine import PATIENCE_S, AttendedEngine, attended_engine

ADA = Actor("ada", "because")
ONCE = {"retry": {"attempts": 1}}
AT_ONCE = {"retry": {"first_delay": "10ms", "max_delay": "10ms", "attempts": 2}}
BUSY = Failure("transient", "http_503", "the peer is busy")
BROKEN = Failure("unknown", "step_failed", "the step failed")
LOST = Failure("unknown", "lease_lost", "the lease of the attempt is over")
NO_SUCH = Failure("permanent", "permanent_error", "no such customer")
LONG = bytes(2 * LEFT_FROM_BYTES)
ROOM_FOR_ONE = 3 * LEFT_FROM_BYTES


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    told = {"log_level": "debug", "log_workflows": "on"}
    made = attended_engine(tmp_path, bodies_bytes=ROOM_FOR_ONE, settings=told)
    async with made as attended:
        await attended.publish(workflow=AT_ONCE)
        yield attended


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again after a second is tried again at once."""
    for name in ("DEFINITION_RETRY_S", "LEASE_RETRY_S"):
        monkeypatch.setattr(dispatch, name, 0.0)


async def waits_for_room(node: AttendedEngine) -> Acceptance:
    """A call with a long body, when its execution has been claimed and finds no room."""
    acceptance = await node.accepted(body=LONG)
    async with asyncio.timeout(PATIENCE_S):
        # Looks at what no event tells.
        while node.dispatcher._long.claim_of(acceptance.execution_no) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return acceptance


async def one_runs_and_one_waits(node: AttendedEngine) -> tuple[int, int]:
    """Two executions with long bodies, of which one has found room."""
    first = await node.accepted(body=LONG)
    runs = await node.pool.next(keep=True)
    assert runs.claim.execution_no == first.execution_no
    return first.execution_no, (await waits_for_room(node)).execution_no


# --- long bodies --------------------------------------------------------------------------------


async def test_p24_a_long_body_runs_whole_when_the_one_before_has_ended(
    node: AttendedEngine,
) -> None:
    _, waits = await one_runs_and_one_waits(node)
    node.end(await node.pool.next())
    work = await node.pool.next()
    assert (work.claim.execution_no, work.claim.message.body) == (waits, LONG)
    node.end(work)


@pytest.mark.parametrize("blame", ["none", "suspect", "sure"])
async def test_p24_a_crash_gives_the_room_of_its_body_back(
    node: AttendedEngine, blame: str
) -> None:
    runs, waits = await one_runs_and_one_waits(node)
    crashed = await node.pool.next()
    node.dispatcher.crashed(crashed.claim, NO_SUCH, blame)  # type: ignore[arg-type]
    assert (await node.pool.next(keep=True)).claim.execution_no == waits
    node.end(await node.pool.next())
    if blame != "sure":
        again = await node.pool.next()
        assert (again.claim.execution_no, again.claim.counted) == (runs, 1)
        node.end(again)


async def test_p24_while_a_long_body_cannot_be_read_its_attempt_waits_uncounted(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = type(node.store.journal)
    read, refusals = journal.body, [1, 2]

    async def body(self: Journal, execution_no: int) -> bytes | None:
        if refusals:
            refusals.pop()
            raise StoreUnavailable("the disk is gone")
        return await read(self, execution_no)  # type: ignore[arg-type]

    _, waits = await one_runs_and_one_waits(node)
    monkeypatch.setattr(journal, "body", body)
    node.end(await node.pool.next())
    work = await node.pool.next()
    assert (work.claim.execution_no, work.claim.message.body) == (waits, LONG)
    assert (work.claim.attempt, work.claim.counted, refusals) == (3, 1, [])
    node.end(work)


async def test_a_long_body_that_never_will_be_read_fails_its_attempts_and_blocks_no_other(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as one on a damaged page of the disk."""
    await node.accepted(body=LONG)
    runs = await node.pool.next()
    damaged, following = await waits_for_room(node), await waits_for_room(node)
    journal = type(node.store.journal)
    read = journal.body

    async def body(self: Journal, execution_no: int) -> bytes | None:
        if execution_no == damaged.execution_no:
            raise ValueError("the page is damaged")
        return await read(self, execution_no)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "body", body)
    node.end(runs)
    work = await node.pool.next()
    assert work.claim.execution_no == following.execution_no
    node.end(work)
    async with asyncio.timeout(PATIENCE_S):
        while await node.state(damaged) is not State.FAILED:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.01)
    assert "body_unreadable" in capsys.readouterr().out


async def test_p28_a_long_body_that_waits_for_room_is_handed_back_when_the_node_stops(
    node: AttendedEngine,
) -> None:
    _, waits = await one_runs_and_one_waits(node)
    runs = await node.pool.next()
    node.dispatcher.stop_claiming()
    await node.dispatcher.flush()
    assert node.engine.backlog(runs.claim.trigger_no) == (1, 1)
    node.end(runs)
    await node.dispatcher.flush()
    again = await (await node.successor()).pool.next()
    assert (again.claim.execution_no, again.claim.counted) == (waits, 1)


async def test_a_long_body_that_is_cancelled_gives_its_room_to_the_next(
    node: AttendedEngine,
) -> None:
    runs, waits = await one_runs_and_one_waits(node)
    await node.pool.next()
    ended = await node.dispatcher.cancel(runs, ADA, Response(502, [], b""))
    assert (ended.changed, node.pool.cancelled) == (True, [runs])
    work = await node.pool.next()
    assert work.claim.execution_no == waits
    node.end(work)


async def test_a_long_body_that_waits_does_not_begin_while_it_is_being_cancelled(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, waits = await one_runs_and_one_waits(node)
    third = await waits_for_room(node)
    begun: list[int] = []

    async def cancel(_execution_no: int) -> None:
        node.end(await node.pool.next())  # gives its room back meanwhile
        begun.append((await node.pool.next(keep=True)).claim.execution_no)

    monkeypatch.setattr(node.pool, "cancel", cancel)
    assert (await node.dispatcher.cancel(waits, ADA, Response(502, [], b""))).changed
    assert begun == [third.execution_no]
    node.end(await node.pool.next())


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
async def test_what_was_ended_in_its_worker_is_cancelled_also_where_the_first_try_is_in_doubt(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Nobody has its attempt any more: it would be called running, and its lane stand, for ever."""
    acceptance = await node.accepted()
    await node.pool.next()
    journal, doubts = type(node.store.journal), [OutcomeUnknown("nobody knows")]
    end = journal.end_running

    def end_running(
        self: Journal, execution_no: int, epoch: int, actor: Actor, response: Response
    ) -> Pending[Ended]:
        if not doubts:
            return end(self, execution_no, epoch, actor, response)
        doubt, told = doubts.pop(), Pending[Ended]()
        if committed:
            done = end(self, execution_no, epoch, actor, response)
            done.then(lambda _done: told.reject(doubt))
        else:
            told.reject(doubt)
        return told

    monkeypatch.setattr(journal, "end_running", end_running)
    ended = await node.dispatcher.cancel(acceptance.execution_no, ADA, Response(502, [], b""))
    assert (ended.changed, ended.state) == (True, State.CANCELLED)
    assert await node.state(acceptance) is State.CANCELLED


async def test_what_waits_for_room_here_ends_when_another_node_asks(node: AttendedEngine) -> None:
    await node.accepted(body=LONG)
    runs = await node.pool.next()
    waits = await waits_for_room(node)
    node.dispatcher.cancel_asked(waits.execution_no, ADA)
    await node.dispatcher.flush()
    assert await node.state(waits) is State.CANCELLED
    node.end(runs)
    await node.dispatcher.flush()
    assert node.pool.work == []


# --- versions and leases ------------------------------------------------------------------------


async def test_what_waits_for_its_version_here_ends_when_another_node_asks(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.dispatcher.capacity(0)
    acceptance = await node.accepted()
    read = type(node.store.catalog).version
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def version(self: Catalog, version_no: int) -> Version | None:
        reading.set()
        await go_on.wait()
        return await read(self, version_no)

    monkeypatch.setattr(type(node.store.catalog), "version", version)
    other = await node.successor()
    async with asyncio.timeout(PATIENCE_S):
        await reading.wait()
    other.dispatcher.cancel_asked(acceptance.execution_no, ADA)
    go_on.set()
    await other.dispatcher.flush()
    assert await node.state(acceptance) is State.CANCELLED


async def test_a_version_of_a_newer_release_is_told_and_waited_for_uncounted(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.dispatcher.capacity(0)
    acceptance = await node.accepted()
    read, refusals = type(node.store.catalog).version, [1]

    async def version(self: Catalog, version_no: int) -> Version | None:
        if refusals:
            refusals.pop()
            raise InvalidDocument([])
        return await read(self, version_no)

    monkeypatch.setattr(type(node.store.catalog), "version", version)
    with structlog.testing.capture_logs() as logs:
        work = await (await node.successor()).pool.next()
    assert (work.claim.attempt, work.claim.counted) == (2, 1)
    told = [(line["event"], line["message_id"]) for line in logs]
    assert ("version_not_understood", acceptance.message_id) in told


async def test_a_lost_lease_is_no_attempts_fault(node: AttendedEngine) -> None:
    await node.publish(workflow=ONCE)
    acceptance = await node.accepted()
    node.end(await node.pool.next(), LOST)
    again = await node.pool.next()
    assert (again.claim.attempt, again.claim.counted) == (2, 1)
    node.end(again)
    await node.dispatcher.flush()
    assert await node.state(acceptance) is State.SUCCEEDED


# --- holding ------------------------------------------------------------------------------------


async def test_while_a_node_is_held_nothing_starts_and_then_what_waits(
    node: AttendedEngine,
) -> None:
    node.dispatcher.hold(True)
    acceptance = await node.accepted()
    node.dispatcher.capacity(10)
    await node.store.journal.renew()
    assert await node.state(acceptance) is State.WAITING
    node.dispatcher.hold(False)
    assert (await node.pool.next()).claim.execution_no == acceptance.execution_no


async def test_a_node_that_was_held_before_it_had_workers_starts_nothing_without_them(
    node: AttendedEngine,
) -> None:
    other = AttendedEngine(node.store, folder=node.folder)
    await other.engine.refresh_routes()
    node.dispatcher.capacity(0)
    other.dispatcher.hold(True)
    other.dispatcher.hold(False)
    acceptance = await other.accepted()
    await node.store.journal.renew()
    assert other.pool.work == []
    assert await node.state(acceptance) is State.WAITING


# --- what is told -------------------------------------------------------------------------------


async def logged(
    node: AttendedEngine, act: Callable[[AttendedEngine], None]
) -> list[tuple[object, ...]]:
    """What stands in the log of an act: event, integration and what else is told of it."""
    with structlog.testing.capture_logs() as logs:
        act(node)
        await node.dispatcher.flush()
    more = ("code", "kind", "line")
    return [
        (line["event"], line["integration"], *(line[name] for name in more if name in line))
        for line in logs
        if "message_id" in line
    ]


async def test_the_log_tells_of_each_attempt_and_end(node: AttendedEngine) -> None:
    await node.accepted()
    work = await node.pool.next()
    assert await logged(node, lambda node: node.end(work, BUSY, logs="asked\nno answer")) == [
        ("workflow_said", "orders", "asked"),
        ("workflow_said", "orders", "no answer"),
        ("attempt_failed", "orders", "http_503", "transient"),
    ]
    second = await node.pool.next()
    assert await logged(node, lambda node: node.end(second)) == [("execution_succeeded", "orders")]
    await node.accepted()
    third = await node.pool.next()
    assert await logged(node, lambda node: node.end(third, NO_SUCH)) == [
        ("execution_failed", "orders", "permanent_error", "permanent")
    ]


async def test_an_outcome_without_response_and_failure_is_told_as_one(
    node: AttendedEngine,
) -> None:
    await node.publish(workflow=ONCE)
    acceptance = await node.accepted()
    claim = (await node.pool.next()).claim
    nothing = frames.Outcome(claim.execution_no, claim.epoch, None, None)
    assert await logged(node, lambda node: node.dispatcher.ended(claim, nothing)) == [
        ("execution_failed", "orders", "no_outcome", "unknown")
    ]
    assert await node.state(acceptance) is State.FAILED


async def test_failed_attempts_are_counted_by_their_kind(node: AttendedEngine) -> None:
    await node.accepted()
    for failure in (BUSY, BROKEN, NO_SUCH):
        work = await node.pool.next()
        node.end(work, failure)
    await node.dispatcher.flush()
    counted = node.traffic.meter.triggers[work.claim.trigger_no].failed_attempts
    assert counted == {"transient": 1, "unknown": 1, "permanent": 1}


async def test_a_watcher_is_told_of_an_end_and_of_nothing_that_came_too_late(
    node: AttendedEngine,
) -> None:
    acceptance = await node.accepted()
    work = await node.pool.next()
    watcher = node.dispatcher.feed.listen(lambda _trigger_no: True)
    node.end(work)
    await node.dispatcher.flush()
    news = await watcher.news(0.0)
    assert news is not None
    assert news.numbers == {acceptance.execution_no}
    node.dispatcher.hand_back(work.claim)
    node.end(work)
    await node.dispatcher.flush()
    assert await watcher.news(0.0) is None
    watcher.close()


async def test_what_was_claimed_leaves_for_workers_before_callers_are_told(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    told = node.call()
    accepted = told.accepted

    def note(acceptance: Acceptance) -> None:
        happened.append("told")
        accepted(acceptance)

    monkeypatch.setattr(told, "accepted", note)
    monkeypatch.setattr(node.pool, "flush", lambda: happened.append("left"))
    await told.acceptance_or_refusal()
    assert happened == ["left", "told"]
    node.end(await node.pool.next())


# --- an engine that was just made ---------------------------------------------------------------


async def test_an_engine_that_was_just_made_takes_calls_as_the_only_gateway(
    node: AttendedEngine,
) -> None:
    engine = node.engine
    assert (engine.refusal, engine.unready, engine.starting) == (None, None, False)
    assert not engine.leaving()
    assert (engine.gateways, engine.name) == (1, socket.gethostname())


async def test_balancers_are_told_why_they_had_better_send_no_calls(node: AttendedEngine) -> None:
    engine = node.engine
    engine.starting = True
    assert engine.unready == "node_starting"
    engine.leaving = lambda: True
    assert engine.unready == "node_stopping"
    engine.refusal = "store_unavailable"
    assert engine.unready == "store_unavailable"
