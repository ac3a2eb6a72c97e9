"""What the pen of the store on PostgreSQL sends: statements of a bounded size, no row twice."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from firesteel.errors import InternalError
from firesteel.store.postgresql import arrays
from firesteel.store.postgresql.pen import PostgresqlPen, meaning


class Statements:
    """In the place of a connection: the values of each statement."""

    def __init__(self) -> None:
        self.values: list[tuple[Any, ...]] = []

    def execute(self, _text: str, values: tuple[Any, ...]) -> None:
        self.values.append(values)


@pytest.fixture
def sent() -> Statements:
    return Statements()


@pytest.fixture
def pen(sent: Statements) -> PostgresqlPen:
    made = PostgresqlPen()
    made.connect(sent)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("lengths", [(3, 1), (1, 3)])
def test_what_is_long_together_goes_in_several_statements(
    pen: PostgresqlPen, sent: Statements, monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, int]
) -> None:
    """Of three rows of four bytes each has its own, where a statement may have seven."""
    monkeypatch.setattr(arrays, "_BYTES_AT_ONCE", 7)
    first, second = (b"x" * length for length in lengths)
    message = (1, "id", 1, 1, 1, None, None, first, second, 1, "waiting", True, None, 0)
    pen.accept([(*message, None, None, None)] * 3)
    assert len(sent.values) == 3
    pen.settle([(1, 1, "failed", 1, b"", None, None, first, second, "", "")] * 3)
    assert len(sent.values) == 6
    pen.journal([(1, "step", "sql", 1, 1, 1, first, second)] * 3)
    assert len(sent.values) == 9


def test_the_last_word_on_a_lane_is_the_transactions(pen: PostgresqlPen, sent: Statements) -> None:
    pen.stop_lanes([(1, "a", 5, 10), (1, "b", 6, 11), (1, "a", 7, 12)])
    assert sent.values == [("{1,1}", '{"a","b"}', "{7,6}", "{12,11}")]


def test_a_row_that_is_not_as_remembered_is_told_from_what_else_fails() -> None:
    missing, other = psycopg.errors.DivisionByZero(), psycopg.errors.UniqueViolation()
    told = meaning(missing)
    assert isinstance(told, InternalError)
    assert told.__cause__ is missing
    assert meaning(other) is other
