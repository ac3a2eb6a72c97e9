"""The store's two clocks: one for people, one for what is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clocks:
    """Injected sources of time: wall-clock microseconds since 1970, and monotonic seconds."""

    wall_us: Callable[[], int]
    monotonic_s: Callable[[], float]


class SteadyClock:
    """Microseconds that begin at the wall clock's and go on with the monotonic clock: a wall clock
    that is set back or forth meanwhile makes nothing due earlier or later (P32)."""

    def __init__(self, clocks: Clocks) -> None:
        self._monotonic_s = clocks.monotonic_s
        self.begun_at_us = clocks.wall_us()
        self._offset_us = self.begun_at_us - int(clocks.monotonic_s() * 1e6)

    def now_us(self) -> int:
        return self._offset_us + int(self._monotonic_s() * 1e6)
