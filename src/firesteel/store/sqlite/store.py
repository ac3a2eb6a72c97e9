"""The store on SQLite as a whole: its ports over one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firesteel.store.sqlite.bulk import SqliteBulkActs
from firesteel.store.sqlite.catalog import SqliteCatalog
from firesteel.store.sqlite.clock import Clocks
from firesteel.store.sqlite.figures import SqliteFigures
from firesteel.store.sqlite.history import SqliteHistory
from firesteel.store.sqlite.journal import SqliteJournal, open_journal
from firesteel.store.sqlite.people import SqlitePeople
from firesteel.store.sqlite.safety import check_connection


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """The ports; they share the writer's thread and the readers."""

    journal: SqliteJournal
    catalog: SqliteCatalog
    history: SqliteHistory
    figures: SqliteFigures
    bulk: SqliteBulkActs
    people: SqlitePeople

    async def close(self) -> None:
        """Do what was begun, end the session, give the file back. Safe to repeat."""
        await self.history.close()
        await self.journal.close()


def _wall_us() -> int:
    return time.time_ns() // 1000


async def open_store(
    path: Path,
    *,
    wall_us: Callable[[], int] = _wall_us,
    monotonic_s: Callable[[], float] = time.monotonic,
    boot: str = "",
) -> SqliteStore:
    """Open the file, made or migrated where that is needed, and begin a session. The clocks are
    those of ``clock.Clocks``.

    Raises what ``open_journal`` raises, and OperatorError ``store_unsafe`` where commits would not
    be flushed (P35).
    """
    journal = await open_journal(path, wall_us=wall_us, monotonic_s=monotonic_s, boot=boot)
    clocks = Clocks(wall_us, monotonic_s)
    history = SqliteHistory(
        path, journal.writer, journal.readers, clocks=clocks, steady_us=journal.steady_us
    )
    try:
        await journal.writer.submit(check_connection)
        await history.begin()
    except BaseException:
        await journal.close()
        raise
    catalog = SqliteCatalog(
        journal.writer, journal.readers, clocks=clocks, rules_changed=journal.rules_changed
    )
    figures = SqliteFigures(journal.writer, journal.readers)
    bulk = SqliteBulkActs(journal.writer, journal.readers, clocks=clocks)
    people = SqlitePeople(journal.writer, journal.readers, clocks=clocks)
    return SqliteStore(journal, catalog, history, figures, bulk, people)
