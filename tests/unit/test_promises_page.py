"""The page of promises: every one of them has its test where the page says."""

from __future__ import annotations

import re

import pytest

from tests.support.markdown import DOCS, Row, rows

PAGE = DOCS / "explanation" / "promises.md"
ROWS = [row for row in rows(PAGE) if re.fullmatch(r"P\d\d", row.cells[0])]


def test_every_promise_stands_once_and_most_of_them_stand() -> None:
    numbers = [row.cells[0] for row in ROWS]
    assert len(numbers) == len(set(numbers)) > 35


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.cells[0])
def test_the_test_that_a_promise_names_carries_its_number(row: Row) -> None:
    number, _, shown = row.cells
    link = re.search(r"\((\.\./\.\./tests/[\w./]+)\)", shown)
    assert link is not None
    text = (PAGE.parent / link[1]).resolve().read_text()

    assert re.search(rf"def test_\w*{number.lower()}_|\"{number}\"", text), (number, link[1])
