"""The writer's thread: what fails fails alone, and nothing is said to be stored that is not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.errors import CallerError, InternalError, OperatorError, StoreUnavailable
from firesteel.store.journal import Accepted
from firesteel.store.sqlite import mirror
from firesteel.store.sqlite.journal import open_journal
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.hand import Hand


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
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


# --- disk, queue, lock --------------------------------------------------------------------------


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


async def test_calls_past_the_queues_bound_are_refused_at_once(tmp_path: Path) -> None:
    journal = await open_journal(tmp_path / "store.db", queue_limit=2)
    busy, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        busy.set()
        go_on.wait()

    held = journal.writer.submit(hold)
    await asyncio.to_thread(busy.wait)
    hand = Hand(journal, None)  # type: ignore[arg-type]  # the grant is the first in the queue
    waiting = journal.append(hand.new(1))
    with pytest.raises(StoreUnavailable):
        await journal.append(hand.new(1))
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
