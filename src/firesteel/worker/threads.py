"""Threads for user code that is no coroutine: bounded, with the caller's context.

A thread cannot be ended from outside. Whoever waits for one that is no longer wanted waits until it
has ended, so that "the attempt has ended" is never said while something of it still runs; one that
does not end takes the worker along, which the engine sees to.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 64
STACK_BYTES = 2 * 1024 * 1024
"""Small, for all stacks together count against the worker's memory."""

R = TypeVar("R")


class Threads:
    """A pool of threads; more work than threads waits in line."""

    def __init__(self, limit: int = THREADS, name: str = "work") -> None:
        threading.stack_size(STACK_BYTES)
        self._pool = ThreadPoolExecutor(limit, thread_name_prefix=name)

    async def run(
        self, function: Callable[[], R], *, interrupt: Callable[[], None] | None = None
    ) -> R:
        """What ``function`` returns or raises. When cancelled: what has not begun does not begin;
        what has is waited for, after ``interrupt`` was called to hasten it."""
        context = contextvars.copy_context()
        # A thread's StopIteration cannot pass through a future.
        running = self._pool.submit(context.run, _carried, function)
        waiter = asyncio.wrap_future(running)
        cancelled: asyncio.CancelledError | None = None
        while True:
            try:
                outcome = await asyncio.shield(waiter)
                break
            except asyncio.CancelledError as error:
                if running.cancel():
                    raise
                cancelled = error
                if interrupt is not None:
                    interrupt()
        if cancelled is not None:
            raise cancelled
        result, raised = outcome
        if raised is not None:
            raise raised
        return result  # type: ignore[return-value]  # there is a result where nothing was raised

    def close(self) -> None:
        """Begin nothing more; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _carried(function: Callable[[], R]) -> tuple[R | None, BaseException | None]:
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001  # raised again where it is waited for
        return None, error
