"""What every store's retention promises where messages are archived before they go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from firesteel.errors import OperatorError
from firesteel.model.execution import JournalEntry, State
from firesteel.model.step_result import encode_result
from firesteel.store.archive.reading import Wanted, find
from firesteel.store.archive.record import body_of
from firesteel.store.archive.writing import ArchiveWriter
from firesteel.store.catalog import Kept
from firesteel.store.history import Going
from tests.contract.shop import OK, START_US, Clock, Shop

DAY_S = 86_400


def archive_in(folder: Path, *, by_default: bool = True, node: str = "") -> ArchiveWriter:
    return ArchiveWriter(
        folder,
        node=node,
        by_default=by_default,
        reserve_bytes=lambda _total: 0,
        now_us=lambda: START_US,
    )


def found(folder: Path) -> list[dict[str, Any]]:
    return list(find(folder, Wanted()))


async def purged(shop: Shop, archive: Any) -> int:
    return await shop.store.history.purge(default_history_s=30.0 * DAY_S, archive=archive)


async def test_what_goes_is_in_the_archive_with_all_that_was_kept(
    shop: Shop, clock: Clock, tmp_path: Path
) -> None:
    accepted = await shop.accept(search=[("order_no", "W-1")], body=b'{"n": 1}\xff')
    result = encode_result({"price": 12})
    entry = JournalEntry("price", "sql", 1, START_US, START_US + 1000, result)
    await shop.settle(accepted.execution_no, entries=[entry])
    clock.pass_days(31)

    assert await purged(shop, archive_in(tmp_path)) == 1

    (record,) = found(tmp_path)
    assert record["id"] == accepted.message_id
    assert (record["workspace"], record["integration"], record["payload"]) == (
        "shop",
        "orders",
        "kept",
    )
    assert body_of(record) == b'{"n": 1}\xff'
    assert record["search"] == {"order_no": "W-1"}
    (execution,) = record["executions"]
    assert (execution["state"], execution["steps"][0]["result"]) == ("succeeded", {"price": 12})
    assert execution["response"]["status"] == OK.status
    assert await shop.store.history.executions(accepted.message_id) == []


async def test_payloads_are_archived_before_they_go_and_messages_again(
    shop: Shop, clock: Clock, tmp_path: Path
) -> None:
    await shop.done()
    await shop.store.catalog.set_kept("shop", Kept(None, 7 * DAY_S), "anna")
    clock.pass_days(8)
    assert await purged(shop, archive_in(tmp_path)) == 1
    (record,) = found(tmp_path)
    assert record["payload"] == "kept"
    clock.pass_days(30)
    assert await purged(shop, archive_in(tmp_path)) == 1
    assert [one["payload"] for one in found(tmp_path)] == ["kept"]


@pytest.mark.parametrize(
    ("says", "archived"),
    [((True, None), 1), ((True, False), 0), ((False, True), 1), ((False, None), 0)],
)
async def test_a_workspace_says_whether_it_archives(
    shop: Shop, clock: Clock, tmp_path: Path, says: tuple[bool, bool | None], archived: int
) -> None:
    """``says``: what the node does, and what the workspace."""
    node, workspace = says
    await shop.done()
    await shop.store.catalog.set_kept("shop", Kept(None, None, workspace), "anna")
    assert (await shop.store.catalog.kept("shop")).archive is workspace
    clock.pass_days(31)
    assert await purged(shop, archive_in(tmp_path, by_default=node)) == 1
    assert len(found(tmp_path)) == archived


class Refusing:
    """An archive that takes nothing."""

    by_default = False
    folder = Path()
    fault = ""

    async def add(self, going: Sequence[Going]) -> None:
        pass

    async def finish(self) -> None:
        raise OperatorError("no room", code="archive_failed")

    def drop(self) -> None:
        pass


async def test_nothing_goes_that_could_not_be_archived_and_all_else_does(
    shop: Shop, clock: Clock, tmp_path: Path
) -> None:
    kept = await shop.done()
    await shop.store.catalog.set_kept("shop", Kept(None, None, archive=True), "anna")
    clock.pass_days(31)
    for _ in range(2):
        with pytest.raises(OperatorError, match="no room"):
            await purged(shop, Refusing())
    assert await shop.store.history.executions(kept.message_id)
    assert await purged(shop, archive_in(tmp_path)) == 1
    assert [one["id"] for one in found(tmp_path)] == [kept.message_id]


async def test_a_full_disk_fails_the_archive_and_keeps_the_message(
    shop: Shop, clock: Clock, tmp_path: Path
) -> None:
    kept = await shop.done(State.FAILED)
    full = ArchiveWriter(
        tmp_path,
        node="",
        by_default=True,
        reserve_bytes=lambda total: total,
        now_us=lambda: START_US,
    )
    clock.pass_days(31)
    with pytest.raises(OperatorError) as caught:
        await purged(shop, full)
    assert caught.value.code == "archive_failed"
    assert await shop.store.history.executions(kept.message_id)
    assert found(tmp_path) == []
