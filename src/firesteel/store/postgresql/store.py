"""The store on PostgreSQL as a whole: its ports over one database."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from firesteel.errors import OutcomeUnknown, StoreUnavailable
from firesteel.store.migrations.postgresql import migrate
from firesteel.store.postgresql.bulletin import PostgresqlBulletin
from firesteel.store.postgresql.connection import Address
from firesteel.store.postgresql.database import PostgresqlDatabase, PostgresqlReading
from firesteel.store.postgresql.failures import is_full
from firesteel.store.postgresql.jobs import PostgresqlJobs
from firesteel.store.postgresql.journal import PostgresqlJournal, open_journal
from firesteel.store.postgresql.nodes import PostgresqlNodes
from firesteel.store.postgresql.safety import check_server
from firesteel.store.postgresql.sessions import Identity
from firesteel.store.postgresql.storage import PostgresqlStorage
from firesteel.store.sql.alerts import SqlAlerts
from firesteel.store.sql.bulk import SqlBulkActs
from firesteel.store.sql.catalog import SqlCatalog
from firesteel.store.sql.clock import Clocks, wall_clock_us
from firesteel.store.sql.figures import SqlFigures
from firesteel.store.sql.history import SqlHistory
from firesteel.store.sql.people import SqlPeople

NEEDED: Final = 5
"""Connections that a node does not do without: to read, to change, and those of journal, jobs and
bulletin."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """The connections beside the journal's."""

    database: PostgresqlDatabase
    scans: PostgresqlReading
    jobs: PostgresqlJobs
    bulletin: PostgresqlBulletin

    @classmethod
    def of(cls, address: Address) -> _Ground:
        return cls(
            PostgresqlDatabase(address),
            PostgresqlReading(address, 1),
            PostgresqlJobs(address),
            PostgresqlBulletin(address),
        )

    async def connect(self) -> None:
        """Have all that a node does not do without, or it would begin a session again and again,
        and end it. Raises what ``connect`` raises."""
        for part in (self.database, self.jobs, self.bulletin):
            await part.connect()

    async def close(self) -> None:
        """Safe to repeat."""
        for part in (self.jobs, self.scans, self.database, self.bulletin):
            await part.close()


@dataclass(frozen=True, slots=True)
class PostgresqlStore:
    """Implements ``store.store.Store``; the ports but the journal share a few connections."""

    journal: PostgresqlJournal
    catalog: SqlCatalog
    history: SqlHistory
    figures: SqlFigures
    bulk: SqlBulkActs
    people: SqlPeople
    alerts: SqlAlerts
    bulletin: PostgresqlBulletin
    jobs: PostgresqlJobs
    nodes: PostgresqlNodes
    _ground: _Ground

    async def close(self) -> None:
        """Do what was begun, end the session, let go of the database. Safe to repeat."""
        await self.journal.close()
        if self.journal.lost:
            with contextlib.suppress(StoreUnavailable, OutcomeUnknown):
                await self.nodes.stopped()
        await self._ground.close()


@contextlib.contextmanager
def _telling_how_many() -> Iterator[None]:
    """Let an operator whose database is full see what a node needs."""
    try:
        yield
    except StoreUnavailable as error:
        if is_full(error.__cause__):
            raise StoreUnavailable(f"{error.detail} ({NEEDED} are needed)") from error
        raise


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
    clocks = Clocks(wall_us or wall_clock_us, monotonic_s, boot)
    await asyncio.to_thread(check_server, address)
    await asyncio.to_thread(migrate, address)
    ground = _Ground.of(address)
    database, bulletin = ground.database, ground.bulletin
    identity = Identity(node, role, version)
    try:
        with _telling_how_many():
            await ground.connect()
            journal = await open_journal(
                address, clocks, identity, database, bulletin, own_clock=wall_us is not None
            )
    except BaseException:
        await ground.close()
        raise
    history = SqlHistory(
        database,
        ground.scans,
        PostgresqlStorage(database),
        clocks=clocks,
        steady_us=journal.steady_us,
    )
    store = PostgresqlStore(
        journal,
        SqlCatalog(database, clocks=clocks, rules_changed=journal.rules_changed),
        history,
        SqlFigures(database),
        SqlBulkActs(database, clocks=clocks),
        SqlPeople(database, clocks=clocks),
        SqlAlerts(database, clocks=clocks),
        bulletin,
        ground.jobs,
        PostgresqlNodes(database, node),
        ground,
    )
    try:
        bulletin.start()
        await history.begin()
    except BaseException:
        await store.close()
        raise
    return store
