"""The store on SQLite, opened: journal, catalog and history over one file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.store.migrations import migrate
from firesteel.store.sqlite.catalog import SqliteCatalog
from firesteel.store.sqlite.clock import Clocks
from firesteel.store.sqlite.connection import StoreLock
from firesteel.store.sqlite.history import SqliteHistory
from firesteel.store.sqlite.journal import SqliteJournal, open_journal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """The three ports; ``close`` ends the session and gives the file back."""

    journal: SqliteJournal
    catalog: SqliteCatalog
    history: SqliteHistory

    async def close(self) -> None:
        await self.journal.close()


def _wall_us() -> int:
    return time.time_ns() // 1000


async def open_store(path: Path) -> SqliteStore:
    """Bring the tables up to date and begin a session. Raises OperatorError
    ``store_in_use``, ``store_newer`` and what the parts raise."""
    lock = StoreLock(path)
    lock.take()
    try:
        migrate(path)
    finally:
        lock.release()
    clocks = Clocks(_wall_us, time.monotonic)
    journal = await open_journal(path)
    return SqliteStore(
        journal,
        SqliteCatalog(
            journal.writer, journal.readers, clocks=clocks, rules_changed=journal.rules_changed
        ),
        SqliteHistory(journal.writer, journal.readers, clocks=clocks),
    )
