"""Moves of stores, and every row of both sides as Python values."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Boolean, Table

from firesteel.store.moving.move import Moved, move
from firesteel.store.postgresql.connection import Address, Session, connect
from firesteel.store.schema import metadata
from firesteel.store.sql.clock import Clocks, boot_id
from firesteel.store.sqlite.store import open_store
from tests.support.full_store import apart

CLOCKS = Clocks(lambda: time.time_ns() // 1000, time.monotonic, boot_id())
TABLES = [table for table in metadata.sorted_tables if table.name not in ("session", "setting")]

Rows = dict[str, list[tuple[Any, ...]]]


class Watch:
    """Implements ``move.Watching``: remembers what it was told; ``at_end`` runs when all rows are
    there and nothing is compared yet."""

    def __init__(self, at_end: Any = lambda: None) -> None:
        self.resumed = False
        self.there: dict[str, int] = {}
        self.told: list[tuple[str, int]] = []
        self._at_end = at_end

    def begun(self, rows: dict[str, int], there: dict[str, int], *, resumed: bool) -> None:
        self.resumed, self.there = resumed, there

    def copied(self, table: str, rows: int) -> None:
        self.told.append((table, rows))

    def comparing(self) -> None:
        self._at_end()


def moved(file: Path, url: str, watch: Watch | None = None) -> Moved:
    """Move the file's store."""
    watch = watch or Watch()
    return move(file, url, clocks=CLOCKS, watching=watch, check_key=lambda stored: None)


def in_the_file(file: Path) -> Rows:
    """All rows but sessions and settings; flags as booleans."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        return {table.name: _rows(connection, table) for table in TABLES}


def in_postgresql(url: str) -> Rows:
    """As ``in_the_file``, and as nodes see them."""
    with contextlib.closing(connect(Address(url), Session(None))) as connection:
        return {table.name: _rows(connection, table) for table in TABLES}


def asked(url: str, statement: str) -> Any:
    """What the database answers first, None where it answers nothing; committed."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


def _rows(connection: Any, table: Table) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    flags = [isinstance(column.type, Boolean) for column in table.columns]
    rows = [
        tuple(bool(value) if flag else value for value, flag in zip(row, flags, strict=True))
        for row in connection.execute(f'SELECT {names} FROM "{table.name}"')
    ]
    return sorted(rows, key=repr)


def copied(file: Path, folder: Path) -> Path:
    """A copy of the file and its log, in a folder that is made."""
    folder.mkdir()
    for part in (file, file.with_name(f"{file.name}-wal")):
        shutil.copyfile(part, folder / part.name)
    return folder / file.name


def as_recovered(file: Path, folder: Path) -> Rows:
    """What an engine makes of a copy of the file at its start."""
    copy = copied(file, folder)

    async def recover() -> None:
        store = await open_store(copy, boot=boot_id())
        await store.journal.recover()
        await store.close()

    apart(recover())
    return in_the_file(copy)


def _shifted(table: str, rows: list[Any], shift_us: int) -> list[Any]:
    names = metadata.tables[table].columns.keys()
    told_so = {"due_at_us", "first_started_at_us"} if table == "execution" else {"expires_at_us"}
    return sorted(
        (
            tuple(
                value + shift_us if name in told_so and value is not None else value
                for name, value in zip(names, row, strict=True)
            )
            for row in rows
        ),
        key=repr,
    )


def _without(rows: list[Any], table: str, column: str) -> list[Any]:
    place = metadata.tables[table].columns.keys().index(column)
    return [row[:place] + row[place + 1 :] for row in rows]


def assert_same(found: Rows, wanted: Rows, shift_us: int) -> None:
    """All of it, but for what is the target's own. ``shift_us``: between the clocks of the two."""
    for table in ("execution", "idempotency"):
        wanted[table] = _shifted(table, wanted[table], shift_us)
    for rows in (wanted, found):
        rows["attempt"] = _without(rows["attempt"], "attempt", "ended_at_us")
        rows["integration"] = _without(rows["integration"], "integration", "waiting")
    assert found == wanted
