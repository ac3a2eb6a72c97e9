"""Writes to the journal that must happen: tried again while the store is unavailable."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from firesteel.errors import OutcomeUnknown, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from firesteel.pending import Pending

T = TypeVar("T")

STORE_RETRY_S = 0.25

log = structlog.get_logger(__name__)


class Commits:
    """Counts what was begun and has not ended, so that a stopping node can wait for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open = 0
        self._none_open: asyncio.Future[None] | None = None

    def write(
        self,
        begin: Callable[[], Pending[bool]],
        then: Callable[[bool], None],
        otherwise: Callable[[], None],
    ) -> None:
        """Write, which is safe to repeat, and go on with ``then`` when it is committed;
        ``otherwise`` where the journal cannot take it at all (a defect)."""
        self._open += 1
        self._try(begin, then, otherwise)

    def _try(
        self,
        begin: Callable[[], Pending[bool]],
        then: Callable[[bool], None],
        otherwise: Callable[[], None],
    ) -> None:
        begin().then(partial(self._ended, begin, then, otherwise))

    def _ended(
        self,
        begin: Callable[[], Pending[bool]],
        then: Callable[[bool], None],
        otherwise: Callable[[], None],
        pending: Pending[bool],
    ) -> None:
        try:
            accepted = pending.result()
        except (StoreUnavailable, OutcomeUnknown):
            self._loop.call_later(STORE_RETRY_S, self._try, begin, then, otherwise)
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the execution must go on
            self._open -= 1
            log.error("write_refused", error=type(error).__name__, detail=str(error))
            otherwise()
        else:
            self._open -= 1
            then(accepted)
        if not self._open and self._none_open is not None and not self._none_open.done():
            self._none_open.set_result(None)

    async def insist(self, begin: Callable[[], Awaitable[T]]) -> T:
        """The result of a write that is tried until the store takes it; where nobody knows whether
        it has, once more: it must be safe to repeat."""
        while True:
            try:
                return await begin()
            except (StoreUnavailable, OutcomeUnknown):
                await asyncio.sleep(STORE_RETRY_S)

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Go on with something in the background."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def flush(self) -> None:
        """Wait for everything that was begun."""
        while self._open or self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._open:
                self._none_open = self._loop.create_future()
                await self._none_open
