"""What every store tells of what it keeps: oldest, bytes of payloads, what is to go next."""

from __future__ import annotations

from firesteel.store.catalog import Kept
from firesteel.store.kept import Asked, KeptOf
from tests.contract.shop import DAY_US, Clock, Shop, add_integration

BODY = b"x" * 1000
DAY_S = 86_400


async def kept(shop: Shop, history_us: int, payloads_us: int | None = None) -> KeptOf:
    found = await shop.store.history.kept([Asked(shop.trigger_no, history_us, payloads_us)])
    return found[shop.trigger_no]


async def test_what_is_kept_is_counted_and_its_payloads_are_reckoned(
    shop: Shop, clock: Clock
) -> None:
    first_us = clock.wall_us()
    for _ in range(60):
        await shop.done(body=BODY)
    found = await kept(shop, 0)
    assert (found.messages, found.oldest_received_at_us) == (60, first_us)
    assert 60 * 1000 <= found.payload_bytes <= 60 * 1200
    assert (found.going_messages, found.going_bytes) == (0, 0)


async def test_what_goes_next_is_found_by_the_time_of_receipt(shop: Shop, clock: Clock) -> None:
    for day in range(5):
        for _ in range(day + 1):
            await shop.done(body=BODY)
        clock.pass_days(1)
    begun_us = clock.wall_us() - 5 * DAY_US
    assert [(await kept(shop, begun_us + days * DAY_US)).going_messages for days in range(7)] == [
        0,
        1,
        3,
        6,
        10,
        15,
        15,
    ]
    found = await kept(shop, begun_us + 2 * DAY_US)
    assert 3 * 1000 <= found.going_bytes <= 3 * 1200


async def test_payloads_that_go_earlier_are_told_without_those_that_went(
    shop: Shop, clock: Clock
) -> None:
    await shop.store.catalog.set_kept("shop", Kept(None, 2 * DAY_S), "anna")
    for _ in range(4):
        await shop.done(body=BODY)
        clock.pass_days(1)
    assert await shop.purge() == 2
    found = await kept(shop, 0, clock.wall_us() - DAY_US)
    assert (found.messages, found.going_messages) == (4, 0)
    assert 1000 <= found.going_bytes <= 1200


async def test_of_a_trigger_without_messages_nothing_is_kept(shop: Shop) -> None:
    await add_integration(shop, "empty")
    assert await kept(shop, 2**62) == KeptOf(0, None, 0, 0, 0)


async def test_a_database_server_tells_what_its_parts_take(shop: Shop) -> None:
    await shop.done(body=BODY)
    parts = await shop.store.history.parts()
    assert parts is None or (parts.payload_bytes > 0 and parts.index_bytes > 0)
