"""Several nodes on one database: as many stores as a test opens, all in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import pytest

from firesteel.store.postgresql import store as postgresql_store
from firesteel.store.postgresql.store import PostgresqlStore


class OpenNode(Protocol):
    """Opens the store of another node; closed at the test's end."""

    async def __call__(self, node: str) -> PostgresqlStore: ...


@pytest.fixture
async def open_node(store_url: str) -> AsyncIterator[OpenNode]:
    opened: list[PostgresqlStore] = []

    async def open_one(node: str) -> PostgresqlStore:
        store = await postgresql_store.open_store(store_url, node=node)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def nodes(open_node: OpenNode) -> tuple[PostgresqlStore, PostgresqlStore]:
    return await open_node("a"), await open_node("b")


async def until(happened: Callable[[], bool], *, within_s: float = 60.0) -> None:
    """Wait for what another thread or node brings about."""
    async with asyncio.timeout(within_s):
        while not happened():  # noqa: ASYNC110  # it sets no event of ours
            await asyncio.sleep(0.01)
