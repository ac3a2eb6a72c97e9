"""Figures for charts: everything that happens to a trigger is counted once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.errors import StoreUnavailable
from firesteel.model.execution import Failure
from firesteel.store.figures import Tally
from firesteel.store.journal import Actor
from tests.support.attended_engine import AttendedEngine, Told, attended_engine

BUSY = Failure("transient", "http_503", "the peer is busy")
NO_SUCH = Failure("permanent", "permanent_error", "no such customer")
AT_ONCE = {"retry": {"first_delay": "10ms", "max_delay": "10ms", "attempts": 2}}


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        await made.publish(workflow=AT_ONCE)
        yield made


async def tally(node: AttendedEngine) -> Tally:
    """All that has been counted of the only trigger."""
    await node.traffic.write(node.engine.routes)
    (route,) = node.engine.routes
    found = await node.store.figures.of_triggers(
        [route.trigger_no], from_minute=0, until_minute=2**40
    )
    total = Tally()
    for one in found:
        total.add(one.tally)
    return total


async def test_calls_their_ends_and_retries_are_counted(node: AttendedEngine) -> None:
    acceptance = await node.accepted()
    caller = Told()
    node.engine.wait(acceptance, 60, caller)
    node.end(await node.pool.next(), BUSY)
    node.end(await node.pool.next())
    await caller.something()
    await node.accepted()
    node.end(await node.pool.next(), NO_SUCH)
    await node.dispatcher.flush()

    counted = await tally(node)

    assert (counted.accepted, counted.succeeded, counted.failed) == (2, 1, 1)
    assert (counted.retried, counted.waiting) == (1, 0)
    assert (sum(counted.settle.values()), sum(counted.answer.values())) == (2, 1)


async def test_a_replay_ends_without_a_duration(node: AttendedEngine) -> None:
    acceptance = await node.accepted()
    node.end(await node.pool.next())
    await node.dispatcher.flush()
    await node.engine.replay(acceptance.message_id, None, Actor("ada", "because"))
    node.end(await node.pool.next())
    await node.dispatcher.flush()

    counted = await tally(node)

    assert (counted.accepted, counted.succeeded) == (1, 2)
    assert sum(counted.settle.values()) == 1


async def test_what_waits_is_looked_at_until_it_waits_no_more(node: AttendedEngine) -> None:
    node.dispatcher.stop_claiming()
    await node.accepted()

    assert (await tally(node)).waiting == 1

    node.store.journal.grant(10)
    node.dispatcher._stopping = False
    node.end(await node.pool.next())
    await node.dispatcher.flush()
    assert (await tally(node)).waiting == 0


async def test_what_was_not_written_is_written_the_next_time(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (route,) = node.engine.routes
    node.engine.count_refused(route.trigger_no, "unauthorized")

    async def unavailable(_minute: int, _tallies: Any) -> None:
        raise StoreUnavailable("for a moment")

    with monkeypatch.context() as patch:
        patch.setattr(node.store.figures, "add", unavailable)
        with pytest.raises(StoreUnavailable):
            await node.traffic.write(node.engine.routes)

    assert (await tally(node)).refused == 1
    assert (await tally(node)).refused == 1


async def test_what_is_only_recorded_succeeds_by_its_acceptance(tmp_path: Path) -> None:
    async with attended_engine(tmp_path) as node:
        await node.publish(workflow=None)
        await node.accepted()

        counted = await tally(node)

        assert (counted.accepted, counted.succeeded) == (1, 1)
