"""Rare changes through the store's writer: one transaction each, its audit entry included.

Rules are checked before the first row is written, so that a refusal undoes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from firesteel.errors import CallerError
from firesteel.store.sqlite.catalog_rows import Change
from firesteel.store.sqlite.clock import Clocks
from firesteel.store.sqlite.writer import Writer

T = TypeVar("T")


class Changes:
    """Runs changes one after the other."""

    def __init__(self, writer: Writer, clocks: Clocks) -> None:
        self._writer = writer
        self._clocks = clocks

    async def run(self, actor: str, work: Callable[[Change], T]) -> T:
        """``work`` in the writer's next transaction. Raises what it raises; a CallerError that was
        raised before anything was written is no failure of the writer."""

        def guarded(connection: sqlite3.Connection) -> T | CallerError:
            before = connection.total_changes
            try:
                return work(Change(connection, self._clocks.wall_us(), actor))
            except CallerError as refused:
                if connection.total_changes != before:
                    raise
                # Nothing is to be undone: the writer need not doubt what it remembers.
                return refused

        result = await self._writer.submit(guarded)
        if isinstance(result, CallerError):
            raise result
        return result
