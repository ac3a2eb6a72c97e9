"""What other nodes do concerns this one: callers that wait here, the catalog, what runs here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from firesteel.engine import other_nodes
from firesteel.engine.data_keys import wrong_key
from firesteel.engine.other_nodes import OtherNodes
from firesteel.errors import OperatorError
from firesteel.store.bulletin import CancelAsked, CatalogChanged, Missed, News, Settled, Told
from firesteel.store.nodes import LivingNode
from tests.support.attended_engine import DONE, PATIENCE_S, AttendedEngine, attended_engine
from tests.support.attended_engine import Told as Caller

NEVER_S = 3600.0


class Wire:
    """The bulletin and the nodes of a store that this test shares."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.hear: Callable[[News], None] = lambda _news: None
        self.there: list[LivingNode] = []
        self.refused: list[OperatorError] = []

    def tell(self, news: Told) -> None:
        self.told.append(news)

    def listen(self, hear: Callable[[News], None]) -> None:
        self.hear = hear

    async def living(self) -> list[LivingNode]:
        return self.there


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def told_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked for by the clock."""
    for name in ("ANSWERS_S", "CATALOG_S"):
        monkeypatch.setattr(other_nodes, name, NEVER_S)


@pytest.fixture
async def here(tmp_path: Path, wire: Wire) -> AsyncIterator[AttendedEngine]:
    """The node under test; its executions run at ``there``."""
    async with attended_engine(tmp_path, bulletin=wire, nodes=wire) as node:
        await node.publish(workflow={})
        others = OtherNodes(node.engine, node.parts, wire.refused.append)
        others.start()
        yield node
        await others.stop()


@pytest.fixture
async def there(here: AttendedEngine) -> AttendedEngine:
    return await here.successor()


async def waiting(here: AttendedEngine) -> tuple[Caller, int]:
    """A caller that waits here, and its execution."""
    acceptance, caller = await here.accepted(), Caller()
    here.engine.wait(acceptance, 60, caller)
    return caller, acceptance.execution_no


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not found():  # noqa: ASYNC110  # looks at what no event tells
            await asyncio.sleep(0.01)


async def test_who_waits_here_is_answered_when_another_node_tells_of_the_end(
    told_only: None, here: AttendedEngine, there: AttendedEngine, wire: Wire
) -> None:
    caller, execution_no = await waiting(here)
    other, _ = await waiting(here)
    there.end(await there.pool.next())
    await there.dispatcher.flush()
    wire.hear(Settled((execution_no, 9999)))
    assert await caller.something() == DONE
    assert other.told == []
    (tally,) = here.traffic._tallies.values()
    assert sum(tally.answer.values()) == 1


async def test_who_waits_is_answered_of_what_was_told_to_have_ended_before(
    told_only: None, here: AttendedEngine, there: AttendedEngine, wire: Wire
) -> None:
    acceptance, caller = await here.accepted(), Caller()
    there.end(await there.pool.next())
    await there.dispatcher.flush()
    wire.hear(Settled((acceptance.execution_no,)))
    here.engine.wait(acceptance, 60, caller)
    assert await caller.something() == DONE


@pytest.mark.parametrize("news", [None, Missed()])
async def test_who_waits_here_is_answered_though_nobody_told(
    here: AttendedEngine,
    there: AttendedEngine,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    news: News | None,
) -> None:
    monkeypatch.setattr(other_nodes, "ANSWERS_S", NEVER_S if news else 0.02)
    caller, _ = await waiting(here)
    there.end(await there.pool.next())
    await there.dispatcher.flush()
    if news is not None:
        wire.hear(news)
    assert await caller.something() == DONE
    assert caller.told == [DONE]


async def test_what_another_node_publishes_is_served_here(
    told_only: None, here: AttendedEngine, there: AttendedEngine, wire: Wire
) -> None:
    await there.store.catalog.set_enabled("test", "orders", False, "ada")
    (route,) = here.engine.routes
    assert route.enabled
    wire.hear(CatalogChanged())
    await until(lambda: not next(iter(here.engine.routes)).enabled)


async def test_a_node_that_was_not_given_the_stores_next_key_ends(
    told_only: None, here: AttendedEngine, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def latest() -> None:
        raise wrong_key()

    monkeypatch.setattr(here.parts.keyring, "latest", latest)
    wire.hear(CatalogChanged())
    await until(lambda: bool(wire.refused))
    assert [error.code for error in wire.refused] == ["wrong_encryption_key"]


async def test_what_runs_here_ends_when_somebody_cancels_it_at_another_node(
    told_only: None, here: AttendedEngine, wire: Wire
) -> None:
    caller, execution_no = await waiting(here)
    await here.pool.next(keep=True)
    wire.hear(CancelAsked(execution_no, "ada", "enough"))
    wire.hear(CancelAsked(9999, "ada", "of nobody"))
    response = await caller.something()
    assert here.pool.cancelled == [execution_no]
    assert getattr(response, "status", None) == 502


async def test_rates_are_shared_by_those_that_take_calls(
    here: AttendedEngine, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_nodes, "GATEWAYS_S", 0.02)
    wire.there = [
        LivingNode(name, role, "1", 0, lease_s, 0)
        for name, role, lease_s in (
            ("a", "gateway", 9.0),
            ("b", "all", 9.0),
            ("c", "worker", 9.0),
            ("d", "gateway", -1.0),
        )
    ]
    await until(lambda: here.engine.gateways == 2)
    wire.there = []
    await until(lambda: here.engine.gateways == 1)
