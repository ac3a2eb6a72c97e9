"""What the writer remembers is bounded; forgetting it changes only what must be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from firesteel.store.ledger import mirror
from firesteel.store.ledger.mirror import Mirror, TriggerMirror
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.statements import Statements
from firesteel.store.sqlite.store import open_store
from tests.support.hand import Hand

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
    known, trigger = Mirror(CLOCKS, Statements(SQLITE)), TriggerMirror(1, 0)
    known.slots = slots
    known.running = dict.fromkeys(range(running_here))  # type: ignore[arg-type]
    trigger.running = running
    assert max(known.allowance(trigger), 0) == allowed
