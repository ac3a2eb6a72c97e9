"""Long bodies lie on disk while they come in, so that many at once take little memory.

A body is read back whole when it is complete, since the store takes it whole; one after the other,
as many at once as fit into the bound. So memory does not grow with how many come in at the same
time (P24). The files have no name, and so nothing is left of them after a crash.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firesteel.gateway.refused_call import CallRefused
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

SPOOLED_FROM_BYTES: Final = 1024 * 1024
_THREADS: Final = 4


class Spool:
    """``limit_bytes``: on disk at once. ``loads_limit_bytes``: read back at once; one that is over
    it by itself is read back alone. Used from the event loop's thread, but for ``open``."""

    def __init__(self, directory: Path, *, limit_bytes: int, loads_limit_bytes: int) -> None:
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="spool")
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.loaded_bytes = 0
        self._loads_limit_bytes = loads_limit_bytes
        self._directory = directory
        self._waiting: deque[tuple[int, Callable[[], bool]]] = deque()

    def open(self) -> int:
        """The descriptor of a new file without a name, mode 0600; in any thread."""
        if hasattr(os, "O_TMPFILE"):
            with contextlib.suppress(OSError):  # not every file system has it
                return os.open(self._directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        descriptor, path = tempfile.mkstemp(dir=self._directory)
        Path(path).unlink()
        return descriptor

    def check(self, length_bytes: int) -> None:
        """Refuse a body that says that it will not fit, before any of it is read."""
        if self.held_bytes + length_bytes > self.limit_bytes:
            raise CallRefused(Problem("overloaded"))

    def take(self, size_bytes: int) -> None:
        """So much more is on disk. Raises CallRefused ``overloaded``."""
        self.check(size_bytes)
        self.held_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """So much is not on disk any more."""
        self.held_bytes -= size_bytes

    def load_in_turn(self, size_bytes: int, begin: Callable[[], bool]) -> None:
        """Call ``begin`` when a body of that size may be read back, maybe at once. It says whether
        it is still wanted; ``loaded`` must follow when the body is stored."""
        self._waiting.append((size_bytes, begin))
        self._go_on()

    def stored(self, size_bytes: int) -> None:
        """A body that was read back is held no more: the next ones may be."""
        self.loaded_bytes -= size_bytes
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting:
            size_bytes, begin = self._waiting[0]
            if self.loaded_bytes and self.loaded_bytes + size_bytes > self._loads_limit_bytes:
                return
            self._waiting.popleft()
            self.loaded_bytes += size_bytes
            if not begin():
                self.loaded_bytes -= size_bytes
