"""Rare statements, compiled when they are asked: the catalog's changes and people's searches.

The hot path has its statements compiled once (``statements``); here a tenth of a millisecond buys
conditions that are put together as they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update
from sqlalchemy.sql.selectable import CompoundSelect

from firesteel.store.sql.database import Connection, Cursor
from firesteel.store.sql.dialects import Dialect

Row = tuple[Any, ...]
Statement = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class Prepared:
    """SQL text and the values that it binds, in order; to be run any number of times."""

    text: str
    names: tuple[str, ...]
    values: dict[str, Any]

    @classmethod
    def of(cls, statement: Statement, dialect: Dialect) -> Prepared:
        """Compile a statement; lists in ``IN`` are written out."""
        done = statement.compile(
            dialect=dialect.compiling, compile_kwargs={"render_postcompile": True}
        )
        return cls(done.string, tuple(done.positiontup or ()), dict(done.params))

    def bound(self, **given: Any) -> list[Any]:
        """The values in order, with those ``given`` for parameters that had none."""
        values = {**self.values, **given}
        return [values[name] for name in self.names]

    def run(self, connection: Connection, **given: Any) -> Cursor:
        """The cursor has its rows as tuples."""
        return connection.execute(self.text, self.bound(**given))


def execute(connection: Connection, statement: Statement) -> Cursor:
    """Run the statement once."""
    return Prepared.of(statement, connection.dialect).run(connection)


def insert_numbered(connection: Connection, row: Insert) -> int:
    """Insert a row; the number (``no``) that the database gave it."""
    number = execute(connection, row.returning(row.table.c.no)).fetchone()[0]
    return int(number)


def fetch_all(connection: Connection, statement: Statement) -> list[Row]:
    """All rows."""
    return execute(connection, statement).fetchall()


def fetch_one(connection: Connection, statement: Statement) -> Row | None:
    """The first row, or None."""
    row: Row | None = execute(connection, statement).fetchone()
    return row
