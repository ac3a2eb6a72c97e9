"""What every store promises of bulk acts: one a workspace, kept with how far each has come."""

from __future__ import annotations

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.bulk import Bulk, NewBulk, Step
from firesteel.store.catalog import AuditFilter
from firesteel.store.history import MessageFilter
from firesteel.store.journal import Actor
from tests.contract.shop import ANNA, START_US, Shop

FILTER = MessageFilter(
    workspace="shop", integration="orders", state=State.FAILED, search=("color", "red")
)


async def begin(shop: Shop) -> Bulk:
    return await shop.store.bulk.begin(NewBulk("replay", FILTER, until_no=90, total=4), ANNA)


async def test_a_bulk_act_is_kept_with_its_filter_and_who_began_it(shop: Shop) -> None:
    begun = await begin(shop)
    assert await shop.store.bulk.show("shop", begun.no) == begun
    assert begun == Bulk(
        no=begun.no,
        workspace="shop",
        act="replay",
        filter=FILTER,
        state="running",
        started_by="anna",
        why="asked to",
        started_at_us=START_US,
        ended_at_us=None,
        until_no=90,
        at_no=0,
        total=4,
        done=0,
        passed_over=0,
    )
    assert await shop.store.bulk.running() == [begun]
    assert await shop.store.bulk.show("elsewhere", begun.no) is None
    (entry, *_) = await shop.store.catalog.audit(AuditFilter(limit=1))
    assert (entry.actor, entry.action, entry.subject) == (
        *("anna", "bulk.replay"),
        f"shop/{begun.no}",
    )


async def test_a_workspace_has_one_at_a_time(shop: Shop) -> None:
    begun = await begin(shop)
    with pytest.raises(CallerError) as caught:
        await begin(shop)
    assert caught.value.code == "bulk_running"
    await shop.store.catalog.ensure_workspace("other")
    other = NewBulk("skip", MessageFilter(workspace="other"), 1, 1)
    assert (await shop.store.bulk.begin(other, ANNA)).act == "skip"
    assert await shop.store.bulk.end(begun.no, "done", ANNA)
    assert (await begin(shop)).no > begun.no


async def test_an_unknown_workspace_has_none(shop: Shop) -> None:
    with pytest.raises(CallerError) as caught:
        await shop.store.bulk.begin(NewBulk("replay", MessageFilter(workspace="no"), 1, 1), ANNA)
    assert caught.value.code == "unknown_workspace"


async def test_steps_add_up_until_it_has_ended(shop: Shop) -> None:
    begun = await begin(shop)
    assert await shop.store.bulk.step(begun.no, Step(10, 2, 1))
    assert await shop.store.bulk.step(begun.no, Step(20, 3, 0))
    assert await shop.store.bulk.end(begun.no, "cancelled", Actor("bo", "enough"))
    assert not await shop.store.bulk.step(begun.no, Step(30, 9, 9))
    assert not await shop.store.bulk.end(begun.no, "done", ANNA)
    (shown,) = await shop.store.bulk.latest("shop")
    assert (shown.state, shown.at_no, shown.done, shown.passed_over) == ("cancelled", 20, 5, 1)
    assert shown.ended_at_us == START_US
    (entry, *_) = await shop.store.catalog.audit(AuditFilter(limit=1))
    assert (entry.actor, entry.action, entry.detail) == ("bo", "bulk.cancel_job", "enough")


async def test_the_latest_hundred_of_a_workspace_are_kept(shop: Shop) -> None:
    for _ in range(103):
        await shop.store.bulk.end((await begin(shop)).no, "done", ANNA)
    kept = await shop.store.bulk.latest("shop", limit=1000)
    assert [bulk.no for bulk in kept] == list(range(103, 3, -1))
