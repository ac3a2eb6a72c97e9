"""Callers that wait for an execution's response: each is told exactly once (P19).

A waiting caller is one small object and one timer: no slot, no thread, no database connection
(P21).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from firesteel.engine.calls import Caller
    from firesteel.model.execution import Response

LOOK_S = 0.05
KEPT_IN_MIND = 10_000


class Waiter:
    """A caller that waits for an execution of a trigger, since when (by the loop's clock), and the
    end of its patience."""

    __slots__ = ("caller", "since", "timer", "trigger_no")

    def __init__(
        self, caller: Caller, timer: asyncio.TimerHandle, since: float, trigger_no: int
    ) -> None:
        self.caller = caller
        self.timer = timer
        self.since = since
        self.trigger_no = trigger_no


class Waiters:
    """Waiters by execution; several callers may wait for one (duplicates do). ``look_for`` is given
    an execution that another node had told to have ended before anybody waited for it."""

    def __init__(self) -> None:
        self.look_for: Callable[[int], None] = lambda _execution_no: None
        self._ended: dict[int, None] = {}
        self._waiting: dict[int, list[Waiter]] = {}
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, execution_no: int, timeout_s: float, caller: Caller, trigger_no: int = 0) -> bool:
        """Let the caller wait; False where nothing will answer any more: it has been told."""
        if self._stopping:
            caller.left_alone()
            return False
        timer = self._loop.call_later(timeout_s, self._expire, execution_no, caller)
        waiter = Waiter(caller, timer, self._loop.time(), trigger_no)
        others = self._waiting.get(execution_no)
        if others is None:
            self._waiting[execution_no] = [waiter]
        else:
            others.append(waiter)
        if execution_no in self._ended:
            self.look_for(execution_no)
        return True

    def forget(self, execution_no: int, caller: Caller) -> bool:
        """The caller waits no more, and is told nothing; False where it did not wait."""
        waiters = self._waiting.get(execution_no, [])
        for waiter in waiters:
            if waiter.caller is caller:
                waiter.timer.cancel()
                waiters.remove(waiter)
                if not waiters:
                    del self._waiting[execution_no]
                return True
        return False

    def answer(self, execution_no: int, response: Response) -> bool:
        """Give the committed final response to all that wait for it; False where nobody does."""
        waiters = self._waiting.pop(execution_no, ())
        for waiter in waiters:
            waiter.timer.cancel()
            waiter.caller.answered(response)
        return bool(waiters)

    def waited_for(self) -> list[int]:
        """The executions that somebody waits for."""
        return list(self._waiting)

    def ended(self, execution_nos: Iterable[int]) -> set[int]:
        """Another node tells that these have ended: those of them that somebody waits for. The
        others are kept in mind, for that may be told before this node knows of its own commit."""
        waited_for = set()
        for execution_no in execution_nos:
            if execution_no in self._waiting:
                waited_for.add(execution_no)
            else:
                self._ended[execution_no] = None
        while len(self._ended) > KEPT_IN_MIND:
            del self._ended[next(iter(self._ended))]
        return waited_for

    def waited(self, execution_no: int) -> list[tuple[int, float]]:
        """Trigger and seconds of those that wait for it."""
        now = self._loop.time()
        waiters = self._waiting.get(execution_no, ())
        return [(waiter.trigger_no, now - waiter.since) for waiter in waiters]

    async def none(self, timeout_s: float) -> None:
        """Until nobody waits, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._waiting:  # noqa: ASYNC110  # no call pays for the end of a node
                    await asyncio.sleep(LOOK_S)

    def refuse(self, execution_no: int) -> None:
        """The node stops before the execution ends: tell those that wait for it."""
        for waiter in self._waiting.pop(execution_no, ()):
            waiter.timer.cancel()
            waiter.caller.left_alone()

    def stop(self) -> None:
        """Refuse all, now and from now on."""
        self._stopping = True
        for execution_no in self.waited_for():
            self.refuse(execution_no)

    def _expire(self, execution_no: int, caller: Caller) -> None:
        if self.forget(execution_no, caller):
            caller.overdue()
