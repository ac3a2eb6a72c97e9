"""The store that is moved: an SQLite file that no engine works with, read and never written."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import func, select

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store import migrations
from firesteel.store.moving.marker import Identity, stored
from firesteel.store.moving.tables import Key, MovedTable, interrupted, moved_tables
from firesteel.store.schema import execution, session
from firesteel.store.sql.clock import Clocks, SteadyClock, SteadyState
from firesteel.store.sql.queries import Row, execute, fetch_all, fetch_one
from firesteel.store.sqlite.connection import SqliteConnection, StoreLock, open_reader
from firesteel.store.sqlite.safety import is_for_now
from firesteel.store.sqlite.sessions import LEASE_S

KEYS_SETTING = "data_keys"
CHECK_SETTING = "encryption_check"
_CLOCK_SETTING = "steady_clock"

# Every migration since these added tables, or columns that may be empty or have defaults: rows of
# such a store stand in this release's tables as they are.
REVISIONS = ("0001", "0002", "0003", "0006")


class Source:
    """The file, read in one transaction."""

    def __init__(self, connection: SqliteConnection) -> None:
        self.connection = connection
        self.tables = tuple(self._tables())

    @classmethod
    @contextlib.contextmanager
    def held(cls, path: Path) -> Iterator[Source]:
        """The store of the file, whose lock is held meanwhile: no engine can start on it.

        Raises OperatorError ``store_not_found``, ``store_in_use``, ``store_newer``,
        ``store_unreadable``, StoreUnavailable where the disk does not give it, and what
        ``StoreLock.take`` raises.
        """
        if not path.is_file():
            raise OperatorError(
                "there is no such file to move a store from", code="store_not_found"
            )
        lock = StoreLock(path)
        lock.take()
        try:
            with reading(), contextlib.closing(open_reader(path)) as connection:
                connection.execute("BEGIN")
                _check_revision(connection)
                yield cls(connection)
        finally:
            lock.release()

    def identity(self) -> Identity:
        """See ``Identity``."""
        last = self._last_session()
        no, started_at_us, lease_until_us = (0, 0, 0) if last is None else last[:3]
        check = stored(self.connection, KEYS_SETTING) or stored(self.connection, CHECK_SETTING)
        return Identity(check, no, started_at_us, lease_until_us)

    def steady_us(self, clocks: Clocks) -> int:
        """What the next engine's steady clock would show now: it goes on from the last one's where
        the machine was not started anew. Where it was, and the wall clock stands before the last
        session's end, it goes on from there, as ``Sessions.begin`` moves what is due."""
        clock = SteadyClock(clocks)
        saved = stored(self.connection, _CLOCK_SETTING)
        if saved is not None:
            clock.go_on_from(msgspec.json.decode(saved, type=SteadyState))
        last = self._last_session()
        if last is None:
            return clock.now_us()
        _, _, lease_until_us, ended_at_us = last
        seen_us = lease_until_us - int(LEASE_S * 1e6) if ended_at_us is None else ended_at_us
        return max(clock.now_us(), int(seen_us))

    def last_no(self) -> int:
        """No message or execution has had a higher number."""
        highest = fetch_one(self.connection, select(func.max(execution.c.no)))
        given = fetch_one(self.connection, select(func.max(session.c.last_no)))
        return max((row[0] or 0 for row in (highest, given) if row is not None), default=0)

    def count(self, moved: MovedTable) -> int:
        """Rows that are to be moved."""
        counted = select(func.count()).select_from(moved.rows(0).subquery())
        row = fetch_one(self.connection, counted)
        return 0 if row is None else int(row[0])

    def rows(self, moved: MovedTable, shift_us: int, after: Key | None) -> Iterator[Row]:
        """As ``MovedTable.rows_after``; one at a time, however many and large they are."""
        return iter(execute(self.connection, moved.rows_after(shift_us, after)))

    def interrupted(self, after_no: int, until_no: int, moved_at_us: int) -> list[Row]:
        """As ``tables.interrupted``; no more than one engine had slots."""
        return fetch_all(self.connection, interrupted(after_no, until_no, moved_at_us))

    def _last_session(self) -> Row | None:
        s = session.c
        columns = (s.no, s.started_at_us, s.lease_until_us, s.ended_at_us)
        return fetch_one(self.connection, select(*columns).order_by(s.no.desc()))

    def _tables(self) -> Iterator[MovedTable]:
        """Those that the file has."""
        for table in moved_tables():
            rows: list[Any] = self.connection.execute(
                "SELECT name FROM pragma_table_info(?)", (table.name,)
            ).fetchall()
            if rows:
                yield MovedTable.of(table, {name for (name,) in rows})


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Turns errors of reading the file into those that operators know."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_for_now(error):
            name = error.sqlite_errorname
            raise StoreUnavailable(f"the store's file cannot be read now: {name}") from error
        raise OperatorError(
            "the store's file is damaged or is no SQLite database", code="store_unreadable"
        ) from error


def _check_revision(connection: SqliteConnection) -> None:
    found = migrations.revision(connection)
    if found is None:
        raise OperatorError("the file holds no store of Firesteel", code="store_unreadable")
    if found not in (*REVISIONS, migrations.HEAD):
        raise OperatorError(
            "the store was written by a newer release of Firesteel", code="store_newer"
        )
