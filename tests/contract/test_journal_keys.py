"""What every store promises of idempotency keys when clocks jump and retention is at work."""

from __future__ import annotations

from firesteel.store.journal import Accepted, Duplicate, Idempotency
from tests.contract.conftest import OpenStore
from tests.support.hand import Hand

DAY_S = 86_400


async def test_p32_no_purge_forgets_a_key_before_its_time_after_the_wall_clock_has_jumped(
    open_store: OpenStore,
) -> None:
    """Long after, when retention has come to believe the new time."""
    jumped_s, elapsed = 0.0, 0.0

    def wall_us() -> int:
        return 1_800_000_000_000_000 + int((jumped_s + elapsed) * 1e6)

    store = await open_store(wall_us=wall_us, monotonic_s=lambda: elapsed)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    retention_s = 30.0 * DAY_S
    await store.history.purge(default_history_s=retention_s)
    jumped_s = 40.0 * DAY_S
    for _ in range(70):
        elapsed += DAY_S
        await store.history.purge(default_history_s=retention_s)

    key = Idempotency("k", b"same", hand.new(trigger).message.received_at_us + 3_600_000_000)
    sent = hand.new(trigger, idempotency=key)
    assert isinstance(await hand.journal.append(sent), Accepted)
    await store.history.purge(default_history_s=retention_s)
    assert isinstance(await hand.journal.append(hand.new(trigger, idempotency=key)), Duplicate)
    elapsed += 3601
    while await store.history.purge(default_history_s=retention_s):
        pass
    assert isinstance(await hand.journal.append(hand.new(trigger, idempotency=key)), Accepted)
