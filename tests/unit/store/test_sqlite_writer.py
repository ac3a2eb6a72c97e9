"""The writer's thread: what fails fails alone, and nothing is said to be stored that is not."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from firesteel.errors import (
    CallerError,
    InternalError,
    OperatorError,
    OutcomeUnknown,
    StoreUnavailable,
)
from firesteel.store.journal import Accepted
from firesteel.store.ledger import mirror
from firesteel.store.migrations import PAGE_BYTES, migrate
from firesteel.store.sql.clock import Clocks
from firesteel.store.sqlite.journal import open_journal
from firesteel.store.sqlite.ledger import JournalLedger
from firesteel.store.sqlite.store import SqliteStore, open_store
from firesteel.store.sqlite.writer import Writer
from tests.support.empty_store import copy_empty_store
from tests.support.hand import ADA, GONE, Hand


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    copy_empty_store(tmp_path / "store.db")
    store = await open_store(tmp_path / "store.db")
    yield store
    await store.close()


@pytest.fixture
def hand(store: SqliteStore) -> Hand:
    return Hand(store.journal, store.catalog)


def add_setting(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO setting VALUES ('name', 'value')")


# --- work for the writer ------------------------------------------------------------------------


async def test_work_that_fails_is_undone_and_its_neighbours_are_not(
    store: SqliteStore, hand: Hand
) -> None:
    trigger = await hand.trigger()

    def work(connection: sqlite3.Connection) -> None:
        add_setting(connection)
        raise CallerError("no", code="label_taken")

    before = store.journal.append(hand.new(trigger))
    failing = store.journal.writer.submit(work)
    after = store.journal.append(hand.new(trigger))
    with pytest.raises(CallerError, match="no"):
        await failing
    assert [(await before).sequence, (await after).sequence] == [1, 2]  # type: ignore[union-attr]
    assert await store.catalog.setting("name") is None
    assert len(await hand.taken(2)) == 2


async def test_work_sees_all_that_was_put_before_it(store: SqliteStore, hand: Hand) -> None:
    trigger = await hand.trigger()
    store.journal.append(hand.new(trigger))
    counted = store.journal.writer.submit(
        lambda connection: connection.execute("SELECT count(*) FROM message").fetchone()[0]
    )
    assert await counted == 1


async def test_a_defect_of_one_command_fails_that_command_only(
    store: SqliteStore, hand: Hand
) -> None:
    trigger = await hand.trigger()
    first = hand.new(trigger)
    calls = [store.journal.append(new) for new in (first, first, hand.new(trigger))]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[1], InternalError)
    assert [r.sequence for r in results if isinstance(r, Accepted)] == [1, 2]
    assert len(await hand.taken(2)) == 2
    assert (await store.journal.counts(trigger)).accepted == 2


async def test_p09_calls_that_follow_the_end_of_a_lanes_head_are_not_rolled_back(
    store: SqliteStore, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger, "a")
    (head,) = await hand.taken()
    await hand.postpone(head, 3600)
    undone: list[Exception] = []
    undo = Writer._undo

    def noted(self: Writer, commands: list[Any], error: Exception) -> bool:
        undone.append(error)
        return undo(self, commands, error)

    monkeypatch.setattr(Writer, "_undo", noted)
    cancelled = hand.journal.cancel(head.execution_no, ADA, GONE)
    calls = [hand.journal.append(hand.new(trigger, "a")) for _ in range(2)]
    assert (await cancelled).changed
    await asyncio.gather(*calls)
    assert undone == []
    assert [claim.message.sequence for claim in hand.claims] == [2]
    await hand.settle(hand.claims.pop())
    assert (await hand.taken())[0].message.sequence == 3


# --- disk, queue, lock --------------------------------------------------------------------------


async def test_p04_what_sqlite_takes_for_damage_refuses_calls_and_is_no_defect_of_theirs(
    store: SqliteStore, hand: Hand, tmp_path: Path
) -> None:
    """A read that fails with EIO is told so: https://sqlite.org/rescode.html#ioerr_corruptfs."""
    trigger = await hand.trigger()
    await hand.accept(trigger)
    writer = store.journal.writer
    await writer.submit(lambda connection: connection.execute("PRAGMA shrink_memory"))
    for name in ("store.db", "store.db-wal"):
        damage(tmp_path / name)
    with pytest.raises((StoreUnavailable, OutcomeUnknown)):
        await writer.submit(
            lambda connection: connection.execute("SELECT * FROM payload").fetchall()
        )
    with pytest.raises(StoreUnavailable):
        await hand.accept(trigger)


