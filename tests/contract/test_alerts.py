"""What every store promises of alerts: settings, silences, failures that nobody was told of, states
that only one node advances, deliveries that are kept until they have ended."""

from __future__ import annotations

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.alerts import (
    DELIVERIES_KEPT,
    DELIVERIES_WAITING,
    Advance,
    NewDelivery,
    Paused,
    RuleState,
    Silence,
)
from firesteel.store.catalog import AuditFilter
from tests.contract.conftest import OpenStore
from tests.contract.shop import ANNA, START_US, Clock, Shop, open_shop

DOCUMENT = {"channels": {"ops": {"slack": "${CHAT}"}, "desk": {"slack": "${DESK}"}}}


async def set_up(shop: Shop, document: object = DOCUMENT, **more: object) -> bool:
    asked = {"rules": ["failures"], "managed_by": "console", "actor": "anna", **more}
    return await shop.store.alerts.put("shop", document, **asked)  # type: ignore[arg-type]


def to(channel: str, content: str = "{}") -> NewDelivery:
    return NewDelivery("shop", channel, "failures", content)


async def test_settings_are_kept_as_they_were_written_and_by_whom(shop: Shop) -> None:
    alerts = shop.store.alerts
    assert await alerts.find("shop") is None
    assert await set_up(shop)
    assert not await set_up(shop)
    assert await set_up(shop, managed_by="files")
    (stored,) = await alerts.all()
    assert stored == await alerts.find("shop")
    assert (stored.workspace, stored.document, stored.managed_by) == ("shop", DOCUMENT, "files")
    (entry, *_) = await shop.store.catalog.audit(AuditFilter(limit=1))
    assert (entry.actor, entry.action, entry.subject) == ("anna", "alerts.put", "shop")
    assert await alerts.delete("shop", "anna")
    assert not await alerts.delete("shop", "anna")
    assert await alerts.all() == []


async def test_who_has_read_other_settings_changes_nothing(shop: Shop) -> None:
    await set_up(shop, expect_changed_at_us=0)
    stored = await shop.store.alerts.find("shop")
    assert stored is not None
    changed = {"channels": {}}
    with pytest.raises(CallerError) as caught:
        await set_up(shop, changed, expect_changed_at_us=0)
    assert caught.value.code == "changed_meanwhile"
    assert await set_up(shop, changed, expect_changed_at_us=stored.changed_at_us)
    # The clock has not moved, and yet it was changed.
    with pytest.raises(CallerError):
        await set_up(shop, DOCUMENT, expect_changed_at_us=stored.changed_at_us)


async def test_a_silence_is_written_replaced_and_ended(shop: Shop) -> None:
    alerts = shop.store.alerts
    first = Silence("shop", "", START_US + 5, "anna", "deployment", START_US)
    await alerts.silence(first, "anna")
    second = Silence("shop", "", START_US + 9, "ben", "longer", START_US)
    await alerts.silence(second, "ben")
    await alerts.silence(Silence("shop", "failures", START_US, "ben", ""), "ben")
    assert [item.rule for item in await alerts.silences()] == ["", "failures"]
    assert (await alerts.silences())[0] == second
    assert await alerts.end_silence("shop", "", "anna")
    assert not await alerts.end_silence("shop", "", "anna")
    with pytest.raises(CallerError):
        await alerts.silence(Silence("elsewhere", "", START_US, "ben", ""), "ben")


async def test_failures_since_alerts_were_set_up_are_untold_until_they_are_told(
    shop: Shop,
) -> None:
    alerts = shop.store.alerts
    await shop.done(State.FAILED)
    assert await alerts.untold(10) == []
    shop.clock.wall_now_us += 1
    await set_up(shop)
    before = await shop.done(State.FAILED)
    shop.clock.wall_now_us += 1
    after = await shop.done(State.FAILED)
    await shop.done()
    first, second = await alerts.untold(10)
    assert [first.execution_no, second.execution_no] == [before.execution_no, after.execution_no]
    assert (first.workspace, first.integration, first.message_id) == (
        *("shop", "orders"),
        before.message_id,
    )
    assert (first.code, first.step, first.settled_at_us) == (
        *("permanent_error", None),
        shop.clock.wall_now_us - 1,
    )
    assert await alerts.advance(Advance(told=[first.execution_no]))
    assert await alerts.untold(10) == [second]


async def test_failures_are_told_although_the_clock_was_set_back(shop: Shop) -> None:
    await set_up(shop)
    shop.clock.wall_now_us -= 3_600_000_000
    assert await shop.store.alerts.untold(10) == []
    await shop.done(State.FAILED)
    assert len(await shop.store.alerts.untold(10)) == 1


async def test_of_two_that_tell_the_same_one_does_nothing(shop: Shop) -> None:
    alerts = shop.store.alerts
    await set_up(shop)
    await shop.done(State.FAILED)
    (failure,) = await alerts.untold(10)
    once = Advance(
        told=[failure.execution_no],
        states=[RuleState("shop", "failures", "{}", 0)],
        deliveries=[to("ops")],
    )
    assert await alerts.advance(once)
    assert not await alerts.advance(once)
    assert len(await alerts.deliveries("shop", 10)) == 1


