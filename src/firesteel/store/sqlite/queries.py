"""Rare statements, compiled when they are asked: the catalog's changes and people's searches.

The hot path has its statements compiled once (``statements``); here a tenth of a millisecond buys
conditions that are put together as they are needed.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Delete, FromClause, Insert, Select, Update
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.selectable import CompoundSelect

Row = tuple[Any, ...]
Statement = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete


class _Compiler(SQLiteCompiler):
    """Writes hints, which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


class _Dialect(SQLiteDialect_pysqlite):
    """The types' own processors do not run: what is bound are numbers, texts, bytes, booleans."""

    statement_compiler = _Compiler
    supports_statement_cache = False


_DIALECT = _Dialect(paramstyle="qmark")


@dataclass(frozen=True, slots=True)
class Prepared:
    """SQL text and the values that it binds, in order; to be run any number of times."""

    text: str
    names: tuple[str, ...]
    values: dict[str, Any]

    @classmethod
    def of(cls, statement: Statement) -> Prepared:
        """Compile a statement; lists in ``IN`` are written out."""
        done = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        return cls(done.string, tuple(done.positiontup or ()), dict(done.params))

    def bound(self, **given: Any) -> list[Any]:
        """The values in order, with those ``given`` for parameters that had none."""
        values = {**self.values, **given}
        return [values[name] for name in self.names]

    def run(self, connection: sqlite3.Connection, **given: Any) -> sqlite3.Cursor:
        """The cursor has its rows as tuples."""
        return connection.execute(self.text, self.bound(**given))


def execute(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
    """Run the statement once."""
    return Prepared.of(statement).run(connection)


def fetch_all(connection: sqlite3.Connection, statement: Statement) -> list[Row]:
    """All rows."""
    return execute(connection, statement).fetchall()


def fetch_one(connection: sqlite3.Connection, statement: Statement) -> Row | None:
    """The first row, or None."""
    row: Row | None = execute(connection, statement).fetchone()
    return row
