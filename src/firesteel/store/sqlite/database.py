"""The file as a database: read beside the writer, changed by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from firesteel.errors import CallerError
from firesteel.store.sql.database import Connection
from firesteel.store.sqlite.connection import SqliteConnection
from firesteel.store.sqlite.readers import Readers
from firesteel.store.sqlite.writer import Writer

T = TypeVar("T")


class SqliteDatabase:
    """Implements ``sql.database.Database``; each change is one piece of work for the writer."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self.read = readers.read

    async def write(self, work: Callable[[Connection], T]) -> T:
        """As ``Database.write``. A CallerError that was raised before anything was written is no
        failure of the writer."""

        def guarded(connection: SqliteConnection) -> T | CallerError:
            before = connection.total_changes
            try:
                return work(connection)
            except CallerError as refused:
                if connection.total_changes != before:
                    raise
                # Nothing is to be undone: the writer need not doubt what it remembers.
                return refused

        result = await self._writer.submit(guarded)
        if isinstance(result, CallerError):
            raise result
        return result
