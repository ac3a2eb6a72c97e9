"""The store on PostgreSQL as a whole: its ports over one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from firesteel.store.migrations.postgresql import migrate
from firesteel.store.postgresql.bulletin import PostgresqlBulletin
from firesteel.store.postgresql.connection import Address
from firesteel.store.postgresql.database import PostgresqlDatabase, PostgresqlReading
from firesteel.store.postgresql.jobs import PostgresqlJobs
from firesteel.store.postgresql.journal import PostgresqlJournal, open_journal
from firesteel.store.postgresql.nodes import PostgresqlNodes
from firesteel.store.postgresql.safety import check_server
from firesteel.store.postgresql.sessions import Identity
from firesteel.store.postgresql.storage import PostgresqlStorage
from firesteel.store.sql.bulk import SqlBulkActs
from firesteel.store.sql.catalog import SqlCatalog
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.figures import SqlFigures
from firesteel.store.sql.history import SqlHistory
from firesteel.store.sql.people import SqlPeople


@dataclass(frozen=True, slots=True)
class PostgresqlStore:
    """Implements ``store.store.Store``; the ports but the journal share a few connections."""

    journal: PostgresqlJournal
    catalog: SqlCatalog
    history: SqlHistory
    figures: SqlFigures
    bulk: SqlBulkActs
    people: SqlPeople
    bulletin: PostgresqlBulletin
    jobs: PostgresqlJobs
    nodes: PostgresqlNodes
    _database: PostgresqlDatabase
    _scans: PostgresqlReading

    async def close(self) -> None:
        """Do what was begun, end the session, let go of the database. Safe to repeat."""
        await self.journal.close()
        await self.jobs.close()
        await self._scans.close()
        await self._database.close()
        await self.bulletin.close()


def _wall_us() -> int:
    return time.time_ns() // 1000


async def open_store(  # noqa: PLR0913  # all but the first are named at the call
    url: str,
    *,
    node: str = "",
    role: str = "",
    version: str = "",
    wall_us: Callable[[], int] | None = None,
    monotonic_s: Callable[[], float] = time.monotonic,
    boot: str = "",
) -> PostgresqlStore:
    """Open the database, made or migrated where that is needed, and begin a session. ``node``: the
    id of this node's data directory, whose lock it holds. The clocks are those of ``clock.Clocks``;
    ``wall_us`` given takes the place of the database's clock too.

    Raises what ``check_server``, ``migrate`` and ``refuse_half_moved`` raise.
    """
    address = Address(url, node)
    clocks = Clocks(wall_us or _wall_us, monotonic_s, boot)
    await asyncio.to_thread(check_server, address)
    await asyncio.to_thread(migrate, address)
    database = PostgresqlDatabase(address)
    scans = PostgresqlReading(address, 1)
    storage = PostgresqlStorage(database)
    bulletin = PostgresqlBulletin(address)
    identity, own_clock = Identity(node, role, version), wall_us is not None
    try:
        journal = await open_journal(
            address, clocks, identity, database, bulletin, own_clock=own_clock
        )
    except BaseException:
        await scans.close()
        await database.close()
        await bulletin.close()
        raise
    history = SqlHistory(database, scans, storage, clocks=clocks, steady_us=journal.steady_us)
    store = PostgresqlStore(
        journal,
        SqlCatalog(database, clocks=clocks, rules_changed=journal.rules_changed),
        history,
        SqlFigures(database),
        SqlBulkActs(database, clocks=clocks),
        SqlPeople(database, clocks=clocks),
        bulletin,
        PostgresqlJobs(address),
        PostgresqlNodes(database),
        database,
        scans,
    )
    try:
        await history.begin()
        await bulletin.start()
    except BaseException:
        await store.close()
        raise
    return store
