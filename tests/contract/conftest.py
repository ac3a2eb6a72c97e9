"""The stores that the contract holds for: each test runs on every one of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from firesteel.store.catalog import Catalog
from firesteel.store.figures import Figures
from firesteel.store.history import History
from firesteel.store.postgresql import store as postgresql_store
from firesteel.store.sqlite import store as sqlite_store
from firesteel.store.store import Store
from tests.contract.shop import Clock, Shop, open_shop
from tests.support.empty_store import copy_empty_store
from tests.support.hand import Hand

BEGUN_US = time.time_ns() // 1000
STORES = ["sqlite", "postgresql"]


class OpenStore(Protocol):
    """Opens the test's one store, again after it was closed. ``wall_us``, ``monotonic_s``: clocks
    of the test's own; ``boot``: what the second one counts from."""

    async def __call__(
        self,
        *,
        wall_us: Callable[[], int] = ...,
        monotonic_s: Callable[[], float] = ...,
        boot: str = ...,
    ) -> Store: ...


@pytest.fixture(params=STORES)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    opened: list[Store] = []
    url = request.getfixturevalue("store_url") if request.param == "postgresql" else ""

    async def open_one(*, boot: str = "", **clocks: Any) -> Store:
        if url:
            monotonic_s = clocks.get("monotonic_s")
            if monotonic_s is not None:
                # In the place of the server's clock, which would not go with the test's.
                clocks = {"wall_us": lambda: BEGUN_US + int(monotonic_s() * 1e6), **clocks}
            store: Store = await postgresql_store.open_store(url, node="n1", boot=boot, **clocks)
        else:
            path = tmp_path / "firesteel.db"
            copy_empty_store(path)
            store = await sqlite_store.open_store(path, boot=boot, **clocks)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()


@pytest.fixture
def catalog(store: Store) -> Catalog:
    return store.catalog


@pytest.fixture
def history(store: Store) -> History:
    return store.history


@pytest.fixture
def figures(store: Store) -> Figures:
    return store.figures


@pytest.fixture
async def hand(store: Store) -> Hand:
    """A session on a new store that takes what is claimed."""
    return Hand(store.journal, store.catalog)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(open_store: OpenStore, clock: Clock) -> Shop:
    """An integration on a store whose clocks are the test's."""
    return await open_shop(open_store, clock)
