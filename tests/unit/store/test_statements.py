"""Rows in groups: few statements, none of which keeps much of what was bound to it (P24)."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from firesteel.store.sqlite.row_group import RowGroup
from firesteel.store.sqlite.statements import light

Row = tuple[int, bytes]


class Noting(sqlite3.Connection):
    """Notes what it executes."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.ran: list[str] = []

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self.ran.append(sql)
        return super().execute(sql, *values)


def weight(row: Row) -> int:
    return len(row[1])


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [
        ([], []),
        ([1], [1]),
        ([1] * 10, [4, 4, 2]),
        ([200_000, 200_000, 1, 1], [1, 3]),
        ([1, 1_000_000, 1, 1], [1, 1, 2]),
        ([1_000_000, 1_000_000], [1, 1]),
    ],
)
def test_p24_a_group_has_few_rows_and_few_bytes(lengths: list[int], groups: list[int]) -> None:
    rows: list[Row] = [(number, bytes(length)) for number, length in enumerate(lengths)]
    found = list(light(rows, weight, 4))
    assert [len(group) for group in found] == groups
    assert [row for group in found for row in group] == rows


@pytest.mark.parametrize(("length", "statements"), [(1, 1), (50_000, 2), (100_000, 3)])
def test_p24_of_rows_that_become_several_tables_all_that_may_be_long_is_counted(
    length: int, statements: int
) -> None:
    columns = ("no", "request", "body")
    made = "INSERT INTO one VALUES (new.no); INSERT INTO other VALUES (new.request || new.body);"
    group = RowGroup("given", columns, made, long=("request", "body"))
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Noting)
    connection.execute("CREATE TABLE one (no)")
    connection.execute("CREATE TABLE other (value)")
    group.create(connection)
    connection.ran.clear()
    group.insert(connection, [(number, "r" * length, "b" * length) for number in range(3)])
    assert len(connection.ran) == statements
    assert connection.execute("SELECT no FROM one").fetchall() == [(0,), (1,), (2,)]
    lengths = connection.execute("SELECT length(value) FROM other").fetchall()
    assert lengths == [(2 * length,)] * 3
    connection.close()
