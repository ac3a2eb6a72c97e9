"""Rare statements, compiled when they are asked: the catalog's changes and people's searches.

The hot path has its statements compiled once (``statements``); here a tenth of a millisecond buys
conditions that are put together as they are needed.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.selectable import CompoundSelect

Statement = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete

# The types' own processors do not run: what is bound are numbers, texts, bytes and booleans.
_DIALECT = sqlite.dialect(paramstyle="qmark")


def text_of(statement: Statement) -> tuple[str, list[Any]]:
    """The SQL text and its values in order."""
    done = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return done.string, [done.params[name] for name in done.positiontup or ()]


def execute(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
    """Run the statement; the cursor has its rows as tuples."""
    return connection.execute(*text_of(statement))


def fetch_all(connection: sqlite3.Connection, statement: Statement) -> list[tuple[Any, ...]]:
    """All rows."""
    return execute(connection, statement).fetchall()


def fetch_one(connection: sqlite3.Connection, statement: Statement) -> tuple[Any, ...] | None:
    """The first row, or None."""
    row: tuple[Any, ...] | None = execute(connection, statement).fetchone()
    return row
