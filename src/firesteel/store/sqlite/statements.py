"""The hot path's statements on SQLite: compiled for it, and run for many rows at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import insert

from firesteel.errors import InternalError
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.statements import Statements

_of_sqlite = Statements(SQLITE)
compiled = _of_sqlite.compiled
insert_into = _of_sqlite.insert_into
insert_unless_there = _of_sqlite.insert_unless_there
insert_or_set = _of_sqlite.insert_or_set
delete_from = _of_sqlite.delete_from


# Rows in one statement: sizes that make two or three statements of any group, but few to prepare.
_AT_ONCE = (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)


# Bytes in one statement, where it has several rows. The connection keeps prepared statements with
# what was last bound to them: one for each number of rows, and each with all that they held.
_BYTES_AT_ONCE = 256 * 1024


def light(
    rows: Sequence[tuple[Any, ...]], weight: Callable[[tuple[Any, ...]], int], most: int
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Cut into groups of ``most`` rows that are not too long together; ``weight``: the length of a
    row in bytes, of what may be long in it. A long one is a group of its own."""
    start, size_bytes = 0, 0
    for at, row in enumerate(rows):
        row_bytes = weight(row)
        size_bytes += row_bytes
        if at > start and (at - start == most or size_bytes > _BYTES_AT_ONCE):
            yield rows[start:at]
            start, size_bytes = at, row_bytes
    if rows:
        yield rows[start:]


def _weight(row: tuple[Any, ...]) -> int:
    return sum([len(value) for value in row if isinstance(value, bytes | str)])


def insert_rows(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert all rows with few statements. ``executemany`` would give the interpreter away and
    wait for it again with every row, while the event loop wants it too."""
    for group in light(rows, _weight, len(rows)):
        done, count = 0, len(group)
        for size in _AT_ONCE:
            while count - done >= size:
                values = group[done] if size == 1 else (*chain(*group[done : done + size]),)
                connection.execute(_of_rows(statement, size), values)
                done += size


def update_rows(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]
) -> int:
    """Run an UPDATE of one row for all rows, with few statements; how many rows it changed."""
    done, count, changed = 0, len(rows), 0
    for size in _AT_ONCE:
        while count - done >= size:
            if size == 1:
                changed += connection.execute(statement, rows[done]).rowcount
            else:
                values = (*chain(*rows[done : done + size]),)
                text = _of_updates(statement, size, len(rows[done]))
                changed += connection.execute(text, values).rowcount
            done += size
    return changed


@lru_cache(maxsize=256)
def _of_updates(statement: str, count: int, width: int) -> str:
    """An UPDATE of one row as an UPDATE from a list of values."""
    parts = statement.split("?")
    if len(parts) != width + 1 or statement.count(" WHERE ") != 1:
        raise InternalError("this UPDATE cannot be repeated")
    named = "".join(f"{part}v.column{number}" for number, part in enumerate(parts[:-1], start=1))
    row = f"({', '.join('?' * width)})"
    source = f" FROM (VALUES {', '.join([row] * count)}) AS v WHERE "
    return (named + parts[-1]).replace(" WHERE ", source)


@lru_cache(maxsize=256)
def _of_rows(statement: str, count: int) -> str:
    """An INSERT of one row as an INSERT of several."""
    head, values, rest = statement.partition(" VALUES (")
    row, closing, tail = rest.partition(")")
    if not (values and closing) or "(" in row:
        raise InternalError("this INSERT cannot be repeated")
    return head + " VALUES " + ", ".join([f"({row})"] * count) + tail


def insert_or_replace(table: Table, *columns: str) -> str:
    """``INSERT`` that takes the place of a row with the same key."""
    return compiled(insert(table).prefix_with("OR REPLACE"), *columns, columns=list(columns))
