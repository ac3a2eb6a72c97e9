"""What several share that is bounded: while there is room anybody may use it, and nobody all of it.

One may take as much as is then left for all others, so what is left is never nothing: of n that
take all they can, each has a part of n + 1, and the last part is free (the dynamic thresholds of
Choudhury and Hahne, 1998). The only thing that one holds may be larger, up to three quarters of the
room with what others hold; and where nobody else holds anything, larger than the room.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable


class Share:
    """What one of them holds of one room."""

    __slots__ = ("__weakref__", "held")

    def __init__(self) -> None:
        self.held = 0


class Room:
    """``limit`` and ``held`` in bytes, or in pieces. ``times``: one may take so many times what is
    then left. Used from one thread."""

    __slots__ = ("_ceiling", "_shares", "_times", "held", "limit")

    def __init__(self, limit: int, *, times: int = 1) -> None:
        self.limit = limit
        self._times = times
        self.held = 0
        self._ceiling = limit - limit // 4
        self._shares: WeakValueDictionary[int, Share] = WeakValueDictionary()

    def share_of(self, number: int) -> Share:
        """The share of a trigger, the same one as long as anybody keeps it."""
        share = self._shares.get(number)
        if share is None:
            share = self._shares[number] = Share()
        return share

    def take(self, share: Share, size: int, before: int = 0) -> int | None:
        """Hold so much more of something of which ``before`` is held already. How much of it
        counts, and is to be given back: of what is larger than the room, three quarters of the
        room, so that others are not kept out. None: there is no room."""
        taken: int | None = size
        if share.held + size > (self.limit - self.held - size) * self._times:
            taken = self._alone(share, size, before)
            if taken is None:
                return None
            size = taken
        self.held += size
        share.held += size
        return taken

    def fits(self, share: Share, size: int) -> bool:
        """Whether something of that size could be taken now."""
        if share.held + size <= (self.limit - self.held - size) * self._times:
            return True
        return self._alone(share, size, 0) is not None

    def give_back(self, share: Share, size: int) -> None:
        """So much is not held any more."""
        self.held -= size
        share.held -= size

    def _alone(self, share: Share, size: int, before: int) -> int | None:
        """How much counts where it is the only thing that the share holds; None: no room."""
        if share.held != before:
            return None
        left = self._ceiling - self.held
        if size <= left:
            return size
        if self.held == before or before >= self._ceiling:
            return max(left, 0)
        return None


class Turns:
    """Who waits for room: one after the other of each share, and the shares by turns. One that
    finds no room is passed by nobody, but by those of others where its own share is used up."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._waiting: dict[Share, deque[tuple[int, Callable[[int], bool]]]] = {}
        self._going_on = False

    def wait(self, share: Share, size: int, begin: Callable[[int], bool]) -> None:
        """Call ``begin`` with what counts when there is room, maybe at once. It says whether the
        room is still wanted; ``give_back`` must follow then."""
        self._waiting.setdefault(share, deque()).append((size, begin))
        self._go_on()

    def give_back(self, share: Share, size: int) -> None:
        """So much is not held any more: the next ones may be."""
        self.room.give_back(share, size)
        self._go_on()

    def _go_on(self) -> None:
        if self._going_on:  # whoever began gave something back at once
            return
        self._going_on = True
        try:
            while self._begin_next():
                pass
        finally:
            self._going_on = False

    def _begin_next(self) -> bool:
        for share, queue in self._waiting.items():
            size, begin = queue[0]
            taken = self.room.take(share, size)
            if taken is None:
                if share.held:
                    continue
                return False
            queue.popleft()
            del self._waiting[share]
            if queue:
                self._waiting[share] = queue  # behind the others
            if not begin(taken):
                self.room.give_back(share, taken)
            return True
        return False
