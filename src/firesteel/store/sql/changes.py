"""Rare changes: one transaction each, its audit entry included.

Rules are checked before the first row is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import Connection, Database

T = TypeVar("T")


class Changes:
    """Runs changes one after the other."""

    def __init__(self, database: Database, clocks: Clocks) -> None:
        self._database = database
        self._clocks = clocks

    async def run(self, actor: str, work: Callable[[Change], T]) -> T:
        """``work`` in a transaction. Raises what it raises."""

        def change(connection: Connection) -> T:
            return work(Change(connection, self._clocks.wall_us(), actor))

        return await self._database.write(change)
