"""Rows that go to SQLite together, in one statement, whatever tables they are written to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from firesteel.store.sqlite.statements import light

_GROUP: Final = 64


class RowGroup:
    """Rows of one shape that go to SQLite together, whatever they become there: they are inserted
    into a view of this connection, and its trigger writes all of their tables.

    A group of up to 64 rows is one statement however many tables it touches. That costs the thread
    no less time (17 us a message either way), but each statement gives the interpreter's lock away
    three times and must win it back from a busy event loop: beside one, a commit of 64 messages
    takes 55 us a message instead of 97 (decision 0013).
    """

    def __init__(
        self, name: str, columns: Sequence[str], trigger: str, *, long: Sequence[str]
    ) -> None:
        """``trigger``: statements that find the row's values as ``new.<column>``. ``long``: the
        two columns whose values may be long."""
        first, second = (columns.index(column) for column in long)
        self._weight = lambda row: len(row[first]) + len(row[second])
        nothing = ", ".join(f"NULL AS {column}" for column in columns)
        self._view = f"CREATE TEMP VIEW {name} AS SELECT {nothing}"
        self._trigger = (
            f"CREATE TEMP TRIGGER {name}_row INSTEAD OF INSERT ON {name} BEGIN {trigger} END"
        )
        self._insert = f"INSERT INTO {name} VALUES "  # noqa: S608  # a name of ours, bound values
        self._row = f"({', '.join('?' * len(columns))})"

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the view and its trigger, which last as long as the connection."""
        connection.execute(self._view)
        connection.execute(self._trigger)

    def insert(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write all rows; each as long as ``columns``."""
        for group in light(rows, self._weight, _GROUP):
            connection.execute(self._of(len(group)), (*chain.from_iterable(group),))

    @lru_cache(maxsize=_GROUP)  # noqa: B019  # lives as long as the process, like the group
    def _of(self, count: int) -> str:
        return self._insert + ", ".join([self._row] * count)