async def test_a_state_is_advanced_from_what_was_read_of_it(shop: Shop) -> None:
    alerts = shop.store.alerts
    await set_up(shop)
    assert await alerts.advance(Advance(states=[RuleState("shop", "failures", "1", 0)]))
    assert not await alerts.advance(
        Advance(states=[RuleState("shop", "failures", "1", 0)], deliveries=[to("ops")])
    )
    (state,) = await alerts.states()
    assert (state.state, state.revision) == ("1", 1)
    assert await alerts.advance(Advance(states=[RuleState("shop", "failures", "2", 1)]))
    assert not await alerts.advance(Advance(states=[RuleState("shop", "failures", "3", 1)]))
    assert [item.state for item in await alerts.states()] == ["2"]
    assert await alerts.deliveries("shop", 10) == []
    await set_up(shop, {"channels": {}}, rules=["others"])
    assert await alerts.states() == []


async def test_what_stands_still_is_told_by_integration(shop: Shop) -> None:
    journal = shop.store.journal
    assert await shop.store.alerts.paused() == []
    await journal.pause(shop.trigger_no, "acme", ANNA)
    await journal.pause(shop.trigger_no, "other", ANNA)
    assert await shop.store.alerts.paused() == [Paused("shop", "orders", False, 2, 0)]
    await journal.resume(shop.trigger_no, "acme", ANNA)
    await journal.pause(shop.trigger_no, None, ANNA)
    assert await shop.store.alerts.paused() == [Paused("shop", "orders", True, 1, 0)]


async def test_a_lane_that_stands_at_its_failed_head_counts_as_stopped(
    open_store: OpenStore,
) -> None:
    shop = await open_shop(open_store, Clock(), on_failure="pause")
    await shop.done(State.FAILED, lane_key="acme")
    assert await shop.store.alerts.paused() == [Paused("shop", "orders", False, 1, 1)]


async def test_of_each_channel_the_first_that_waits_is_due_and_later_again(shop: Shop) -> None:
    alerts = shop.store.alerts
    await set_up(shop)
    await alerts.advance(Advance(deliveries=[to("ops", "1"), to("ops", "2"), to("desk", "3")]))
    first, third = await alerts.due(10)
    assert [first.content, third.content] == ["1", "3"]
    await alerts.attempted(first.no, state="waiting", error="down", again_in_s=30)
    await alerts.attempted(third.no, state="sent")
    assert await alerts.due(10) == []
    shop.clock.wall_now_us += 30_000_000
    (again,) = await alerts.due(10)
    assert (again.no, again.attempts, again.error) == (first.no, 1, "down")
    await alerts.attempted(first.no, state="failed", error="gave up")
    await alerts.attempted(first.no, state="sent")
    assert [item.content for item in await alerts.due(10)] == ["2"]
    _, _, gone = await alerts.deliveries("shop", 10)
    assert (gone.state, gone.error, gone.ended_at_us) == (
        *("failed", "gave up"),
        shop.clock.wall_now_us,
    )


async def test_changed_settings_let_what_waits_be_tried_at_once(shop: Shop) -> None:
    alerts = shop.store.alerts
    await set_up(shop)
    await alerts.advance(Advance(deliveries=[to("ops"), to("desk")]))
    for item in await alerts.due(10):
        await alerts.attempted(item.no, state="waiting", error="down", again_in_s=3600)
    await set_up(shop, {"channels": {"ops": {"slack": "${OTHER}"}}})
    (due,) = await alerts.due(10)
    assert due.channel == "ops"
    failed = [item for item in await alerts.deliveries("shop", 10) if item.state == "failed"]
    assert [(item.channel, item.error) for item in failed] == [("desk", "the channel is gone")]


async def test_what_waits_and_what_is_kept_of_the_past_is_bounded(shop: Shop) -> None:
    alerts = shop.store.alerts
    await set_up(shop)
    many = [to("ops", str(number)) for number in range(DELIVERIES_WAITING + 3)]
    await alerts.advance(Advance(deliveries=many))
    (first,) = await alerts.due(10)
    assert first.content == "3"
    for _ in range(6):
        await alerts.advance(Advance(deliveries=many))
    whole = await alerts.deliveries("shop", 10_000)
    assert len(whole) == DELIVERIES_KEPT
    assert sum(item.state == "waiting" for item in whole) == DELIVERIES_WAITING


async def test_what_a_person_tried_is_kept_with_what_came_of_it(shop: Shop) -> None:
    await shop.store.alerts.record(to("ops"), error="")
    await shop.store.alerts.record(to("ops"), error="down")
    failed, sent = await shop.store.alerts.deliveries("shop", 10)
    assert (sent.state, sent.attempts, sent.error) == ("sent", 1, "")
    assert (failed.state, failed.error) == ("failed", "down")
    assert await shop.store.alerts.due(10) == []


async def test_all_of_it_is_there_after_a_restart(open_store: OpenStore) -> None:
    clock = Clock()
    shop = await open_shop(open_store, clock)
    await set_up(shop)
    await shop.done(State.FAILED)
    state = RuleState("shop", "failures", "{}", 0)
    await shop.store.alerts.advance(Advance(states=[state], deliveries=[to("ops")]))
    await shop.store.close()
    store = await open_store(wall_us=clock.wall_us, monotonic_s=clock.monotonic_s)
    assert len(await store.alerts.untold(10)) == len(await store.alerts.due(10)) == 1
    assert [item.rule for item in await store.alerts.states()] == ["failures"]
