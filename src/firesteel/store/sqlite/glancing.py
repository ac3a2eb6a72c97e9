"""The store's file at a glance, beside a node or without one; it is only read."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from firesteel.errors import OperatorError
from firesteel.store.glance import Glance, glance
from firesteel.store.migrations import revision
from firesteel.store.sqlite.connection import SqliteConnection, open_reader


@dataclass(frozen=True, slots=True)
class FileGlance:
    """``journal_mode``: as the file was left; ``whole``: None where it was not looked at."""

    store: Glance
    journal_mode: str
    page_bytes: int
    whole: bool | None


def look_at_file(path: Path, *, thoroughly: bool) -> FileGlance:
    """``thoroughly``: read every page too, which is for a file that nobody uses (``quick_check``,
    https://sqlite.org/pragma.html). Raises OperatorError ``store_unreadable``."""
    try:
        connection = _opened(path, alone=thoroughly)
        try:
            whole = None
            if thoroughly:
                (said, *_) = connection.execute("PRAGMA quick_check(1)").fetchone()
                whole = said == "ok"
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            return FileGlance(
                glance(connection, revision(connection)), str(mode), int(page_bytes), whole
            )
        finally:
            connection.close()
    except (sqlite3.Error, ValueError) as error:
        name = getattr(error, "sqlite_errorname", None)
        raise OperatorError(
            f"the store's file cannot be read: {name or 'it holds something else'}",
            code="store_unreadable",
        ) from error


def _opened(path: Path, *, alone: bool) -> SqliteConnection:
    """Where nobody has the file and it is whole without its log, nothing is made beside it
    either."""
    log = path.with_name(f"{path.name}-wal")
    if not alone or (log.exists() and log.stat().st_size):
        return open_reader(path)
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None, factory=SqliteConnection)


def is_held(lock: Path) -> bool:
    """Whether an engine has the lock file; it is not made, and given back at once."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
