"""SQLAlchemy statements as SQL text: compiled once, executed on the raw connection many times.

Compiling is a hundred times the work of executing; the text's identity is also what the
connection's cache of prepared statements goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Delete, Insert, Select, Table, Update, bindparam, delete, literal_column
from sqlalchemy.sql.elements import ColumnElement

from firesteel.errors import InternalError
from firesteel.store.sql.dialects import Dialect

ONE: ColumnElement[Any] = literal_column("1")
ZERO: ColumnElement[Any] = literal_column("0")


class Statements:
    """Makes the statements of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def compiled(
        self,
        statement: Select[Any] | Insert | Update | Delete,
        *names: str,
        columns: list[str] | None = None,
    ) -> str:
        """SQL text whose n-th ``?`` takes the value called ``names[n]``; the names are told again
        so that a statement and the tuples made for it cannot drift apart. ``columns``: of an
        insert, those that are bound by their own names. A ``limit`` needs ``offset(ZERO)``, or
        SQLite's dialect binds one of its own.

        Raises InternalError where the order is another.
        """
        done = statement.compile(dialect=self.dialect.compiling, column_keys=columns)
        order = tuple(done.positiontup or ())
        if order != names:
            raise InternalError(f"statement binds {order}, expected {names}")
        return done.string

    def insert_into(self, table: Table, *columns: str, **fixed: ColumnElement[Any]) -> str:
        """``INSERT`` that binds ``columns`` in the table's order; ``fixed`` are SQL literals."""
        row = self.dialect.insert(table).values(**fixed)
        return self.compiled(row, *columns, columns=list(columns))

    def insert_unless_there(self, table: Table, *columns: str) -> str:
        """``INSERT`` that leaves a row with the same key as it is."""
        row = self.dialect.insert(table).on_conflict_do_nothing()
        return self.compiled(row, *columns, columns=list(columns))

    def insert_or_set(self, table: Table, *columns: str, changed: Sequence[str]) -> str:
        """``INSERT`` that sets the columns ``changed`` of a row with the same key."""
        row = self.dialect.insert(table)
        upsert = row.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={name: row.excluded[name] for name in changed},
        )
        return self.compiled(upsert, *columns, columns=list(columns))

    def delete_from(self, table: Table, *columns: str) -> str:
        """``DELETE`` of the rows whose ``columns`` have the bound values."""
        conditions = [table.c[name] == bindparam(name) for name in columns]
        return self.compiled(delete(table).where(*conditions), *columns)
