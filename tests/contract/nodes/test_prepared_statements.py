"""Statements that a connection prepares stay usable, whatever becomes of the transactions."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from firesteel.store.postgresql.connection import (
    Address,
    PostgresqlConnection,
    Session,
    connect,
)
from firesteel.store.postgresql.database import PostgresqlReading
from firesteel.store.sql.database import Connection

OFTEN = 6
"""More often than a statement is run before it is prepared."""


@pytest.fixture
def connection(store_url: str) -> Iterator[PostgresqlConnection]:
    made = connect(Address(store_url), Session(10.0))
    yield made
    made.close()


def run(connection: PostgresqlConnection, *, fails: bool) -> None:
    """A transaction in one journey; where it fails, what follows in it is never looked at."""
    try:
        with connection.raw.pipeline():
            connection.raw.execute(b"BEGIN", prepare=False)
            if fails:
                connection.command("SELECT 1 / 0")
            connection.execute("SELECT ?::BIGINT", (1,))
            connection.committing()
    except psycopg.errors.DivisionByZero:
        connection.rollback()


@pytest.mark.parametrize("before", range(OFTEN))
def test_a_statement_that_was_to_be_prepared_when_its_journey_failed_is_prepared_later(
    connection: PostgresqlConnection, before: int
) -> None:
    connection.rollback()
    for _ in range(before):
        run(connection, fails=False)
    run(connection, fails=True)
    run(connection, fails=True)
    for _ in range(OFTEN):
        run(connection, fails=False)


async def test_reads_keep_what_is_prepared(store_url: str) -> None:
    reading = PostgresqlReading(Address(store_url), 1)

    def prepared(connection: Connection) -> int:
        rows = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchall()
        return int(rows[0][0])

    try:
        counts = [await reading.read(prepared) for _ in range(2 * OFTEN)]
    finally:
        await reading.close()
    assert counts[-1] >= 1
    assert counts == sorted(counts)
