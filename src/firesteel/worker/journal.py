"""An attempt's journal: what is done already, what waits to be recorded, what the engine confirmed.

Entries of steps lists are *held* until another journaled step is about to start, so that the last
one travels with the outcome and costs no transaction of its own. Entries of Python workflows are
recorded at once. Either way nothing journaled starts before everything that ended is on disk.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from firesteel.errors import InternalError
from firesteel.model import frames
from firesteel.model.execution import JournalEntry

if TYPE_CHECKING:
    from collections.abc import Callable


class LeaseLost(InternalError):
    """Somebody else has the execution: nothing more of this attempt may start."""

    code = "lease_lost"


class AttemptJournal:
    """Used in the event loop's thread only, but ``done`` and ``replay``, which never change.
    ``holds``: whether the engine surely has its lease now."""

    def __init__(
        self,
        run: frames.Run,
        send: Callable[[frames.Frame], None],
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        self._run = run
        self._holds = holds
        self.lapsed = False
        self._send = send
        self._done = {entry.step: entry for entry in run.journal} if run.journal else {}
        self._held: list[JournalEntry] = []
        self._open = 0
        self._lost = False
        self._waiting: list[asyncio.Future[None]] = []

    def replay(self, place: str) -> JournalEntry | None:
        """The entry of a step that an earlier attempt did."""
        return self._done.get(place)

    def entry(self, place: str, kind: str, started_at_us: int, result: bytes) -> JournalEntry:
        """The entry of a step that has just ended."""
        return JournalEntry(place, kind, self._run.attempt, started_at_us, now_us(), result)

    def hold(self, entry: JournalEntry) -> None:
        """Keep the entry until the next journaled step starts, or for the outcome."""
        self._held.append(entry)

    def record(self, entry: JournalEntry) -> None:
        """Send the entry to the engine now, without waiting."""
        self._open += 1
        self._send(frames.Record(self._run.execution_no, self._run.epoch, entry))

    def recorded(self, accepted: bool) -> None:  # a field of the frame
        """The engine has answered one record."""
        self._open -= 1
        self._lost = self._lost or not accepted
        if self._open == 0 or self._lost:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def check_lease(self) -> None:
        """Before anything is started. Raises LeaseLost, now and from now on, where another node
        may have taken over; ``lapsed`` says that it did."""
        if not self._holds():
            self._lost = self.lapsed = True
            raise LeaseLost("the lease of the engine is over")

    async def barrier(self) -> None:
        """Before a journaled step starts: all that ended is on disk. Raises LeaseLost."""
        held, self._held = self._held, []
        for entry in held:
            self.record(entry)
        if self._open and not self._lost:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        if self._lost:
            raise LeaseLost("the lease of this attempt is over")
        self.check_lease()

    def close(self) -> None:
        """Let nothing journaled start any more: whoever tries gets LeaseLost."""
        self._lost = True

    def rest(self) -> list[JournalEntry]:
        """Entries that go with the outcome."""
        held, self._held = self._held, []
        return held


def now_us() -> int:
    """Wall-clock microseconds since 1970, for people."""
    return time.time_ns() // 1000
