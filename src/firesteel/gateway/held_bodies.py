"""How many bytes of bodies the node holds at once, received in part or waiting for their commit.

A queue that is bounded by its length alone is not bounded: a few hundred bodies of 10 MiB are more
than a machine has. What is over the bound is refused at once, 503 ``overloaded`` (P24). Triggers
share the room (``shares``), so that a flood of one leaves some to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.gateway.refused_call import CallRefused
from firesteel.gateway.spool import SPOOLED_FROM_BYTES
from firesteel.model.problem import Problem
from firesteel.shares import Room

if TYPE_CHECKING:
    from firesteel.gateway.spool import Spool

BODIES_LIMIT_BYTES: Final = 64 * 1024 * 1024


class HeldBodies:
    """Used from the event loop's thread. A body that is over the bound by itself is taken while
    there is no other one: it is the trigger's limit that says how long one may be. ``spool``: where
    long ones lie instead; None: nowhere."""

    __slots__ = ("memory", "spool")

    def __init__(self, limit_bytes: int = BODIES_LIMIT_BYTES, spool: Spool | None = None) -> None:
        self.memory = Room(limit_bytes)
        self.spool = spool

    def figures(self) -> dict[str, int]:
        """Bytes that are held, in memory and on disk."""
        on_disk = 0 if self.spool is None else self.spool.disk.held
        return {"memory": self.memory.held, "disk": on_disk}

    def of(self, trigger_no: int) -> TriggerBodies:
        """Those of one trigger."""
        return TriggerBodies(self, trigger_no)


class TriggerBodies:
    """What one trigger holds: made once for its route, kept by each body until it is let go."""

    __slots__ = ("_memory", "_share", "on_disk", "read_back", "spool")

    def __init__(self, held: HeldBodies, trigger_no: int) -> None:
        self.spool = held.spool
        self._memory = held.memory
        self._share = held.memory.share_of(trigger_no)
        if self.spool is not None:
            self.on_disk = self.spool.disk.share_of(trigger_no)
            self.read_back = self.spool.loads.room.share_of(trigger_no)

    def check(self, length_bytes: int | None, *, on_disk: bool = False) -> None:
        """Refuse a body that says that it will not fit, before any of it is read; None: it does
        not say. ``on_disk``: a long one may lie there."""
        if length_bytes is None:
            return
        if on_disk and self.spool is not None and length_bytes > SPOOLED_FROM_BYTES:
            fits = self.spool.disk.fits(self.on_disk, length_bytes)
        else:
            fits = self._memory.fits(self._share, length_bytes)
        if not fits:
            raise overloaded()

    def take(self, size_bytes: int, before_bytes: int = 0) -> int:
        """Hold so much more of a body of which ``before_bytes`` are held already, in memory. Only
        what has come counts, so that nobody takes room by saying that much will come; how much
        of it counts is to be given back."""
        taken_bytes = self._memory.take(self._share, size_bytes, before_bytes)
        if taken_bytes is None:
            raise overloaded()
        return taken_bytes

    def give_back(self, size_bytes: int) -> None:
        """So much is not in memory any more."""
        self._memory.give_back(self._share, size_bytes)


def overloaded() -> CallRefused:
    """503: there is no room now."""
    return CallRefused(Problem("overloaded"))
