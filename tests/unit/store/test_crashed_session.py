"""What the next session makes of one that did not end: its file is copied while it lives."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from firesteel.errors import StoreUnavailable
from firesteel.store.sqlite import ledger, sessions
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.hand import Hand

DAY_US = 86_400_000_000
WALL_US = 1_800_000_000_000_000


def crashed(path: Path) -> Path:
    """The store as it is on the disk now."""
    copy = path.parent / "crashed"
    copy.mkdir()
    for file in (path, path.with_name(f"{path.name}-wal")):
        shutil.copyfile(file, copy / file.name)
    return copy / path.name


@contextlib.asynccontextmanager
async def opened(
    path: Path,
    *,
    wall_us: Callable[[], int] = lambda: WALL_US,
    monotonic_s: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[tuple[Hand, SqliteStore]]:
    store = await open_store(path, wall_us=wall_us, monotonic_s=monotonic_s)
    try:
        yield Hand(store.journal, store.catalog), store
    finally:
        await store.close()


async def test_numbers_of_a_crashed_session_are_not_given_again_also_beyond_their_first_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_RESERVED", 3)
    path = tmp_path / "firesteel.db"
    async with opened(path) as (hand, store):
        trigger = await hand.trigger()
        for _ in range(3):
            await hand.accept_many(3, trigger)
        claims = await hand.taken(9)
        for claim in claims:
            await hand.settle(claim)
        while await store.history.purge(default_history_s=-3600):
            pass
        copy = crashed(path)
    async with opened(copy) as (hand, _):
        accepted = await hand.accept(trigger)
        assert accepted.execution_no > max(claim.execution_no for claim in claims)


async def test_numbers_are_reserved_in_blocks_and_not_with_every_message(
    tmp_path: Path,
) -> None:
    path = tmp_path / "firesteel.db"
    async with opened(path) as (hand, _):
        trigger = await hand.trigger()
        before = reserved(path)
        await hand.accept_many(3, trigger)
        assert reserved(path) == before
        assert before >= 1000


async def test_what_was_due_moves_with_a_wall_clock_set_back_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "firesteel.db"
    async with opened(path) as (hand, _):
        trigger = await hand.trigger()
        await hand.accept(trigger)
        await hand.postpone((await hand.taken())[0], 30.0)
        copy = crashed(path)
    elapsed = 29.9
    back = opened(copy, wall_us=lambda: WALL_US - DAY_US, monotonic_s=lambda: elapsed - 29.9)
    async with back as (hand, _):
        await hand.accept(trigger)
        assert [claim.attempt for claim in await hand.taken()] == [1]
        elapsed += 29.9
        await hand.accept(trigger)
        assert [claim.attempt for claim in await hand.taken()] == [1]
        elapsed += 0.1
        await hand.accept(trigger)
        assert {claim.attempt for claim in await hand.taken(2)} == {1, 2}


async def test_what_was_due_moves_with_a_wall_clock_set_back_after_a_good_end(
    tmp_path: Path,
) -> None:
    """From the end of the session, however long before it has said that it lives."""
    path = tmp_path / "firesteel.db"
    elapsed = 0.0
    async with opened(path, monotonic_s=lambda: elapsed) as (hand, _):
        trigger = await hand.trigger()
        await hand.accept(trigger)
        elapsed = 100.0
        await hand.postpone((await hand.taken())[0], 30.0)
    elapsed = 0.0
    back = opened(path, wall_us=lambda: WALL_US - DAY_US, monotonic_s=lambda: elapsed)
    async with back as (hand, _):
        elapsed = 29.9
        await hand.accept(trigger)
        assert [claim.attempt for claim in await hand.taken()] == [1]
        elapsed = 30.0
        await hand.accept(trigger)
        assert {claim.attempt for claim in await hand.taken(2)} == {1, 2}


async def test_nothing_moves_where_the_wall_clock_went_on(tmp_path: Path) -> None:
    path = tmp_path / "firesteel.db"
    async with opened(path) as (hand, _):
        trigger = await hand.trigger()
        await hand.accept(trigger)
        await hand.postpone((await hand.taken())[0], 30.0)
        copy = crashed(path)
    elapsed = 0.0
    async with opened(copy, wall_us=lambda: WALL_US + 10_000_000, monotonic_s=lambda: elapsed) as (
        hand,
        _,
    ):
        elapsed = 19.9
        await hand.accept(trigger)
        assert [claim.attempt for claim in await hand.taken()] == [1]
        elapsed = 20.0
        await hand.accept(trigger)
        assert {claim.attempt for claim in await hand.taken(2)} == {1, 2}


async def test_a_lease_is_renewed_from_now_and_only_by_the_session_that_lives(
    tmp_path: Path,
) -> None:
    path = tmp_path / "firesteel.db"
    elapsed = 0.0
    async with opened(path, monotonic_s=lambda: elapsed) as (hand, _):
        elapsed = 7.0
        assert await hand.journal.renew()
        assert lease_until_us(path) == WALL_US + int((7.0 + sessions.LEASE_S) * 1e6)
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE session SET ended_at_us = 1")
            other.commit()
        assert not await hand.journal.renew()


async def test_p14_a_session_that_another_one_has_replaced_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "firesteel.db"
    async with opened(path) as (hand, _):
        trigger = await hand.trigger()
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("INSERT INTO session (started_at_us, lease_until_us) VALUES (1, 2)")
            other.commit()
        with pytest.raises(StoreUnavailable, match="taken over"):
            await hand.accept(trigger)
        assert hand.lost
    assert asked(path, "SELECT count(*) FROM message") == 0


async def test_of_old_sessions_only_the_latest_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_SESSIONS_KEPT", 2)
    path = tmp_path / "firesteel.db"
    for _ in range(5):
        async with opened(path):
            pass
    assert asked(path, "SELECT count(*) FROM session") == 3


def reserved(path: Path) -> int:
    return asked(path, "SELECT max(last_no) FROM session")


def lease_until_us(path: Path) -> int:
    return asked(path, "SELECT max(lease_until_us) FROM session")


def asked(path: Path, sql: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute(sql).fetchone()[0]
        return found
