"""The store on PostgreSQL as a whole: its ports over one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from firesteel.store.migrations.postgresql import migrate
from firesteel.store.moving.marker import refuse_half_moved
from firesteel.store.postgresql.bulletin import PostgresqlBulletin
from firesteel.store.postgresql.connection import Address
from firesteel.store.postgresql.database import PostgresqlDatabase, PostgresqlReading
from firesteel.store.postgresql.jobs import PostgresqlJobs
from firesteel.store.postgresql.nodes import PostgresqlNodes
from firesteel.store.postgresql.safety import check_server
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
        """Do what was begun, let go of the database. Safe to repeat."""
        await self.jobs.close()
        await self._scans.close()
        await self._database.close()
        await self.bulletin.close()


def _wall_us() -> int:
    return time.time_ns() // 1000


async def open_store(
    url: str,
    *,
    node: str = "",
    wall_us: Callable[[], int] = _wall_us,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> PostgresqlStore:
    """Open the database, made or migrated where that is needed, and begin a session. ``node``: the
    id of this node's data directory. The clocks are those of ``clock.Clocks``.

    Raises what ``check_server``, ``migrate`` and ``refuse_half_moved`` raise.
    """
    address = Address(url, node)
    clocks = Clocks(wall_us, monotonic_s)
    await asyncio.to_thread(check_server, address)
    await asyncio.to_thread(migrate, address)
    database = PostgresqlDatabase(address)
    scans = PostgresqlReading(address, 1)
    storage = PostgresqlStorage(database)
    history = SqlHistory(database, scans, storage, clocks=clocks, steady_us=wall_us)
    bulletin = PostgresqlBulletin(address)
    store = PostgresqlStore(
        SqlCatalog(database, clocks=clocks, rules_changed=_nobody_remembers),
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
        await database.read(refuse_half_moved)
        await history.begin()
        await bulletin.start()
    except BaseException:
        await store.close()
        raise
    return store


def _nobody_remembers(trigger_no: int) -> None:
    """The journal reads a trigger's rules with its row, in every transaction."""
