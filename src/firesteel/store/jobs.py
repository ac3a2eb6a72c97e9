"""The jobs port: who of the nodes on one store does a round of maintenance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


class Jobs(Protocol):
    """Jobs are named by the product; a name means the same on every node."""

    def only_here(self, job: str) -> AbstractAsyncContextManager[bool]:
        """``async with jobs.only_here("retention") as mine``: while the block lasts, ``mine`` is
        True on one node at most. False: another node does the job now, or another task of this
        one, or the store cannot be asked; leave it out this time.

        A node that ends or loses its connection gives its jobs back, so a round must bear that
        another node begins the same job before it has seen that it lost it: each of its changes is
        a transaction that is right whoever makes it."""
        ...


class OnlyNode:
    """The jobs of a store that only one node can open: all are its own."""

    @asynccontextmanager
    async def only_here(self, job: str) -> AsyncIterator[bool]:
        """As ``Jobs.only_here``."""
        yield True
