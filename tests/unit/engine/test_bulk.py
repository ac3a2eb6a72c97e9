"""Bulk acts on a real store: whatever happens meanwhile, each execution is acted on once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.engine import bulk as bulk_module
from firesteel.errors import CallerError
from firesteel.model.execution import Failure, State
from firesteel.store.bulk import Bulk, NewBulk
from firesteel.store.history import MessageFilter, MessageSummary
from firesteel.store.journal import Actor
from tests.support.attended_engine import PATIENCE_S, AttendedEngine, attended_engine

ADA = Actor("ada", "the ERP was down")
BROKEN = Failure("permanent", "permanent_error", "no such customer")
FAILED = MessageFilter(workspace="test", state=State.FAILED)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path, slots=100) as made:
        await made.publish(workflow={})
        yield made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_module, "PAUSE_S", 0.0)
    monkeypatch.setattr(bulk_module, "PIECE", 3)


async def fail(node: AttendedEngine, count: int) -> list[str]:
    """So many messages that have failed: their ids, in the order of acceptance."""
    ids = []
    for _ in range(count):
        ids.append((await node.accepted()).message_id)
        node.end(await node.pool.next(), BROKEN)
        await node.dispatcher.flush()
    return ids


async def ended(node: AttendedEngine, bulk: Bulk) -> Bulk:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            shown = await node.engine.bulk.show("test", bulk.no)
            assert shown is not None
            if shown.state != "running":
                return shown
            await asyncio.sleep(0.01)


async def begin(node: AttendedEngine, act: str = "replay", state: State = State.FAILED) -> Bulk:
    filter = MessageFilter(workspace="test", state=state)
    total, until_no = await node.engine.bulk.count(act, filter)  # type: ignore[arg-type]
    return await node.engine.bulk.begin(
        act,  # type: ignore[arg-type]
        filter,
        until_no,
        total=total,
        actor=ADA,
    )


async def listed(node: AttendedEngine) -> list[MessageSummary]:
    return await node.store.history.messages(MessageFilter(limit=500))


async def test_all_that_failed_is_replayed_the_oldest_first_each_linked_to_its_original(
    node: AttendedEngine,
) -> None:
    ids = await fail(node, 7)
    bulk = await ended(node, await begin(node))
    assert (bulk.state, bulk.total, bulk.done, bulk.passed_over) == ("done", 7, 7, 0)
    replays = [row for row in await listed(node) if row.run == 2]
    assert [row.message_id for row in reversed(replays)] == ids
    original, replay = await node.store.history.executions(ids[0])
    assert replay.replay_of == original.summary.execution_no
    assert original.summary.state is State.FAILED


async def test_what_was_replayed_already_is_left_out_and_what_failed_later_too(
    node: AttendedEngine,
) -> None:
    ids = await fail(node, 3)
    await node.engine.replay(ids[1], None, ADA)
    total, until_no = await node.engine.bulk.count("replay", FAILED)
    assert total == 2
    late = await fail(node, 1)
    begun = await node.engine.bulk.begin("replay", FAILED, until_no, total=total, actor=ADA)
    assert (await ended(node, begun)).done == 2
    runs = [row.run for row in await listed(node) if row.message_id == late[0]]
    assert runs == [1]


async def test_it_goes_on_after_a_restart_where_it_was_and_replays_nothing_twice(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(node, 7)
    steps = 0
    dies = asyncio.Event()
    step = node.store.bulk.step

    async def one_step(*arguments: object) -> bool:
        nonlocal steps
        steps += 1
        if steps == 2:
            # The engine dies between the acts of a piece and the note of it.
            dies.set()
            await asyncio.Event().wait()
        return await step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(node.store.bulk), "step", lambda _self, *a: one_step(*a))
    bulk = await begin(node)
    await asyncio.wait_for(dies.wait(), PATIENCE_S)
    await node.engine.bulk.stop()
    monkeypatch.undo()
    successor = await node.successor(slots=100)
    await successor.engine.refresh_routes()
    await successor.engine.bulk.go_on()
    assert (await ended(successor, bulk)).state == "done"
    replayed = [row.message_id for row in await listed(node) if row.run > 1]
    assert len(replayed) == len(set(replayed)) == 7


async def test_a_person_may_end_it_and_what_was_done_stays(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(node, 7)
    monkeypatch.setattr(bulk_module, "PAUSE_S", 0.2)
    bulk = await begin(node)
    assert await node.engine.bulk.cancel(bulk, Actor("bo", "wrong filter"))
    shown = await node.engine.bulk.show("test", bulk.no)
    assert shown is not None
    assert shown.state == "cancelled"
    replays = len([row for row in await listed(node) if row.run > 1])
    assert replays < 7
    assert not await node.engine.bulk.cancel(bulk, ADA)


async def test_waiting_ones_are_cancelled_or_skipped_and_callers_told(
    node: AttendedEngine,
) -> None:
    trigger_no = (await node.store.catalog.integrations("test"))[0].trigger_no
    await node.engine.pause(trigger_no, None, ADA)
    for act, state in (("cancel", State.CANCELLED), ("skip", State.SKIPPED)):
        for _ in range(3):
            await node.accepted()
        bulk = await ended(node, await begin(node, act, State.WAITING))
        assert (bulk.done, bulk.passed_over) == (3, 0)
        states = [row.state for row in await listed(node)]
        assert states[:3] == [state] * 3


async def test_one_runs_at_a_time_and_the_state_must_fit_the_act(node: AttendedEngine) -> None:
    await fail(node, 1)
    for act, state in (("replay", State.RUNNING), ("cancel", State.FAILED), ("skip", None)):
        with pytest.raises(CallerError) as caught:
            await node.engine.bulk.count(act, MessageFilter(workspace="test", state=state))  # type: ignore[arg-type]
        assert caught.value.code == "invalid_request"
    first = await begin(node)
    with pytest.raises(CallerError) as caught:
        await begin(node)
    assert caught.value.code == "bulk_running"
    await ended(node, first)


# --- erasing --------------------------------------------------------------------------------------


async def test_an_erasure_takes_what_has_ended_and_counts_what_has_not(
    node: AttendedEngine,
) -> None:
    ids = await fail(node, 7)
    waits = (await node.accepted()).message_id
    filter = MessageFilter(workspace="test", consumer="shop")
    total, until_no = await node.engine.bulk.count("erase", filter)
    bulk = await node.engine.bulk.begin("erase", filter, until_no, total=total, actor=ADA)
    shown = await ended(node, bulk)
    assert (shown.state, shown.total, shown.done, shown.passed_over) == ("done", 8, 7, 1)
    assert shown.filter.consumer is None
    for id in ids:
        (detail,) = await node.store.history.executions(id)
        assert (detail.message, detail.summary.consumer) == (None, None)
    (detail,) = await node.store.history.executions(waits)
    assert detail.message is not None


async def test_an_erasure_begun_in_the_last_life_goes_on(tmp_path: Path) -> None:
    async with attended_engine(tmp_path, slots=100) as node:
        await node.publish(workflow={})
        ids = await fail(node, 4)
        filter = MessageFilter(workspace="test", consumer="shop")
        await node.store.bulk.begin(NewBulk("erase", filter, 10**6, 4), ADA)
    async with attended_engine(tmp_path, slots=100) as node:
        (bulk,) = await node.store.bulk.running()
        await node.engine.bulk.go_on()
        assert (await ended(node, bulk)).done == 4
        for id in ids:
            (detail,) = await node.store.history.executions(id)
            assert detail.erased_at_us is not None


async def test_an_erasure_of_everything_must_be_said(node: AttendedEngine) -> None:
    with pytest.raises(CallerError) as caught:
        await node.engine.bulk.count("erase", MessageFilter(workspace="test"))
    assert caught.value.code == "invalid_request"
