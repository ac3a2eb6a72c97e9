"""Rewriting the store's file while no engine has it (https://sqlite.org/lang_vacuum.html).

Deleted rows are overwritten as they go (``secure_delete``), but a page of an index that SQLite has
split or joined may still hold copies of the rows that it moved. Only a file written anew has none.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.sqlite.connection import StoreLock, open_writer


def compact(path: Path) -> tuple[int, int]:
    """The file's size in bytes before and after. All or nothing: the file stays as it was where
    this ends early. Raises OperatorError ``store_not_found``, ``store_in_use`` and ``disk_full``,
    and StoreUnavailable."""
    if not path.exists():
        raise OperatorError("there is no store in this data directory", code="store_not_found")
    lock = StoreLock(path)
    lock.take()
    try:
        before = path.stat().st_size
        # Once for the new file's pages in the log; the old one stays until they are copied.
        if shutil.disk_usage(path.parent).free < before:
            raise OperatorError("the disk has too little room for this", code="disk_full")
        connection = open_writer(path)
        try:
            connection.execute("PRAGMA temp_store = FILE")  # it may be larger than the memory
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return before, path.stat().st_size
    except sqlite3.Error as error:
        raise StoreUnavailable("the store's file cannot be rewritten now") from error
    finally:
        lock.release()
