"""A store as the machine holds it: opened, ended in good order, or crashed, on a clock of its own.

Another adapter joins by a class of the same shape.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import psycopg

from firesteel.store.postgresql import store as postgresql_store
from firesteel.store.postgresql.store import PostgresqlStore
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.contract.conftest import Store
from tests.property.journal_rules import Clock
from tests.support.counts import miscounted
from tests.support.empty_store import copy_empty_store, temporary_folder
from tests.support.postgres import Postgres


class StoreUnderTest(Protocol):
    """One store through several sessions."""

    async def open(self, clock: Clock) -> Store:
        """A new session."""
        ...

    async def end(self) -> None:
        """The session ends in good order."""
        ...

    async def crash(self) -> None:
        """The session ends without a word."""
        ...

    def remove(self) -> None:
        """Nothing is left of it."""
        ...


class SqliteUnderTest:
    """A file in memory, where the system has such a place."""

    def __init__(self) -> None:
        self._folder = temporary_folder()
        copy_empty_store(self._path)
        self._store: SqliteStore

    @property
    def _path(self) -> Path:
        return Path(self._folder.name) / "firesteel.db"

    async def open(self, clock: Clock) -> Store:
        """See ``StoreUnderTest``."""
        self._store = await open_store(
            self._path, wall_us=clock.wall_us, monotonic_s=clock.monotonic_s
        )
        return self._store

    async def end(self) -> None:
        """See ``StoreUnderTest``."""
        await self._store.close()

    async def crash(self) -> None:
        """The writer's thread ends as with its process: what was committed is all there is."""
        ledger = self._store.journal._ledger
        ledger.close = lambda: None  # type: ignore[method-assign]
        await self._store.close()

    def remove(self) -> None:
        """See ``StoreUnderTest``."""
        self._folder.cleanup()


class PostgresqlUnderTest:
    """A database of its own, a copy of an empty store. ``server`` and ``template`` are set by
    whoever plays."""

    server: Postgres
    template: str

    def __init__(self) -> None:
        self._made = ExitStack()
        self._url = self._made.enter_context(self.server.database(template=self.template))
        connection = psycopg.connect(self._url.replace("+psycopg", ""), autocommit=True)
        self._connection = self._made.enter_context(connection)
        self._store: PostgresqlStore

    def miscounted(self) -> list[Any]:
        """Triggers whose rows count other than their executions are."""
        return miscounted(self._connection)

    async def open(self, clock: Clock) -> Store:
        """See ``StoreUnderTest``."""
        self._store = await postgresql_store.open_store(
            self._url, node="one", wall_us=clock.wall_us, monotonic_s=clock.monotonic_s
        )
        return self._store

    async def end(self) -> None:
        """See ``StoreUnderTest``."""
        await self._store.close()

    async def crash(self) -> None:
        """The session's row says that it lives; the next one of the node knows better."""
        sessions = self._store.journal._ledger.sessions
        sessions.end = lambda: None  # type: ignore[method-assign]
        await self._store.close()

    def remove(self) -> None:
        """See ``StoreUnderTest``."""
        self._made.close()
