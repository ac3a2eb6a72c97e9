"""A line of the log that would come again and again comes once a minute, with how often."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BETWEEN_S: Final = 60.0


class Sparing:
    """For lines that are told apart by a few names; used from one thread at a time."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._told_s: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def times(self, name: str) -> int:
        """How often it has come since the last line, this time too; 0: it is to be left out."""
        now_s = self._monotonic_s()
        came = self._untold.pop(name, 0) + 1
        told_s = self._told_s.get(name)
        if told_s is not None and now_s < told_s + BETWEEN_S:
            self._untold[name] = came
            return 0
        self._told_s[name] = now_s
        return came
