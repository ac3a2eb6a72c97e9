"""Writes to the journal that must happen: tried again while the store is unavailable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from firesteel.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")

STORE_RETRY_S = 0.25

log = structlog.get_logger(__name__)


class Commits:
    """Keeps what was begun until it has ended, so that a stopping node can wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open: set[asyncio.Future[Any]] = set()

    def write(
        self,
        begin: Callable[[], Awaitable[bool]],
        then: Callable[[bool], None],
        otherwise: Callable[[], None],
    ) -> None:
        """Write, and go on with ``then`` when it is committed; ``otherwise`` where the journal
        cannot take it at all (a defect). The first try costs no task."""
        future = asyncio.ensure_future(begin())
        self._open.add(future)

        def done(ended: asyncio.Future[bool]) -> None:
            self._open.discard(ended)
            if ended.cancelled():
                return
            error = ended.exception()
            if error is None:
                then(ended.result())
            elif isinstance(error, StoreUnavailable):
                self._loop.call_later(STORE_RETRY_S, self.write, begin, then, otherwise)
            else:
                log.error("write_refused", error=type(error).__name__, detail=str(error))
                otherwise()

        future.add_done_callback(done)

    async def insist(self, begin: Callable[[], Awaitable[T]]) -> T:
        """The result of a write that is tried until the store takes it."""
        while True:
            try:
                return await begin()
            except StoreUnavailable:
                await asyncio.sleep(STORE_RETRY_S)

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Go on with something in the background."""
        task = self._loop.create_task(work)
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        return task

    async def flush(self) -> None:
        """Wait for everything that was begun."""
        while self._open:
            await asyncio.gather(*self._open, return_exceptions=True)
