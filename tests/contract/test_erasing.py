"""What every store promises of erasing: what was sent goes, that it was sent stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import Failure, InputFault, JournalEntry, State
from firesteel.model.message import Message
from firesteel.store.bulk import NewBulk
from firesteel.store.catalog import AuditFilter, Kept
from firesteel.store.history import MessageFilter
from firesteel.store.journal import (
    Accepted,
    Duplicate,
    Edit,
    Idempotency,
    NewMessage,
)
from firesteel.store.sqlite import store as sqlite_store
from firesteel.store.sqlite.compacting import compact
from firesteel.store.store import Store
from tests.contract.conftest import OpenStore
from tests.contract.shop import ANNA, OK, Clock, Shop, add_integration, open_shop

CANARY = "canary-4711"
TOLD = Failure(
    *("permanent", "permanent_error", f"no {CANARY}"),
    faults=[InputFault("/name", "missing", CANARY)],
    trace=CANARY,
)


async def everything(store: Store) -> str:
    """All that the store shows of its messages."""
    texts = []
    for row in await store.history.messages(MessageFilter(workspace="shop", limit=500)):
        texts.append(repr(row))
        texts += map(repr, await store.history.executions(row.message_id))
        response = await store.history.response(row.execution_no)
        texts.append(repr(response))
    return "".join(texts)


async def full_of_canaries(shop: Shop, consumer: str = CANARY, key: str = CANARY) -> Accepted:
    """A message with what a consumer sent in every place: failed, and replayed with an edit."""
    accepted = await shop.accept(
        consumer,
        body=CANARY.encode(),
        lane_key=CANARY,
        search=(("name", CANARY),),
        idempotency=Idempotency(key, b"print", 2**60),
    )
    number = accepted.execution_no
    entry = JournalEntry("step", "map", 1, 10, 20, CANARY.encode(), CANARY.encode())
    assert await shop.store.journal.record(number, shop.claims[number].epoch, entry)
    await shop.settle(number, State.FAILED, TOLD, logs=CANARY, input=CANARY.encode())
    replayed = await shop.replay(number, Edit(None, CANARY.encode(), CANARY.encode()))
    assert await shop.store.journal.record(replayed, shop.claims[replayed].epoch, entry)
    await shop.settle(replayed, logs=CANARY, input=CANARY.encode())
    return accepted


async def test_an_erased_message_keeps_what_it_was_and_nothing_that_it_held(shop: Shop) -> None:
    store = shop.store
    other = await shop.done()
    gone = await full_of_canaries(shop)
    assert CANARY in await everything(store)
    assert await store.history.erase([gone.message_id], ANNA) == {gone.message_id: 2}
    assert await store.history.forget("shop", None)
    assert CANARY not in await everything(store)
    first, replay = await store.history.executions(gone.message_id)
    assert first.erased_at_us == replay.erased_at_us == shop.clock.wall_us()
    assert (first.message, first.edit, replay.edit) == (None, None, None)
    assert [item.summary.state for item in (first, replay)] == [State.FAILED, State.SUCCEEDED]
    assert first.summary.failure == Failure("permanent", "permanent_error", "")
    assert first.summary.sequence == 2
    assert (first.summary.consumer, first.summary.lane_key) == (None, None)
    assert await shop.numbers(workspace="shop", integration="orders", search=("name", CANARY)) == []
    assert await shop.numbers(workspace="shop", consumer=CANARY) == []
    (kept,) = await store.history.executions(other.message_id)
    assert kept.erased_at_us is None
    assert kept.message is not None
    status = await store.history.status(gone.message_id)
    assert status is not None
    assert (status.sequence, status.consumer, status.state) == (2, None, State.SUCCEEDED)
    (noted,) = await store.catalog.audit(AuditFilter(action="message.erase"))
    assert (noted.actor, noted.subject, noted.detail) == ("anna", gone.message_id, "asked to")


async def test_p07_erasing_changes_no_count_and_p08_no_place_in_the_sequence(shop: Shop) -> None:
    erased = [await full_of_canaries(shop, key=f"k{number}") for number in range(5)]
    before = await shop.store.journal.counts(shop.trigger_no)
    await shop.store.history.erase([one.message_id for one in erased])
    counts = await shop.store.journal.counts(shop.trigger_no)
    assert counts == before
    assert counts.accepted + counts.replayed == counts.terminal == 10
    later = await shop.done()
    assert later.sequence == 6
    rows = await shop.page(workspace="shop", limit=500)
    assert sorted({row.sequence for row in rows}) == [1, 2, 3, 4, 5, 6]


async def test_what_has_not_ended_is_left_and_so_is_a_message_that_stops_its_lane(
    open_store: OpenStore, clock: Clock
) -> None:
    shop = await open_shop(open_store, clock, on_failure="pause")
    stops = await shop.done(State.FAILED, lane_key="a")
    waits = await shop.accept(lane_key="a")
    runs = await shop.accept(lane_key="b")
    replayed = await shop.done(lane_key="c")
    await shop.replay(replayed.execution_no)
    ids = [one.message_id for one in (stops, waits, runs, replayed)]
    assert await shop.store.history.erase([*ids, "unknown"]) == {}
    for id in ids:
        detail = (await shop.store.history.executions(id))[0]
        assert detail.message is not None
        assert detail.summary.consumer == "web shop"
    await shop.store.journal.skip(stops.execution_no, ANNA, OK)
    assert await shop.store.history.erase(ids) == {stops.message_id: 1}


async def test_erasing_again_changes_nothing_and_an_erased_message_is_not_replayed(
    shop: Shop, clock: Clock
) -> None:
    gone = await shop.done()
    await shop.store.history.erase([gone.message_id])
    at_us = clock.wall_us()
    clock.pass_days(1)
    assert await shop.store.history.erase([gone.message_id], ANNA) == {gone.message_id: 0}
    (detail,) = await shop.store.history.executions(gone.message_id)
    assert detail.erased_at_us == at_us
    assert not await shop.store.catalog.audit(AuditFilter(action="message.erase"))
    with pytest.raises(CallerError) as caught:
        await shop.replay(gone.execution_no)
    assert caught.value.code == "payload_purged"


async def test_keys_of_erased_messages_are_forgotten_and_no_others(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firesteel.store.sql.erasing.PAGE_KEYS", 2)
    history = shop.store.history
    keyed = [
        await shop.done(consumer=consumer, idempotency=Idempotency(f"k{number}", b"p", 2**60))
        for number in range(3)
        for consumer in ("one", "two")
    ]
    ids = [one.message_id for one in keyed]
    await history.erase(ids[::2])
    assert await history.forget("shop", "one")
    again = [await repeated(shop, name, f"k{n}") for n in range(3) for name in ("one", "two")]
    assert [isinstance(answer, Duplicate) for answer in again] == [False, True] * 3
    # Retention has let the messages go, their keys are still within their windows.
    clock.pass_days(40)
    assert await shop.purge() > 0
    assert await history.forget("shop", "two")
    assert isinstance(await repeated(shop, "two", "k0"), Accepted)
    assert isinstance(await repeated(shop, "one", "k1"), Duplicate)


async def repeated(shop: Shop, consumer: str, key: str) -> object:
    shop.ids += 1
    message = Message(f"m{shop.ids:06}", 0, shop.clock.wall_us(), consumer, b"", b"")
    keyed = Idempotency(key, b"p", 2**60)
    new = NewMessage(shop.trigger_no, shop.version_no, message, idempotency=keyed)
    appended = await shop.store.journal.append(new)
    if isinstance(appended, Accepted):
        await shop.settle(appended.execution_no)
    return appended


async def test_an_erased_message_goes_with_its_retention_as_any_other(
    shop: Shop, clock: Clock
) -> None:
    gone = await full_of_canaries(shop)
    await shop.store.history.erase([gone.message_id])
    clock.pass_days(31)
    assert await shop.purge() == 1
    counts = await shop.store.journal.counts(shop.trigger_no)
    assert (counts.purged, counts.terminal) == (2, 0)


async def test_when_an_erasure_ends_nobody_is_told_whom_it_was_about(shop: Shop) -> None:
    bulk = shop.store.bulk
    about = MessageFilter(workspace="shop", consumer=CANARY, search=("name", CANARY))
    before = await bulk.begin(
        NewBulk("replay", MessageFilter(workspace="shop", consumer=CANARY), 1, 1), ANNA
    )
    await bulk.end(before.no, "done", ANNA)
    other = await bulk.begin(
        NewBulk("cancel", MessageFilter(workspace="shop", consumer="other"), 1, 1), ANNA
    )
    await bulk.end(other.no, "done", ANNA)
    erasure = await bulk.begin(NewBulk("erase", about, 9, 2), ANNA)
    assert (await bulk.running())[0].filter == about
    await bulk.end(erasure.no, "done", ANNA)
    acts = await bulk.latest("shop")
    assert CANARY not in repr(acts)
    assert [act.filter.consumer for act in acts] == [None, "other", None]
    assert CANARY not in repr(await shop.store.catalog.audit())


async def test_a_workspaces_retention_holds_where_an_integration_says_nothing(
    shop: Shop, clock: Clock
) -> None:
    catalog = shop.store.catalog
    assert await catalog.kept("shop") == Kept(None, None)
    await catalog.set_kept("shop", Kept(10 * 86_400, 2 * 86_400), "anna")
    assert await catalog.kept("shop") == Kept(10 * 86_400, 2 * 86_400)
    (noted,) = await catalog.audit(AuditFilter(action="workspace.retention"))
    assert (noted.actor, noted.subject) == ("anna", "shop")
    of_workspace = await full_of_canaries(shop)
    await add_integration(shop, "longer", history_s=20 * 86_400, payloads_s=15 * 86_400)
    own = await full_of_canaries(shop)
    clock.pass_days(3)
    assert await shop.purge() == 1
    (detail, _) = await shop.store.history.executions(of_workspace.message_id)
    assert (detail.message, detail.erased_at_us) == (None, None)
    assert (detail.summary.consumer, detail.summary.lane_key) == (CANARY, CANARY)
    clock.pass_days(8)
    assert await shop.purge() == 1
    assert await shop.store.history.executions(of_workspace.message_id) == []
    (detail, _) = await shop.store.history.executions(own.message_id)
    assert detail.message is not None
    with pytest.raises(CallerError) as caught:
        await catalog.set_kept("nowhere", Kept(None, None), "anna")
    assert caught.value.code == "unknown_workspace"


async def test_a_payload_goes_with_all_that_quotes_it_and_search_values_stay(
    shop: Shop, clock: Clock
) -> None:
    await shop.store.catalog.set_kept("shop", Kept(None, 86_400), "anna")
    gone = await full_of_canaries(shop, consumer="web shop")
    clock.pass_days(2)
    assert await shop.purge() == 1
    first, replay = await shop.store.history.executions(gone.message_id)
    for detail in (first, replay):
        held = (detail.message, detail.response, detail.input, detail.logs, detail.journal)
        assert held == (None, None, b"", "", [])
        assert detail.edit is None
    assert first.attempts[0].logs == ""
    assert first.attempts[0].failure == Failure("permanent", "permanent_error", "")
    assert await shop.store.history.response(gone.execution_no) is None
    found = await shop.numbers(workspace="shop", integration="orders", search=("name", CANARY))
    assert len(found) == 2


# --- the file itself ------------------------------------------------------------------------------


def canaries_in(path: Path) -> set[bytes]:
    """Which canaries stand anywhere in the store's files."""
    whole = b"".join(part.read_bytes() for part in path.parent.glob(path.name + "*"))
    return set(re.findall(rb"canary-[0-9]{6}", whole))


async def test_after_erasing_no_body_is_left_in_the_sqlite_file_or_its_log(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "firesteel.db"

    async def open_one(**clocks: object) -> Store:
        store: Store = await sqlite_store.open_store(path, **clocks)  # type: ignore[arg-type]
        return store

    shop = await open_shop(open_one, clock)  # type: ignore[arg-type]
    ids, kept = [], set()
    for number in range(300):
        canary = b"canary-%06d" % number
        body = canary + b"x" * (30_000 if number % 50 == 0 else 900)
        failure = Failure("permanent", "permanent_error", canary.decode())
        accepted = await shop.accept(f"consumer {number}", body=body)
        await shop.settle(accepted.execution_no, State.FAILED, failure, input=canary)
        if number % 3:
            ids.append(accepted.message_id)
        else:
            kept.add(canary)
    assert len(canaries_in(path)) == 300
    for start in range(0, len(ids), 50):
        await shop.store.history.erase(ids[start : start + 50])
    assert await shop.store.history.forget("shop", None)
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    assert canaries_in(path) == kept
    await shop.store.close()
    before, after = compact(path)
    assert after <= before
    assert canaries_in(path) == kept
