"""Reads beside the writer: who asks is not left to wait, whatever the query or the disk does."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.errors import StoreUnavailable
from firesteel.store.sqlite.readers import Readers

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
async def readers(tmp_path: Path) -> AsyncIterator[Readers]:
    sqlite3.connect(tmp_path / "store.db").close()
    readers = Readers(tmp_path / "store.db", threads=1)
    yield readers
    await readers.close()


def one(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("SELECT 1").fetchone()
    return int(found)


def endless(connection: sqlite3.Connection) -> None:
    connection.execute(ENDLESS).fetchone()


async def test_p04_a_read_that_takes_too_long_is_ended_and_frees_its_connection(
    readers: Readers,
) -> None:
    with pytest.raises(StoreUnavailable, match="in time"):
        await readers.read(endless, timeout_s=0.05)
    assert await readers.read(one) == 1


async def test_p04_a_read_behind_such_a_one_is_given_up_in_its_own_time(readers: Readers) -> None:
    told = await asyncio.gather(
        readers.read(endless, timeout_s=0.2),
        readers.read(one, timeout_s=0.1),
        return_exceptions=True,
    )
    assert [type(error) for error in told] == [StoreUnavailable, StoreUnavailable]
    assert await readers.read(one) == 1


async def test_p04_a_read_that_meets_what_sqlite_takes_for_damage_is_no_defect(
    tmp_path: Path,
) -> None:
    """A read that fails with EIO is told so: https://sqlite.org/rescode.html#ioerr_corruptfs."""
    store = tmp_path / "store.db"
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (zeroblob(100))")
        connection.commit()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    with store.open("r+b") as file:
        file.seek(page_bytes)
        file.write(b"\xff" * page_bytes)
    readers = Readers(store)
    with pytest.raises(StoreUnavailable, match="cannot be read now"):
        await readers.read(lambda connection: connection.execute("SELECT a FROM t").fetchall())
    await readers.close()


async def test_p04_a_store_that_cannot_be_read_is_unavailable_and_no_defect(
    tmp_path: Path,
) -> None:
    readers = Readers(tmp_path / "nowhere" / "store.db")
    with pytest.raises(StoreUnavailable, match="cannot be read now"):
        await readers.read(one)
    await readers.close()
