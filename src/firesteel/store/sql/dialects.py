"""The two dialects of SQL, as the shared statements are compiled for them.

The types' own processors do not run: what is bound are numbers, texts, bytes and booleans.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import FromClause, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import Dialect as Compiling

UpsertingInsert = SqliteInsert | PostgresqlInsert


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One of the two; compared by identity, so statements may be kept by it."""

    name: str
    compiling: Compiling

    def insert(self, table: Table) -> UpsertingInsert:
        """An ``INSERT`` that knows ``ON CONFLICT``."""
        return sqlite_insert(table) if self is SQLITE else postgresql_insert(table)

    def greater(self) -> str:
        """The function that yields the greater of its arguments."""
        return "max" if self is SQLITE else "greatest"


class _SqliteCompiler(SQLiteCompiler):
    """Writes hints, which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


class _SqliteDialect(SQLiteDialect_pysqlite):
    statement_compiler = _SqliteCompiler
    supports_statement_cache = False


class _PostgresqlDialect(PGDialect_psycopg):
    """Binds by ``?::TYPE``; the connection writes ``$1`` for the ``?``."""

    supports_statement_cache = False


SQLITE = Dialect("sqlite", _SqliteDialect(paramstyle="qmark"))
POSTGRESQL = Dialect("postgresql", _PostgresqlDialect(paramstyle="qmark"))  # type: ignore[no-untyped-call]
