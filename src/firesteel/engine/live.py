"""What changes, told to those who watch a list: which executions, and no more.

Nothing is made or kept while nobody watches: the engine looks at ``Feed.open`` and goes on. A
listener gathers the numbers of executions that changed; whoever reads it asks the store how they
stand now, once for many changes. Past its bound it only remembers that its reader must look at
everything anew, so the slowest reader costs a few kilobytes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firesteel.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

LISTENERS: Final = 64
GATHERED: Final = 200


@dataclass(frozen=True, slots=True)
class News:
    """What changed since the last news. ``reload``: more than was remembered. ``over``: the node
    stops, nothing more comes."""

    numbers: frozenset[int] = frozenset()
    reload: bool = False
    over: bool = False


class Listener:
    """One who watches; used from the event loop's thread. ``close`` it when it goes."""

    def __init__(self, feed: Feed, concerns: Callable[[int], bool]) -> None:
        self._feed = feed
        self._concerns = concerns
        self._numbers: set[int] = set()
        self._reload = False
        self._over = False
        self._woken = asyncio.Event()

    async def news(self, timeout_s: float) -> News | None:
        """What changed, as soon as something has; None: nothing has within that time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return None
        self._woken.clear()
        news = News(frozenset(self._numbers), self._reload, self._over)
        self._numbers, self._reload = set(), False
        return news

    def close(self) -> None:
        """It watches no more. Safe to repeat."""
        self._feed.leave(self)

    def changed(self, trigger_no: int, execution_no: int) -> None:
        """For the feed."""
        if self._reload or not self._concerns(trigger_no):
            return
        self._numbers.add(execution_no)
        if len(self._numbers) > GATHERED:
            self.must_reload()
        self._woken.set()

    def must_reload(self) -> None:
        """For the feed: more has changed than can be told one by one."""
        self._numbers, self._reload = set(), True
        self._woken.set()

    def end(self) -> None:
        """For the feed: nothing more comes."""
        self._over = True
        self._woken.set()


class Feed:
    """Tells listeners what the engine and the dispatcher tell it. ``open``: somebody listens."""

    def __init__(self) -> None:
        self.open = False
        self._listeners: set[Listener] = set()
        self._stopped = False

    def listen(self, concerns: Callable[[int], bool]) -> Listener:
        """Begin to watch the triggers that ``concerns`` says yes to. Raises OperatorError
        ``too_many_listeners``."""
        if len(self._listeners) >= LISTENERS:
            raise OperatorError("too many lists are watched", code="too_many_listeners")
        listener = Listener(self, concerns)
        self._listeners.add(listener)
        self.open = True
        if self._stopped:
            listener.end()
        return listener

    def changed(self, trigger_no: int, execution_no: int) -> None:
        """An execution is new or in another state. To be called after the commit."""
        for listener in self._listeners:
            listener.changed(trigger_no, execution_no)

    def much_changed(self) -> None:
        """Executions that nobody counts are in another state, as when a lane is paused."""
        for listener in self._listeners:
            listener.must_reload()

    def leave(self, listener: Listener) -> None:
        """For a listener: it watches no more."""
        self._listeners.discard(listener)
        self.open = bool(self._listeners)

    def stop(self) -> None:
        """The node stops: everybody is told, and whoever comes now, too."""
        self._stopped = True
        for listener in self._listeners:
            listener.end()
