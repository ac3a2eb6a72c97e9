"""Time, chance and ids, injected so that tests can set them."""

from __future__ import annotations

import os
import random
import time
from typing import Protocol

_ID_RANDOM_BYTES = 10
_BLOCK_IDS = 512
# The two variant bits of RFC 9562 in the first of their four.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class Clock(Protocol):
    """Where time, chance and ids come from."""

    def now_us(self) -> int:
        """Wall-clock microseconds since 1970: for people, never for order."""
        ...

    def steady_s(self) -> float:
        """Seconds of a clock that never jumps: for how long something takes or has been so."""
        ...

    def chance(self) -> float:
        """A number in [0, 1)."""
        ...

    def new_id(self) -> str:
        """An id that nobody can guess: UUID version 7 (RFC 9562) as 32 hexadecimal digits."""
        ...


class SystemClock:
    """The machine's clock and randomness. Random bytes are drawn from the system in blocks: one
    system call an id would hand the interpreter to another thread each time."""

    def __init__(self) -> None:
        self._random_hex = ""
        self._at = 0

    def now_us(self) -> int:
        """From the system's wall clock."""
        return time.time_ns() // 1000

    def steady_s(self) -> float:
        """Since the machine began, its sleep left out."""
        return time.monotonic()

    def chance(self) -> float:
        """From the process's generator."""
        return random.random()  # noqa: S311  # spreads retries, guards nothing

    def new_id(self) -> str:
        """Ordered by the millisecond, 74 random bits."""
        at = self._at
        if at >= len(self._random_hex):
            self._random_hex = os.urandom(_BLOCK_IDS * _ID_RANDOM_BYTES).hex()
            at = 0
        self._at = at + 2 * _ID_RANDOM_BYTES
        drawn = self._random_hex[at : self._at]
        milliseconds = time.time_ns() // 1_000_000
        return f"{milliseconds:012x}7{drawn[:3]}{_VARIANT[drawn[3]]}{drawn[4:19]}"
