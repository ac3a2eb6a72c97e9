"""How many bytes of bodies the node holds at once, received in part or waiting for their commit.

A queue that is bounded by its length alone is not bounded: a few hundred bodies of 10 MiB are more
than a machine has. What is over the bound is refused at once, 503 ``overloaded`` (P24).
"""

from __future__ import annotations

from typing import Final

from firesteel.gateway.refused_call import CallRefused
from firesteel.model.problem import Problem

BODIES_LIMIT_BYTES: Final = 64 * 1024 * 1024


class HeldBodies:
    """Used from the event loop's thread. A body that is over the bound by itself is taken while
    there is no other one: it is the trigger's limit that says how long one may be."""

    __slots__ = ("held_bytes", "limit_bytes")

    def __init__(self, limit_bytes: int = BODIES_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    def check(self, length_bytes: int | None) -> None:
        """Refuse a body that says that it will not fit, before any of it is read; None: it does
        not say."""
        if length_bytes is not None and self.held_bytes + length_bytes > self.limit_bytes:
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
