"""A disk on which no commit finds room while the test says so, where none can be mounted:
STORE_FULL names a file that is there meanwhile."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from firesteel.store.sqlite import writer


class _Full:
    """The writer's connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, *values: Any) -> Any:
        if statement == "COMMIT" and Path(os.environ["STORE_FULL"]).exists():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._connection.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


_open = writer.open_writer
writer.open_writer = lambda path: _Full(_open(path))  # type: ignore[assignment,return-value]
