"""Time, chance and ids, injected so that tests can set them."""

from __future__ import annotations

import os
import random
import time
from typing import Protocol


class Clock(Protocol):
    """Where time, chance and ids come from."""

    def now_us(self) -> int:
        """Wall-clock microseconds since 1970: for people, never for order."""
        ...

    def chance(self) -> float:
        """A number in [0, 1)."""
        ...

    def new_id(self) -> str:
        """An id that nobody can guess: UUID version 7 (RFC 9562) as 32 hexadecimal digits."""
        ...


class SystemClock:
    """The machine's clock and randomness."""

    def now_us(self) -> int:
        """From the system's wall clock."""
        return time.time_ns() // 1000

    def chance(self) -> float:
        """From the process's generator."""
        return random.random()  # noqa: S311  # spreads retries, guards nothing

    def new_id(self) -> str:
        """Ordered by the millisecond, 74 random bits."""
        random_hex = os.urandom(10).hex()
        variant = "89ab"[int(random_hex[3], 16) & 3]
        return f"{time.time_ns() // 1_000_000:012x}7{random_hex[:3]}{variant}{random_hex[4:19]}"
