"""A copy of the store's file while it is written to.

``VACUUM INTO`` reads one moment of the store and writes a compact file; the writer goes on
meanwhile, its log only grows until the copy is done (https://sqlite.org/lang_vacuum.html). The copy
is read through before it gets its name.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

from firesteel.errors import CallerError, OperatorError
from firesteel.store.copies import Copied, CopyProgress
from firesteel.store.sqlite.connection import open_reader
from firesteel.store.sqlite.counted import check_whole

_PIECE_BYTES = 4 * 1024 * 1024


def back_up(
    store: Path, target: Path, progress: CopyProgress | None = None, reserve_bytes: int = 0
) -> Copied:
    """Write a copy with everything committed before the call to ``target`` (mode 0600).

    Atomic, checked and flushed: after a failure there is no file, whole or in part. Blocks; for a
    thread. ``progress`` is told how far it has come. Raises CallerError ``target_exists`` and
    ``no_room`` (the copy would leave less than ``reserve_bytes``), OperatorError
    ``backup_failed``.
    """
    progress = progress or CopyProgress()
    if target.exists():
        raise CallerError("the file to write to exists", code="target_exists")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        # What an engine has left that was killed while it copied, with SQLite's journal of it.
        for left in target.parent.glob(f".{glob.escape(target.name)}.*.partial*"):
            left.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(store, partial, progress, reserve_bytes)
        copied = _checked(partial, progress)
        flush(partial)
        os.link(partial, target)  # unlike a rename, replaces no file that came meanwhile
        partial.unlink()
        flush(target.parent)
        return copied
    except FileExistsError as error:
        raise CallerError("the file to write to exists", code="target_exists") from error
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", "")
        raise OperatorError(
            f"the copy could not be written: {reason}", code="backup_failed"
        ) from error
    except OperatorError as error:
        raise OperatorError("the copy is damaged, and was deleted", code="backup_failed") from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(store: Path, partial: Path, progress: CopyProgress, reserve_bytes: int) -> None:
    connection = open_reader(store)
    try:
        size_bytes = _used_bytes(connection)
        if shutil.disk_usage(partial.parent).free < size_bytes + reserve_bytes:
            raise CallerError(
                f"the disk has too little room there: the copy takes {size_bytes:,} bytes and "
                f"{reserve_bytes:,} are kept free",
                code="no_room",
            )
        progress.begin("copying", size_bytes, lambda: partial.stat().st_size)
        # It writes to the other file alone; query_only would refuse that too.
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("VACUUM INTO ?", (str(partial),))
    finally:
        connection.close()


def _used_bytes(connection: sqlite3.Connection) -> int:
    """What the copy will take: all pages but the empty ones."""
    numbers = [
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    ]
    return (numbers[0] - numbers[1]) * numbers[2]


def _checked(partial: Path, progress: CopyProgress) -> Copied:
    size_bytes = partial.stat().st_size
    progress.begin("checking", 0, lambda: 0)
    counted = check_whole(partial)
    digest, done = hashlib.sha256(), 0
    progress.begin("summing", size_bytes, lambda: done)
    with partial.open("rb") as copy:
        while piece := copy.read(_PIECE_BYTES):
            digest.update(piece)
            done += len(piece)
    return Copied(size_bytes, digest.hexdigest(), counted)


def flush(path: Path) -> None:
    """Let the disk have a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