def damage(file: Path) -> None:
    """All but its first page."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(PAGE_BYTES)
        opened.write(b"\xff" * max(size - PAGE_BYTES, 0))


async def test_p04_a_full_disk_refuses_calls_and_accepting_resumes_by_itself(
    store: SqliteStore, hand: Hand
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)

    def limit(pages: int) -> object:
        return store.journal.writer.submit(
            lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        )

    await limit(1)  # type: ignore[misc]  # SQLite makes it the pages that there are
    with pytest.raises(StoreUnavailable):
        await store.journal.append(hand.new(trigger, body=bytes(1_000_000)))
    assert hand.lost == []
    await limit(1_000_000)  # type: ignore[misc]
    assert (await hand.accept(trigger)).sequence == 2
    assert [claim.message.sequence for claim in await hand.taken(2)] == [1, 2]


async def test_a_store_whose_tables_cannot_be_believed_is_lost_and_nobody_waits_for_it(
    store: SqliteStore, hand: Hand
) -> None:
    trigger = await hand.trigger()
    await store.journal.writer.submit(
        lambda connection: (
            connection.execute(
                "INSERT INTO execution (no, message_no, run, trigger_no, version_no, position,"
                " state, turn) VALUES (999, 999, 1, 999, 1, 999, 'waiting', 1)"
            ).rowcount
        )
    )
    first = hand.new(trigger)
    calls = [store.journal.append(new) for new in (first, first)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [OutcomeUnknown, OutcomeUnknown]
    assert [type(error) for error in hand.lost] == [KeyError]
    with pytest.raises(StoreUnavailable):
        await store.journal.append(hand.new(trigger))


class _NotedWaits(SimpleQueue[Any]):
    """The writer's queue; keeps how long each wait for a command was to be."""

    def __init__(self, enough: int) -> None:
        self.timeouts: list[float | None] = []
        self.had_enough = threading.Event()
        self._enough = enough

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self.timeouts.append(timeout)
        if len(self.timeouts) == self._enough:
            self.had_enough.set()
        return super().get(block, timeout)


class _FullDisk(JournalLedger):
    """A retry is always due; while ``full``, its transaction fails as on a full disk."""

    full = True

    def begin(self) -> None:
        super().begin()
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")

    def wake_in_s(self) -> float | None:
        return 0.0 if self.full else None


async def test_retries_that_are_due_on_a_full_disk_are_tried_ever_more_rarely(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    migrate(path)
    ledger = _FullDisk(Clocks(lambda: 0, lambda: 0.0))
    writer = Writer(path, ledger)
    waits = writer._queue = _NotedWaits(enough=4)
    await writer.start()
    await asyncio.to_thread(waits.had_enough.wait)
    assert waits.timeouts == [0.0, 0.1, 0.2, 0.4]
    with pytest.raises(StoreUnavailable):
        await writer.submit(add_setting)
    ledger.full = False
    await writer.submit(add_setting)
    await writer.close()


async def test_calls_past_the_queues_bound_are_refused_at_once(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path / "store.db", queue_limit=3)
    busy, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        busy.set()
        go_on.wait()

    held = journal.writer.submit(hold)
    await asyncio.to_thread(busy.wait)
    hand = Hand(journal, None)  # type: ignore[arg-type]  # the grant is the first in the queue
    waiting = journal.append(hand.new(1))
    with pytest.raises(StoreUnavailable) as refused:
        await journal.append(hand.new(1))
    assert refused.value.code == "overloaded"
    go_on.set()
    await held
    with pytest.raises(CallerError):
        await waiting
    await journal.close()


async def test_two_engines_never_have_one_store(tmp_path: Path) -> None:
    first = await open_journal(tmp_path / "store.db")
    with pytest.raises(OperatorError) as caught:
        await open_journal(tmp_path / "store.db")
    assert caught.value.code == "store_in_use"
    await first.close()
    await (await open_journal(tmp_path / "store.db")).close()


async def test_a_store_that_could_not_be_opened_is_free_for_who_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(OperatorError) as caught:
        await open_journal(path)
    assert caught.value.code != "store_in_use"
    path.unlink()
    await (await open_journal(path)).close()


async def test_the_journal_tells_what_is_unwritten_and_how_its_commits_went(
    store: SqliteStore, hand: Hand
) -> None:
    trigger = await hand.trigger()
    journal, before = store.journal, store.journal.meter.sizes.total
    call = journal.append(hand.new(trigger))
    assert journal.unwritten() == 1
    await call
    assert journal.unwritten() == 0
    assert journal.meter.sizes.total == before + 1
    assert journal.holds_until_s() == math.inf  # nobody can take this store from its engine


async def test_the_times_of_people_are_the_machines(store: SqliteStore, hand: Hand) -> None:
    before_us = time.time_ns() // 1000
    accepted = await hand.accept(await hand.trigger())
    (claim,) = await hand.taken()
    await hand.settle(claim)
    status = await store.history.status(accepted.message_id)
    assert status is not None
    assert status.settled_at_us is not None
    assert before_us <= status.settled_at_us <= time.time_ns() // 1000


async def test_a_closed_store_takes_no_more_and_has_done_all_that_was_put(
    store: SqliteStore, hand: Hand
) -> None:
    trigger = await hand.trigger()
    calls = [store.journal.append(hand.new(trigger)) for _ in range(100)]
    await store.close()
    assert len(await asyncio.gather(*calls)) == 100
    with pytest.raises(StoreUnavailable):
        await store.journal.append(hand.new(trigger))


# --- memory -------------------------------------------------------------------------------------


async def test_lanes_keep_their_order_when_more_are_busy_than_are_remembered(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "LANES", 4)
    trigger = await hand.trigger(concurrency=5)
    for _ in range(3):
        for lane in range(20):
            await hand.accept(trigger, f"lane {lane}")
    seen: dict[int, list[int]] = {}
    for _ in range(60):
        (claim,) = await hand.taken()
        lane = (claim.message.sequence - 1) % 20
        seen.setdefault(lane, []).append(claim.message.sequence)
        await hand.settle(claim)
    assert seen == {lane: [lane + 1, lane + 21, lane + 41] for lane in range(20)}
