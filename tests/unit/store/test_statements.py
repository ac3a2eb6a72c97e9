"""Rows in groups: few statements, none of which keeps much of what was bound to it (P24)."""

from __future__ import annotations

import pytest

from firesteel.store.sqlite.statements import light

Row = tuple[int, bytes]


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
