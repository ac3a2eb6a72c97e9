"""How many bytes of bodies the node holds at once, received in part or waiting for their commit.

A queue that is bounded by its length alone is not bounded: a few hundred bodies of 10 MiB are more
than a machine has. What is over the bound is refused at once, 503 ``overloaded`` (P24).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.gateway.refused_call import CallRefused
from firesteel.gateway.spool import SPOOLED_FROM_BYTES
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.gateway.spool import Spool

BODIES_LIMIT_BYTES: Final = 64 * 1024 * 1024


class HeldBodies:
    """Used from the event loop's thread. A body that is over the bound by itself is taken while
    there is no other one: it is the trigger's limit that says how long one may be. ``spool``: where
    long ones lie instead; None: nowhere."""

    __slots__ = ("held_bytes", "limit_bytes", "spool")

    def __init__(self, limit_bytes: int = BODIES_LIMIT_BYTES, spool: Spool | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.spool = spool

    def figures(self) -> dict[str, int]:
        """Bytes that are held, in memory and on disk."""
        on_disk = 0 if self.spool is None else self.spool.held_bytes
        return {"memory": self.held_bytes, "disk": on_disk}

    def check(self, length_bytes: int | None, *, on_disk: bool = False) -> None:
        """Refuse a body that says that it will not fit, before any of it is read; None: it does
        not say. ``on_disk``: a long one may lie there."""
        if length_bytes is None:
            return
        if on_disk and self.spool is not None and length_bytes > SPOOLED_FROM_BYTES:
            self.spool.check(length_bytes)
        elif self.held_bytes and self.held_bytes + length_bytes > self.limit_bytes:
            raise _overloaded()

    def take(self, size_bytes: int, before_bytes: int = 0) -> None:
        """Hold so much more of a body of which ``before_bytes`` are held already. Only what has
        come counts, so that nobody takes room by saying that much will come."""
        held_bytes = self.held_bytes + size_bytes
        if held_bytes > self.limit_bytes and self.held_bytes > before_bytes:
            raise _overloaded()
        self.held_bytes = held_bytes

    def give_back(self, size_bytes: int) -> None:
        """So much is not held any more."""
        self.held_bytes -= size_bytes


def _overloaded() -> CallRefused:
    return CallRefused(Problem("overloaded"))
