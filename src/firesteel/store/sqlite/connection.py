"""Opening the SQLite file: by its one writer, by its readers, and never by two engines.

Sources: https://sqlite.org/wal.html, https://sqlite.org/pragma.html,
https://sqlite.org/howtocorrupt.html.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firesteel.errors import OperatorError
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sqlite.safety import cannot_write

# How long another process's lock is waited for. A call that came just after the wait began has to
# wait for the next one too, and hears of it within 5 s all the same (P04).
_BUSY_TIMEOUT_S = 2.0
_STATEMENTS = 512

# The writer's page cache. The right edges of the hot tables and indexes are a few hundred pages;
# 32 MiB holds them and what a retry or a purge touches, and bounds the memory of the thread.
_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 4 * 1024

# Pages in the write-ahead log before the writer copies them into the file. Larger than SQLite's
# 1,000, since a page that many commits change is then copied once; small enough that a copy takes
# milliseconds. The log's file is cut back to the limit after a reader has held it up.
_CHECKPOINT_PAGES = 2000
_LOG_LIMIT_BYTES = 64 * 1024 * 1024


class SqliteConnection(sqlite3.Connection):
    """Implements ``sql.database.Connection``."""

    dialect = SQLITE

    def ask_each(self, text: str, rows: Sequence[Sequence[Any]], /) -> list[Any]:
        """As ``Connection.ask_each``."""
        return [self.execute(text, row).fetchone() for row in rows]

    def beginning_of_body(self, message_no: int, size_bytes: int) -> bytes:
        """As ``Connection.beginning_of_body``."""
        with self.blobopen("payload", "body", message_no, readonly=True) as body:
            return body.read(size_bytes)


def open_writer(path: Path) -> SqliteConnection:
    """The one connection that writes. Made and used in the writer's thread only.

    WAL with ``synchronous=FULL``: a commit returns after the log is flushed. No mmap: an I/O error
    would be a signal then, not an error. Transactions are begun by hand.

    Raises OperatorError ``store_unsafe`` where the file takes no write-ahead log.
    """
    _bind_as_they_are()
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        cached_statements=_STATEMENTS,
        factory=SqliteConnection,
    )
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        connection.close()
        raise OperatorError(
            "the store's file system does not support SQLite's write-ahead log",
            code="store_unsafe",
        )
    for pragma in (
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: fsync alone does not reach the disk there; no effect elsewhere
        "checkpoint_fullfsync = ON",
        "foreign_keys = ON",
        "mmap_size = 0",
        # What is deleted is overwritten; not every build of SQLite does so by itself.
        "secure_delete = ON",
        "temp_store = MEMORY",
        f"cache_size = -{_WRITER_CACHE_KIB}",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        f"journal_size_limit = {_LOG_LIMIT_BYTES}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    _empty_log(connection)
    return connection


def _bind_as_they_are() -> None:
    """Let bytes, booleans and None be bound as they would be anyway. Of these types Python's module
    asks each value for methods to adapt it by, and makes an exception for want of them: that took a
    third of the time to bind a row, with the interpreter's lock held. Safe to repeat."""
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(bool, int)
    nothing: dict[None, None] = {}
    sqlite3.register_adapter(type(None), nothing.get)


def _empty_log(connection: sqlite3.Connection) -> None:
    """Copy into the file what a former engine left in the log.

    Where a flush of the log had failed, the system may hold those pages for clean although the disk
    has not got them: read they can be, flushed they are never again, and what is committed behind
    them would be lost with them at a power loss. Copies are new writes, which are flushed.
    """
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        connection.close()
        raise sqlite3.OperationalError("another process uses the store")


def empty_log_unless_busy(connection: sqlite3.Connection) -> bool:
    """Copy the log into the file and cut it to nothing; False where a reader is in the way, for
    which it does not wait, or where the disk does not take it now."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000)}")
    return not busy


def open_reader(path: Path) -> SqliteConnection:
    """A read-only connection: it never waits for the writer, never writes and never checkpoints.
    It may be used by any one thread at a time."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        cached_statements=_STATEMENTS,
        factory=SqliteConnection,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    return connection


class StoreLock:
    """The right to write a store's file, held by one process through a lock file beside it.

    The kernel gives it back when the process ends, however it ends: who holds it knows that every
    session before is dead.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises OperatorError ``store_in_use`` where another engine has the store, and what
        ``cannot_write`` makes of an error."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise cannot_write(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise OperatorError(
                "another engine is running on this data directory", code="store_in_use"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Safe to repeat."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
