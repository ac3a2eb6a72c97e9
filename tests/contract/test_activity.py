"""What every store's history tells of triggers in a list."""

from __future__ import annotations

import pytest

from firesteel.model.execution import State
from firesteel.store.history import Activity
from tests.contract.conftest import OpenStore
from tests.contract.test_history import START_US, Clock, add_integration, open_shop


async def test_a_list_shows_the_latest_message_and_what_has_failed_of_each_trigger(
    open_store: OpenStore,
) -> None:
    clock = Clock()
    shop = await open_shop(open_store, clock)
    orders = shop.trigger_no
    failed = await shop.done(State.FAILED)
    await shop.done(State.FAILED)
    clock.wall_now_us += 5
    await shop.done()
    await add_integration(shop, "prices")
    prices = shop.trigger_no

    found = await shop.store.history.activity([orders, prices])

    assert found == {orders: Activity(START_US + 5, 2), prices: Activity(None, 0)}
    await shop.settle(await shop.replay(failed.execution_no))
    assert (await shop.store.history.activity([orders]))[orders].failed == 2


async def test_failures_are_counted_up_to_a_bound(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firesteel.store.sql.activity.MOST_COUNTED", 3)
    shop = await open_shop(open_store, Clock())
    for _ in range(5):
        await shop.done(State.FAILED)
    assert (await shop.store.history.activity([shop.trigger_no]))[shop.trigger_no].failed == 3
