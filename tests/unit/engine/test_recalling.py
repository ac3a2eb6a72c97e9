"""Who waits for a message that was accepted before is answered from the store."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from firesteel.engine.calls import Acceptance
from firesteel.errors import FiresteelError
from firesteel.model.execution import Response
from firesteel.store.catalog import TriggerRules
from tests.support.attended_engine import DONE, AttendedEngine, Told, attended_engine

OLD_S = -3600.0
"""Retention of everything that has ended, also in this moment."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        await made.publish(workflow={}, trigger={"idempotency": {"window": "1h"}})
        yield made


async def ended(node: AttendedEngine) -> Acceptance:
    """Of a call with the key k whose execution is over."""
    acceptance = await node.accepted(idempotency_key="k")
    node.end(await node.pool.next())
    await node.dispatcher.flush()
    return acceptance


async def purge(node: AttendedEngine, *, payloads_only: bool) -> None:
    """As retention does, when messages or only their payloads are old enough."""
    (item,) = await node.store.catalog.integrations()
    rules = TriggerRules(10, 3, "continue", *((3600.0, OLD_S) if payloads_only else (OLD_S, None)))
    await node.store.catalog.publish(
        "test", item.document, rules=rules, managed_by="console", actor="ada"
    )
    while await node.store.history.purge(default_history_s=3600.0):
        pass


@pytest.mark.parametrize("payloads_only", [True, False])
async def test_p22_a_duplicate_whose_answer_is_kept_no_more_is_told_so_and_does_not_wait(
    node: AttendedEngine, payloads_only: bool
) -> None:
    first = await ended(node)
    await purge(node, payloads_only=payloads_only)
    known = await node.engine.status(first.message_id)
    assert (known is not None) is payloads_only
    again = await node.accepted(idempotency_key="k")
    assert (again.message_id, again.duplicate) == (first.message_id, True)
    caller = Told()
    node.engine.wait(again, 60, caller)
    error = await caller.something()
    assert isinstance(error, FiresteelError), error
    assert error.code == "response_gone"
    assert node.engine.waiting_callers == 0


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_p22_what_ends_while_a_duplicate_looks_for_it_is_told_once(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """Here or on another node, after it has seen that there is no response, and before it has
    seen the state."""
    runs = await node.successor() if elsewhere else node
    await node.accepted(idempotency_key="k")
    work = await runs.pool.next()
    again = await node.accepted(idempotency_key="k")
    status = type(node.store.history).status

    async def late(self: Any, message_id: str) -> Any:
        runs.end(work)
        await runs.dispatcher.flush()
        return await status(self, message_id)

    monkeypatch.setattr(type(node.store.history), "status", late)
    caller = Told()
    node.engine.wait(again, 60, caller)
    assert await caller.something() == DONE
    await recalled()
    assert caller.told == [DONE]
    assert node.engine.waiting_callers == 0


async def test_who_is_answered_from_the_store_is_answered_though_memory_is_collected_meanwhile(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = await duplicate_of_an_ended_one(node)
    read, go_on = held_reading(node, monkeypatch)
    caller = Told()
    node.engine.wait(again, 60, caller)
    async with asyncio.timeout(60):
        await read.wait()
    gc.collect()
    go_on()
    assert await caller.something() == DONE


async def test_nothing_is_kept_of_a_caller_that_was_answered_from_the_store(
    node: AttendedEngine,
) -> None:
    again = await duplicate_of_an_ended_one(node)
    before = asyncio.all_tasks()
    caller = Told()
    node.engine.wait(again, 60, caller)
    (task,) = asyncio.all_tasks() - before
    kept = weakref.ref(task)
    del task
    assert await caller.something() == DONE
    async with asyncio.timeout(60):
        while kept() is not None:
            await asyncio.sleep(0)
            gc.collect()


async def duplicate_of_an_ended_one(node: AttendedEngine) -> Acceptance:
    await ended(node)
    return await node.accepted(idempotency_key="k")


async def recalled() -> None:
    """Until nothing but the test runs."""
    async with asyncio.timeout(60):
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


def held_reading(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Event, Callable[[], None]]:
    """Let a response be read when the second is called, and be kept alive by its reader alone."""
    read, response = asyncio.Event(), type(node.store.history).response
    held: list[weakref.ref[asyncio.Future[None]]] = []

    async def slowly(self: Any, execution_no: int) -> Response | None:
        found: Response | None = await response(self, execution_no)
        waits = asyncio.get_running_loop().create_future()
        held.append(weakref.ref(waits))
        read.set()
        await waits
        return found

    def go_on() -> None:
        waits = held[0]()
        assert waits is not None
        waits.set_result(None)

    monkeypatch.setattr(type(node.store.history), "response", slowly)
    return read, go_on
