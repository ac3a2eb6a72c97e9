"""The store on SQLite as a whole: its ports over one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firesteel.store.bulletin import Alone
from firesteel.store.jobs import OnlyNode
from firesteel.store.nodes import NoNodes
from firesteel.store.sql.alerts import SqlAlerts
from firesteel.store.sql.bulk import SqlBulkActs
from firesteel.store.sql.catalog import SqlCatalog
from firesteel.store.sql.clock import Clocks, wall_clock_us
from firesteel.store.sql.figures import SqlFigures
from firesteel.store.sql.history import SqlHistory
from firesteel.store.sql.people import SqlPeople
from firesteel.store.sqlite.database import SqliteDatabase
from firesteel.store.sqlite.file import StoreFile
from firesteel.store.sqlite.journal import SqliteJournal, open_journal
from firesteel.store.sqlite.readers import Readers
from firesteel.store.sqlite.safety import check_connection


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """Implements ``store.store.Store``; the ports share the writer's thread and the readers."""

    journal: SqliteJournal
    catalog: SqlCatalog
    history: SqlHistory
    figures: SqlFigures
    bulk: SqlBulkActs
    people: SqlPeople
    alerts: SqlAlerts
    bulletin: Alone
    jobs: OnlyNode
    nodes: NoNodes
    _scans: Readers

    async def close(self) -> None:
        """Do what was begun, end the session, give the file back. Safe to repeat."""
        await self._scans.close()
        await self.journal.close()


async def open_store(
    path: Path,
    *,
    wall_us: Callable[[], int] = wall_clock_us,
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
    database = SqliteDatabase(journal.writer, journal.readers)
    scans = Readers(path, threads=1)
    history = SqlHistory(
        database,
        scans,
        StoreFile(path, journal.readers, journal.writer),
        clocks=clocks,
        steady_us=journal.steady_us,
    )
    try:
        await journal.writer.submit(check_connection)
        await history.begin()
    except BaseException:
        await journal.close()
        raise
    catalog = SqlCatalog(database, clocks=clocks, rules_changed=journal.rules_changed)
    return SqliteStore(
        journal,
        catalog,
        history,
        SqlFigures(database),
        SqlBulkActs(database, clocks=clocks),
        SqlPeople(database, clocks=clocks),
        SqlAlerts(database, clocks=clocks),
        Alone(),
        OnlyNode(),
        NoNodes(),
        scans,
    )
