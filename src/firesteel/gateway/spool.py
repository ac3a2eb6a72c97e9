"""Long bodies lie on disk while they come in, so that many at once take little memory.

A body is read back whole when it is complete, since the store takes it whole; one after the other,
as many at once as fit into the bound, triggers by turns. So memory does not grow with how many come
in at the same time (P24). The files have no name, and so nothing is left of them after a crash.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from firesteel.processors import roam
from firesteel.shares import Room, Turns

SPOOLED_FROM_BYTES: Final = 1024 * 1024
_THREADS: Final = 4


class Spool:
    """``disk``: what lies there at once, up to ``limit_bytes``. ``loads``: what is read back at
    once, up to ``loads_limit_bytes``, triggers by turns. Used from the event loop's thread, but for
    ``open``."""

    def __init__(self, directory: Path, *, limit_bytes: int, loads_limit_bytes: int) -> None:
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="spool", initializer=roam)
        self.disk = Room(limit_bytes)
        self.loads = Turns(Room(loads_limit_bytes))
        self._directory = directory

    def open(self) -> int:
        """The descriptor of a new file without a name, mode 0600; in any thread."""
        if hasattr(os, "O_TMPFILE"):
            with contextlib.suppress(OSError):  # not every file system has it
                return os.open(self._directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        descriptor, path = tempfile.mkstemp(dir=self._directory)
        Path(path).unlink()
        return descriptor
