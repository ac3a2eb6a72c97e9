"""Copies of a store: what one holds, and how far the making of it has come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Doing = Literal["", "copying", "checking", "summing"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a copy holds; executions by state."""

    messages: int
    executions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that is whole and flushed."""

    size_bytes: int
    sha256: str
    counted: Counted


@dataclass
class CopyProgress:
    """Told by the thread that copies, asked by any other. ``total_bytes`` 0: nobody knows."""

    doing: Doing = ""
    total_bytes: int = 0
    _done: Callable[[], int] = field(default=lambda: 0, repr=False)

    def begin(self, doing: Doing, total_bytes: int, done: Callable[[], int]) -> None:
        """Something else is done from now on; ``done`` tells how much of it is."""
        self.doing, self.total_bytes, self._done = doing, total_bytes, done

    @property
    def done_bytes(self) -> int:
        """Never more than the total."""
        with contextlib.suppress(OSError):  # the file has just got its name
            return min(self._done(), self.total_bytes)
        return self.total_bytes
