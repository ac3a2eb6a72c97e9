"""What every journal promises of bodies: kept as they came, and long ones left in the store."""

from __future__ import annotations

import asyncio
import os

from firesteel.store.journal import LEFT_FROM_BYTES
from tests.contract.conftest import OpenStore
from tests.support.hand import Hand


async def test_p05_long_bodies_are_kept_as_they_came_whatever_is_written_with_them(
    open_store: OpenStore,
) -> None:
    mib = 1024 * 1024
    bodies = [os.urandom(size) for size in (9, 3 * mib + 5, 0, mib, mib + 1, 2 * mib, 20)]
    store = await open_store()
    hand = Hand(store.journal, store.catalog, slots=0)
    trigger = await hand.trigger()
    await asyncio.gather(*[hand.journal.append(hand.new(trigger, body=body)) for body in bodies])
    await store.close()
    again = await open_store()
    claims = await Hand(again.journal, again.catalog).taken(len(bodies))
    claims.sort(key=lambda claim: claim.message.sequence)
    assert [await again.journal.body(claim.execution_no) for claim in claims] == bodies
    left = [len(body) if len(body) > LEFT_FROM_BYTES else 0 for body in bodies]
    assert [claim.left_bytes for claim in claims] == left
    for claim, body in zip(claims, bodies, strict=True):
        assert claim.message.body == (b"" if claim.left_bytes else body)
    assert await again.journal.body(1_000_000) is None
