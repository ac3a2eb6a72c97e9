"""Texts and bytes come back from PostgreSQL as they went in, whatever they hold (P05)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firesteel.store.postgresql.connection import (
    Address,
    PostgresqlConnection,
    Session,
    connect,
)
from firesteel.store.postgresql.texts import escaped, unescaped
from tests.conftest import Size

# Every character that UTF-8 can hold, the two that are escaped more often than others.
CHARACTERS = st.one_of(st.sampled_from("\0\ue00001"), st.characters(exclude_categories=["Cs"]))
TEXTS = st.text(CHARACTERS, max_size=30)


@pytest.fixture(scope="module")
def connection(request: pytest.FixtureRequest) -> Iterator[PostgresqlConnection]:
    postgres = request.getfixturevalue("postgres")
    with postgres.database() as url:
        opened = connect(Address(url), Session(None))
        opened.command("CREATE TABLE kept (no BIGINT PRIMARY KEY, words TEXT, body BYTEA)")
        yield opened
        opened.close()


@given(TEXTS)
def test_a_text_has_one_spelling_without_nul(text: str) -> None:
    assert "\0" not in escaped(text)
    assert unescaped(escaped(text)) == text


@given(TEXTS, TEXTS)
def test_texts_are_equal_when_their_spellings_are(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)


def test_what_is_bound_or_copied_comes_back_and_is_found(
    connection: PostgresqlConnection, size: Size
) -> None:
    @settings(
        max_examples=150 if size == "quick" else 20_000,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(st.tuples(TEXTS, st.binary(max_size=40)), min_size=3, max_size=3))
    def check(rows: list[tuple[str, bytes]]) -> None:
        connection.execute("DELETE FROM kept")
        (bound, copied, packed) = rows
        connection.execute("INSERT INTO kept VALUES (?, ?, ?)", (1, *bound))
        with connection.raw.cursor().copy("COPY kept FROM STDIN") as copy:
            copy.write_row((2, *copied))
        with connection.raw.cursor().copy("COPY kept FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "text", "bytea"])
            copy.write_row((3, *packed))
        kept = connection.execute("SELECT words, body FROM kept ORDER BY no").fetchall()
        assert [(words, bytes(body)) for words, body in kept] == rows
        for words, body in rows:
            found = connection.execute(
                "SELECT count(*) FROM kept WHERE words = ANY(?::TEXT[]) AND body = ?",
                ([words, "other"], body),
            ).fetchall()
            assert found[0][0] >= 1

    check()
