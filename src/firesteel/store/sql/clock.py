"""The store's two clocks: one for people, one for what is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Injected sources of time: wall-clock microseconds since 1970, and monotonic seconds.
    ``boot``: names what the monotonic clock counts from; empty where nobody knows."""

    wall_us: Callable[[], int]
    monotonic_s: Callable[[], float]
    boot: str = ""


class SteadyState(msgspec.Struct, frozen=True):
    """What outlives a restart of the engine: the clock's distance from the monotonic clock that
    ``boot`` names."""

    boot: str
    offset_us: int


class SteadyClock:
    """Microseconds that begin at the wall clock's and go on with the monotonic clock: a wall clock
    that is set back or forth meanwhile makes nothing due earlier or later (P32). An engine that is
    started anew on a machine that was not goes on with the clock of the one before it."""

    def __init__(self, clocks: Clocks) -> None:
        self._monotonic_s = clocks.monotonic_s
        self._boot = clocks.boot
        self._offset_us = clocks.wall_us() - int(clocks.monotonic_s() * 1e6)

    def go_on_from(self, saved: SteadyState) -> None:
        """``saved``: the state of an earlier life, believed where the machine is still the same."""
        if saved.boot and saved.boot == self._boot:
            self._offset_us = saved.offset_us

    def state(self) -> SteadyState:
        """What to keep for the next life."""
        return SteadyState(self._boot, self._offset_us)

    def now_us(self) -> int:
        return self._offset_us + int(self._monotonic_s() * 1e6)


def wall_clock_us() -> int:
    """Microseconds since 1970, by the machine's clock."""
    return time.time_ns() // 1000


def boot_id() -> str:
    """A name for this run of the machine's kernel (Linux); empty elsewhere."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
