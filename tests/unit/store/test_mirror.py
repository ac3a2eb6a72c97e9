"""What the writer remembers is bounded; forgetting it changes only what must be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from firesteel.errors import InternalError
from firesteel.store.ledger import mirror
from firesteel.store.ledger.mirror import Mirror, TriggerMirror
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.statements import Statements
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.empty_store import copy_empty_store
from tests.support.hand import ADA, GONE, Hand

CLOCKS = Clocks(lambda: 0, lambda: 0.0)


def lanes(count: int) -> dict[tuple[int, str], int]:
    return {(1, f"lane {number}"): 1 for number in range(count)}


def test_beyond_the_bound_the_lanes_noted_first_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror, "LANES", 6)
    known = Mirror(CLOCKS, Statements(SQLITE))
    known.lanes = lanes(6)
    known.tick()
    assert len(known.lanes) == 6
    known.lanes = lanes(8)
    known.tick()
    assert list(known.lanes) == [(1, f"lane {number}") for number in (5, 6, 7)]


async def test_p09_lanes_that_were_forgotten_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "LANES", 2)
    store = await open_store(tmp_path / "firesteel.db")
    try:
        hand = Hand(store.journal, store.catalog)
        trigger = await hand.trigger(concurrency=100)
        for _ in range(3):
            for lane in "abcdefgh":
                await hand.accept(trigger, lane)
        for turn in range(3):
            claims = await hand.taken(8)
            assert hand.claims == []
            first = turn * 8
            found = sorted(claim.message.sequence for claim in claims)
            assert found == list(range(first + 1, first + 9))
            for claim in claims:
                await hand.settle(claim)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("slots", "running_here", "running", "allowed"),
    [(8, 0, 0, 7), (1, 0, 0, 1), (9, 8, 8, 0), (10, 8, 8, 1), (18, 8, 8, 8), (4, 4, 0, 0)],
)
def test_p12_a_trigger_may_start_as_many_as_leave_others_their_share(
    slots: int, running_here: int, running: int, allowed: int
) -> None:
    """While one more starts it runs eight times what is free then, at most."""
    known = Mirror(CLOCKS, Statements(SQLITE))
    trigger = TriggerMirror(1, 0, 100, 1000, "continue", 0, None)
    known.slots = slots
    known.running = dict.fromkeys(range(running_here))  # type: ignore[arg-type]
    trigger.running = running
    assert max(known.allowance(trigger), 0) == allowed


# --- what is remembered, and what is asked again ------------------------------------------------


async def test_a_paused_lane_that_was_forgotten_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "LANES", 2)
    async with opened(tmp_path) as (_, hand):
        trigger = await hand.trigger(concurrency=100)
        await hand.accept_many(2, trigger, "held")
        (head,) = await hand.taken()
        await hand.journal.pause(trigger, "held", ADA)
        for lane in "abcdefgh":
            await hand.accept(trigger, lane)
        await hand.taken(8)
        await hand.settle(head)
        await hand.accept(trigger, "later")
        assert [claim.message.sequence for claim in await hand.taken()] == [11]
        assert hand.claims == []


async def test_p11_what_runs_is_counted_anew_when_a_transaction_was_undone(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, hand):
        trigger = await hand.trigger(concurrency=3)
        await hand.accept_many(3, trigger)
        running = await hand.taken(3)

        twice = hand.new(await hand.trigger("other"))
        made = [hand.journal.append(twice) for _ in range(2)]
        _, refused = await asyncio.gather(*made, return_exceptions=True)
        assert isinstance(refused, InternalError)
        assert len(await hand.taken()) == 1
        await hand.accept_many(3, trigger)
        assert hand.journal.backlog(trigger) == (3, 3)
        assert hand.claims == []
        for claim in running[:2]:
            await hand.settle(claim)
            assert len(await hand.taken()) == 1
            assert hand.claims == []


async def test_nothing_starts_before_slots_were_granted(tmp_path: Path) -> None:
    """Workers connect after the store was opened, and calls may come before them."""
    async with opened(tmp_path, slots=None) as (_, hand):
        trigger = await hand.trigger()
        await hand.accept_many(2, trigger)
        await hand.accept(trigger)
        assert hand.claims == []


async def test_the_writer_sleeps_again_when_what_was_due_is_ready(tmp_path: Path) -> None:
    now = [0.0]
    async with opened(tmp_path, monotonic_s=lambda: now[0]) as (store, hand):
        trigger = await hand.trigger()
        await hand.accept_many(2, trigger)
        ledger = store.journal._ledger
        for claim, delay_s in zip(await hand.taken(2), (10.0, 30.0), strict=True):
            await hand.postpone(claim, delay_s)
        assert ledger.wake_in_s() == pytest.approx(10.0)
        now[0] = 10.0
        await hand.accept(trigger)
        assert len(await hand.taken(2)) == 2
        assert ledger.wake_in_s() == pytest.approx(20.0)
        now[0] = 30.0
        await hand.accept(trigger)
        assert len(await hand.taken(2)) == 2
        assert ledger.wake_in_s() is None


async def test_the_writer_waits_for_nothing_that_people_have_moved_or_ended(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, monotonic_s=lambda: 0.0) as (store, hand):
        trigger = await hand.trigger()
        await hand.accept_many(3, trigger)
        ledger = store.journal._ledger
        claims = await hand.taken(3)
        for claim, delay_s in zip(claims, (10.0, 20.0, 30.0), strict=True):
            await hand.postpone(claim, delay_s)
        assert (await hand.journal.retry_now(claims[0].execution_no, ADA)).changed
        await hand.taken()
        assert ledger.wake_in_s() == pytest.approx(20.0)
        assert (await hand.journal.cancel(claims[1].execution_no, ADA, GONE)).changed
        assert ledger.wake_in_s() == pytest.approx(30.0)
        assert (await hand.journal.skip(claims[2].execution_no, ADA, GONE)).changed
        assert ledger.wake_in_s() is None


async def test_the_next_one_of_a_lane_starts_with_one_question_to_the_tables(
    tmp_path: Path,
) -> None:
    """Beside the one whether another session has begun: what is known need not be asked."""
    async with opened(tmp_path) as (store, hand):
        trigger = await hand.trigger()
        await hand.accept_many(2, trigger, "a")
        (head,) = await hand.taken()
        writer, said = store.journal.writer, list[str]()
        await writer.submit(lambda connection: connection.set_trace_callback(said.append))
        await hand.settle(head)
        assert (await hand.taken())[0].message.sequence == 2
        await writer.submit(lambda connection: connection.set_trace_callback(None))
        begun = [number for number, text in enumerate(said) if text == "BEGIN IMMEDIATE"]
        settling = said[begun[0] : begun[1]]
        asked = [text for text in settling if text.startswith("SELECT")]
        assert len(asked) == 2
        assert "max(session.no)" in asked[0]


@asynccontextmanager
async def opened(
    folder: Path, *, slots: int | None = 1000, **clocks: Any
) -> AsyncIterator[tuple[SqliteStore, Hand]]:
    """``slots`` None: none were granted yet."""
    copy_empty_store(folder / "firesteel.db")
    store = await open_store(folder / "firesteel.db", **clocks)
    try:
        yield store, Hand(store.journal, store.catalog, slots=slots)
    finally:
        await store.close()
