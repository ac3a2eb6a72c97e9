"""A copy of the store's file while it is written to.

``VACUUM INTO`` reads one moment of the store and writes a compact file; the writer goes on
meanwhile, its log only grows until the copy is done (https://sqlite.org/lang_vacuum.html).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from firesteel.errors import CallerError, OperatorError
from firesteel.store.sqlite.connection import open_reader


def back_up(store: Path, target: Path) -> None:
    """Write a copy with everything committed before the call to ``target`` (mode 0600).

    Atomic and flushed: after a failure there is no file, whole or in part. Blocks; for a thread.
    Raises CallerError ``target_exists``, OperatorError ``backup_failed``.
    """
    if target.exists():
        raise CallerError("the file to write to exists", code="target_exists")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(store, partial)
        flush(partial)
        os.link(partial, target)  # unlike a rename, replaces no file that came meanwhile
        partial.unlink()
        flush(target.parent)
    except FileExistsError as error:
        raise CallerError("the file to write to exists", code="target_exists") from error
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", "")
        raise OperatorError(
            f"the copy could not be written: {reason}", code="backup_failed"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(store: Path, partial: Path) -> None:
    connection = open_reader(store)
    try:
        # It writes to the other file alone; query_only would refuse that too.
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("VACUUM INTO ?", (str(partial),))
    finally:
        connection.close()


def flush(path: Path) -> None:
    """Let the disk have a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
