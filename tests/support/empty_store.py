"""An empty store on SQLite to copy: making its tables takes longer than most tests of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from firesteel.store.migrations import migrate

_MEMORY = Path("/dev/shm")  # flushes cost nothing there, and nothing is kept


def copy_empty_store(path: Path) -> None:
    """A store with tables and nothing in them; what stands at ``path`` already is left alone."""
    if not path.exists():
        shutil.copy(empty_store(), path)


@cache
def empty_store() -> Path:
    """The file that is copied: one a process, which goes with it."""
    path = Path(_template().name) / "empty.db"
    migrate(path)
    return path


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """In memory, where the system has such a place and nobody has named another."""
    chosen = "TMPDIR" in os.environ or not _MEMORY.is_dir()
    return tempfile.TemporaryDirectory(prefix="firesteel-model-", dir=None if chosen else _MEMORY)


@cache
def _template() -> tempfile.TemporaryDirectory[str]:
    return temporary_folder()
