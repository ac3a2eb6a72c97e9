"""Callers that wait for an execution's response: each is answered exactly once (P19).

A waiting caller is one future and one timer: no slot, no thread, no database connection (P21).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firesteel.engine.calls import NodeStopping

if TYPE_CHECKING:
    from firesteel.model.execution import Response


class Waiters:
    """Futures by execution; several callers may wait for one (duplicates do)."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[asyncio.Future[Response | None]]] = {}
        self._stopping = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, execution_no: int) -> asyncio.Future[Response | None]:
        """A future for the response. Raises NodeStopping when nothing will answer any more."""
        if self._stopping:
            raise NodeStopping("the node stops")
        waiter: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(execution_no, []).append(waiter)
        return waiter

    @staticmethod
    async def wait(waiter: asyncio.Future[Response | None], timeout_s: float) -> Response | None:
        """The response, or None after ``timeout_s``."""
        timer = asyncio.get_running_loop().call_later(timeout_s, _expire, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()

    def forget(self, execution_no: int, waiter: asyncio.Future[Response | None]) -> None:
        """The caller has gone; safe to repeat."""
        waiters = self._waiting.get(execution_no)
        if waiters is None:
            return
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            del self._waiting[execution_no]

    def answer(self, execution_no: int, response: Response) -> None:
        """Give the committed final response to all that wait for it."""
        for waiter in self._waiting.pop(execution_no, ()):
            if not waiter.done():
                waiter.set_result(response)

    def waited_for(self) -> list[int]:
        """The executions that somebody waits for."""
        return list(self._waiting)

    def refuse(self, execution_no: int) -> None:
        """The node stops before the execution ends: tell those that wait for it."""
        for waiter in self._waiting.pop(execution_no, ()):
            if not waiter.done():
                waiter.set_exception(NodeStopping("the node stops"))

    def stop(self) -> None:
        """Refuse all, now and from now on."""
        self._stopping = True
        for execution_no in self.waited_for():
            self.refuse(execution_no)


def _expire(waiter: asyncio.Future[Response | None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
