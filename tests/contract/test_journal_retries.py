"""What every store's journal promises of attempts that are made again."""

from __future__ import annotations

import pytest

from tests.contract.conftest import OpenStore
from tests.support.hand import Hand, step


@pytest.mark.parametrize("delay_s", [0.5, 1.0, 30.0])
async def test_p10_a_retry_does_not_begin_before_its_time(
    open_store: OpenStore, delay_s: float
) -> None:
    elapsed = 0.0
    store = await open_store(monotonic_s=lambda: elapsed)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger)
    await hand.postpone((await hand.taken())[0], delay_s)
    elapsed = delay_s - 0.001
    await hand.accept(trigger)
    assert [claim.attempt for claim in await hand.taken()] == [1]
    elapsed = delay_s
    await hand.accept(trigger)
    assert {claim.attempt for claim in await hand.taken(2)} == {1, 2}


async def test_p13_what_comes_with_a_postponement_is_journaled(hand: Hand) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    await hand.postpone(claim, entries=[step()])
    assert (await hand.taken())[0].journal == [step()]
