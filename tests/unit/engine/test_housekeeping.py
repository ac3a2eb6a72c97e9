"""Rounds by the clock: who does them, and what is refused while the database is gone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.engine.housekeeping import Housekeeper
from firesteel.errors import StoreUnavailable
from firesteel.model.lease_clock import now_s
from tests.support.attended_engine import AttendedEngine, attended_engine


class Elsewhere:
    """The jobs of a store on which another node has them all."""

    @contextlib.asynccontextmanager
    async def only_here(self, _job: str) -> AsyncIterator[bool]:
        yield False


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        yield made


def housekeeper(node: AttendedEngine, lost: list[str] | None = None) -> Housekeeper:
    async def nothing() -> None:
        pass

    tell = (lost if lost is not None else []).append
    return Housekeeper(node.engine, lambda: tell("lost"), write_uses=nothing, parts=node.parts)


async def test_retention_is_left_to_the_node_that_has_the_job(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged: list[float] = []

    async def purge(*, default_history_s: float, archive: object) -> int:
        purged.append(default_history_s)
        return 0

    monkeypatch.setattr(node.engine.history, "purge", purge)
    keeper = housekeeper(node)
    await keeper._retention()
    assert len(purged) == 1
    keeper._jobs = Elsewhere()  # type: ignore[assignment]  # as the port says
    await keeper._retention()
    assert len(purged) == 1


async def test_calls_are_refused_while_the_database_cannot_be_read_or_written(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_arguments: Any) -> Any:
        raise StoreUnavailable("gone")

    keeper = housekeeper(node)
    with monkeypatch.context() as patch:
        patch.setattr(node.engine.catalog, "workspaces", gone)
        await keeper._watch_store()
        assert node.engine.refusal == "store_unavailable"
    await keeper._watch_store()
    assert node.engine.refusal is None
    with monkeypatch.context() as patch:
        patch.setattr(node.engine.journal, "renew", gone)
        with pytest.raises(StoreUnavailable):
            await keeper._lease()
        await keeper._watch_store()
        assert node.engine.refusal == "store_unavailable"
    await keeper._watch_store()
    assert node.engine.refusal is None


async def test_a_database_that_is_unsafe_and_then_gone_is_refused_without_a_gap(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_arguments: Any) -> Any:
        raise StoreUnavailable("gone")

    unsafe = ["fsync is off"]
    monkeypatch.setattr(node.engine.journal, "unsafe", lambda: unsafe[0])
    keeper = housekeeper(node)
    await keeper._watch_store()
    assert node.engine.refusal == "store_unsafe"
    unsafe[0] = ""
    with monkeypatch.context() as patch:
        patch.setattr(node.engine.catalog, "workspaces", gone)
        await keeper._watch_store()
    assert node.engine.refusal == "store_unavailable"
    unsafe[0] = "fsync is off"
    await keeper._watch_store()
    assert node.engine.refusal == "store_unsafe"
    unsafe[0] = ""
    await keeper._watch_store()
    assert node.engine.refusal is None


async def test_a_node_that_stops_goes_on_refusing_for_that(node: AttendedEngine) -> None:
    node.engine.refusal = "node_stopping"
    assert not node.engine.refuse_while("store_unavailable", True)
    assert not node.engine.refuse_while("store_unavailable", False)
    assert node.engine.refusal == "node_stopping"


async def test_an_engine_that_has_lost_its_lease_ends(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def over() -> bool:
        return False

    lost: list[str] = []
    monkeypatch.setattr(node.engine.journal, "renew", over)
    await housekeeper(node, lost)._lease()
    assert lost == ["lost"]


async def test_workers_are_told_of_a_lease_when_it_is_renewed_and_not_again(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_s = [time.monotonic() + 10]
    monkeypatch.setattr(node.engine.journal, "holds_until_s", lambda: until_s[0])
    keeper = housekeeper(node)
    for _ in range(3):
        keeper.tell_lease()
    assert len(node.pool.leases) == 1
    assert 9 < node.pool.leases[0] - now_s() <= 10
    until_s[0] += 5
    keeper.tell_lease()
    assert len(node.pool.leases) == 2
