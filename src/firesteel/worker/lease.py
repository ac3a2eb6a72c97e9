"""Until when the engine surely has its lease: past it this worker starts nothing more (P14).

A node that was stopped for longer than its lease, engine and workers alike, goes on in the middle
of whatever it did, and another node may have taken its executions over meanwhile. Whatever it
writes is refused by its epoch; that it starts nothing is this clock's doing.
"""

from __future__ import annotations

import math

from firesteel.model.lease_clock import now_s


class Lease:
    """``until_s``: by ``lease_clock``; infinite where nobody can take over from a living engine."""

    __slots__ = ("until_s",)

    def __init__(self) -> None:
        self.until_s = math.inf

    def holds(self) -> bool:
        """Whether something may be started now."""
        return self.until_s == math.inf or now_s() < self.until_s
