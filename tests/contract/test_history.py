"""What every store's history promises: lists, a message's page, status, retention, back-up."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.errors import CallerError
from firesteel.model.execution import Failure, JournalEntry, Reason, State
from firesteel.model.message import Message
from firesteel.store.copies import CopyProgress
from firesteel.store.history import MessageFilter, MessageSummary
from firesteel.store.journal import (
    Idempotency,
    Postponement,
)
from firesteel.store.sqlite import store as sqlite_store
from tests.contract.conftest import OpenStore, Store
from tests.contract.shop import (
    ANNA,
    BAD_GATEWAY,
    DAY_US,
    FAILURE,
    OK,
    START_US,
    Clock,
    Shop,
    add_integration,
    open_shop,
)

# --- responses ----------------------------------------------------------------------------------


async def test_the_responses_of_those_that_have_ended_are_found_together(shop: Shop) -> None:
    first, second = await shop.done(), await shop.done(State.FAILED)
    running = await shop.accept()
    numbers = [one.execution_no for one in (first, second, running)]
    history = shop.store.history
    found = await history.responses([*numbers, 10**6])
    assert found == {no: await history.response(no) for no in numbers[:2]}
    assert await history.responses([]) == {}


# --- lists --------------------------------------------------------------------------------------


async def test_a_list_shows_the_latest_first_with_what_is_known(shop: Shop, clock: Clock) -> None:
    first = await shop.accept(consumer=None)
    clock.pass_days(1)
    second = await shop.done(State.FAILED, lane_key="c1")
    latest, earliest = await shop.page()
    assert latest == MessageSummary(
        execution_no=second.execution_no,
        message_id=second.message_id,
        run=1,
        sequence=2,
        workspace="shop",
        integration="orders",
        version=1,
        state=State.FAILED,
        reason=None,
        consumer="web shop",
        received_at_us=START_US + DAY_US,
        settled_at_us=START_US + DAY_US,
        due_at_us=None,
        attempts=1,
        lane_key="c1",
        failure=FAILURE,
    )
    assert (earliest.execution_no, earliest.state) == (first.execution_no, State.RUNNING)
    assert (earliest.consumer, earliest.lane_key, earliest.settled_at_us) == (None, None, None)


async def test_each_filter_finds_its_messages_and_all_hold_together(
    shop: Shop, clock: Clock
) -> None:
    red = await shop.done(search=(("color", "red"), ("size", "1")))
    clock.pass_days(1)
    blue = await shop.done(State.FAILED, consumer="warehouse", search=(("color", "blue"),))
    clock.pass_days(1)
    running = await shop.accept(search=(("color", "red"),))
    r, b, n = red.execution_no, blue.execution_no, running.execution_no
    expected: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [n, b, r]),
        ({"workspace": "shop", "integration": "orders"}, [n, b, r]),
        ({"workspace": "nowhere"}, []),
        ({"integration": "other"}, []),
        ({"state": State.SUCCEEDED}, [r]),
        ({"state": State.FAILED}, [b]),
        ({"state": State.RUNNING}, [n]),
        ({"state": State.WAITING}, []),
        ({"state": State.CANCELLED}, []),
        ({"consumer": "web shop"}, [n, r]),
        ({"consumer": "web shop", "state": State.SUCCEEDED}, [r]),
        ({"consumer": "nobody"}, []),
        ({"sequence": 2}, [b]),
        ({"sequence": 2, "consumer": "web shop"}, []),
        ({"search": ("color", "red")}, [n, r]),
        ({"search": ("color", "red"), "state": State.RUNNING}, [n]),
        ({"search": ("color", "1")}, []),
        ({"received_from_us": START_US + 1}, [n, b]),
        ({"received_until_us": START_US + DAY_US}, [r]),
        ({"received_from_us": START_US, "received_until_us": START_US + 2 * DAY_US}, [b, r]),
        ({"received_from_us": START_US + 1, "state": State.FAILED}, [b]),
        ({"received_from_us": START_US + 1, "search": ("color", "red")}, [n]),
        ({"received_from_us": START_US + 9 * DAY_US}, []),
    ]
    for conditions, numbers in expected:
        assert await shop.numbers(**conditions) == numbers, conditions


async def test_a_replay_is_found_by_the_conditions_of_its_message(shop: Shop, clock: Clock) -> None:
    original = await shop.done(State.FAILED, search=(("color", "red"),))
    clock.pass_days(1)
    await shop.done(consumer="warehouse")
    replay = await shop.replay(original.execution_no)
    for conditions in (
        {"search": ("color", "red")},
        {"consumer": "web shop"},
        {"sequence": 1},
        {"received_until_us": START_US + 1},
    ):
        assert await shop.numbers(**conditions) == [replay, original.execution_no], conditions
        assert await shop.numbers(**conditions, state=State.RUNNING) == [replay]
        assert await shop.numbers(**conditions, before_no=replay) == [original.execution_no]
    (row, _) = await shop.page(sequence=1)
    assert (row.run, row.message_id) == (2, original.message_id)


async def test_pages_follow_each_other_over_several_integrations(shop: Shop) -> None:
    accepted = []
    for name in ("a", "b", "c"):
        await add_integration(shop, name)
        accepted += [(await shop.accept()).execution_no for _ in range(5)]
    pages: list[int] = []
    before_no = None
    while page := await shop.numbers(limit=4, before_no=before_no):
        pages += page
        before_no = page[-1]
    assert pages == sorted(accepted, reverse=True)


async def test_a_removed_integrations_messages_stay_to_be_seen(shop: Shop) -> None:
    old = await shop.done()
    await shop.store.catalog.remove("shop", "orders", "anna")
    await add_integration(shop, "orders")
    new = await shop.done()
    assert await shop.numbers(integration="orders") == [new.execution_no, old.execution_no]


async def test_what_a_removed_integration_has_left_is_told_until_it_has_ended(shop: Shop) -> None:
    await shop.accept(lane_key="c1")
    await shop.accept(lane_key="c1")
    assert await shop.store.history.unfinished(removed_of="shop") == []
    await shop.store.catalog.remove("shop", "orders", "anna")
    await add_integration(shop, "orders")
    await shop.accept()
    (left,) = await shop.store.history.unfinished(removed_of="shop")
    assert (left.workspace, left.integration, left.waiting + left.running) == ("shop", "orders", 2)
    assert await shop.store.history.unfinished(removed_of="store") == []


async def test_a_list_by_time_finds_messages_although_the_clock_was_set_back(
    shop: Shop, clock: Clock
) -> None:
    numbers = []
    for minute in (0, 30, 10, 40, 20, 50):
        clock.wall_now_us = START_US + minute * 60_000_000
        numbers.append((await shop.done()).execution_no)
    found = await shop.numbers(
        received_from_us=START_US + 10 * 60_000_000, received_until_us=START_US + 31 * 60_000_000
    )
    assert found == [numbers[4], numbers[2], numbers[1]]


# --- why it waits -------------------------------------------------------------------------------


async def test_a_waiting_execution_says_why(shop: Shop) -> None:
    head = await shop.accept(lane_key="c1")
    behind = await shop.accept(lane_key="c1")
    (row,) = await shop.page(state=State.WAITING)
    assert (row.execution_no, row.reason) == (behind.execution_no, Reason.TURN)
    claim = shop.claims[head.execution_no]
    failure = Failure("transient", "step_failed", "no connection")
    await shop.store.journal.postpone(
        Postponement(head.execution_no, claim.epoch, 60.0, counts=False, failure=failure)
    )
    reasons = {row.execution_no: row.reason for row in await shop.page(state=State.WAITING)}
    assert reasons == {
        head.execution_no: Reason.RETRY_AT,
        behind.execution_no: Reason.TURN,
    }
    (first,) = await shop.page(sequence=1)
    assert first.due_at_us == START_US + 60_000_000
    assert first.failure == failure
    await shop.store.journal.pause(shop.trigger_no, "c1", ANNA)
    assert {row.reason for row in await shop.page(state=State.WAITING)} == {Reason.PAUSED}
    await shop.store.journal.resume(shop.trigger_no, "c1", ANNA)
    await shop.store.journal.pause(shop.trigger_no, None, ANNA)
    assert {row.reason for row in await shop.page(state=State.WAITING)} == {Reason.PAUSED}


async def test_without_a_free_slot_the_reason_is_slot(shop: Shop) -> None:
    shop.store.journal.grant(0)
    await shop.accept()
    await shop.accept(lane_key="c1")
    await shop.accept(lane_key="c1")
    waiting = await shop.page(state=State.WAITING)
    assert [row.reason for row in waiting] == [Reason.TURN, Reason.SLOT, Reason.SLOT]


# --- a message's page ---------------------------------------------------------------------------


async def test_a_message_shows_everything_that_is_kept_of_it(shop: Shop) -> None:
    accepted = await shop.accept(lane_key="c1")
    behind = await shop.accept(lane_key="c1")
    number = accepted.execution_no
    entries = [JournalEntry(name, "sql", 1, 5, 6, b"result", b"in") for name in ("z", "a")]
    assert await shop.store.journal.record(number, 1, entries[0])
    await shop.store.journal.postpone(
        Postponement(number, 1, 0.0, counts=True, failure=FAILURE, logs="first try")
    )
    claim = shop.claims[number]
    assert [entry.step for entry in claim.journal] == ["z"]
    await shop.settle(
        number, entries=[entries[1]], input=b'{"a": 1}', logs="second try", code_hash="abc"
    )
    (detail,) = await shop.store.history.executions(accepted.message_id)
    assert detail.message == Message(
        accepted.message_id, 1, START_US, "web shop", b"request", b"body"
    )
    assert detail.journal == entries
    assert [(a.attempt, a.failure, a.logs) for a in detail.attempts] == [(1, FAILURE, "first try")]
    assert (detail.response, detail.input, detail.logs) == (OK, b'{"a": 1}', "second try")
    assert (detail.code_hash, detail.trigger_no) == ("abc", shop.trigger_no)
    assert detail.version_no == shop.version_no
    assert (detail.summary.state, detail.summary.attempts) == (State.SUCCEEDED, 2)
    assert detail.waits_for is None
    assert behind.execution_no in shop.claims


async def test_a_message_behind_others_names_the_one_that_its_lane_is_at(shop: Shop) -> None:
    head, *behind = [await shop.accept(lane_key="c1") for _ in range(3)]
    (detail,) = await shop.store.history.executions(behind[1].message_id)
    assert detail.waits_for == head.message_id
    claim = shop.claims.pop(head.execution_no)
    await shop.store.journal.postpone(Postponement(head.execution_no, claim.epoch, 60.0, False))
    (detail,) = await shop.store.history.executions(behind[1].message_id)
    assert detail.waits_for == head.message_id


async def test_replays_stand_behind_their_original_and_name_it(shop: Shop) -> None:
    accepted = await shop.done(State.FAILED)
    replay = await shop.replay(accepted.execution_no)
    await shop.settle(replay)
    first, second = await shop.store.history.executions(accepted.message_id)
    assert (first.summary.run, first.replay_of, first.response) == (1, None, BAD_GATEWAY)
    assert (second.summary.run, second.replay_of, second.response) == (2, accepted.execution_no, OK)
    assert first.message == second.message


async def test_who_ended_an_execution_and_why_is_shown(shop: Shop) -> None:
    accepted = await shop.accept()
    await shop.store.journal.end_running(accepted.execution_no, 1, ANNA, BAD_GATEWAY)
    (detail,) = await shop.store.history.executions(accepted.message_id)
    assert (detail.ended_by, detail.ended_why) == ("anna", "asked to")


async def test_an_unknown_message_has_neither_page_nor_status(shop: Shop) -> None:
    assert await shop.store.history.executions("m9") == []
    assert await shop.store.history.status("m9") is None
    assert await shop.store.history.response(9) is None


async def test_the_status_is_that_of_the_latest_execution(shop: Shop, clock: Clock) -> None:
    accepted = await shop.accept()
    running = await shop.store.history.status(accepted.message_id)
    assert running is not None
    assert (running.state, running.settled_at_us, running.attempts) == (State.RUNNING, None, 1)
    assert await shop.store.history.response(running.execution_no) is None
    clock.pass_days(1)
    await shop.settle(accepted.execution_no, State.FAILED)
    replay = await shop.replay(accepted.execution_no)
    await shop.settle(replay)
    settled = await shop.store.history.status(accepted.message_id)
    assert settled is not None
    assert (settled.execution_no, settled.state) == (replay, State.SUCCEEDED)
    assert (settled.sequence, settled.consumer) == (1, "web shop")
    assert (settled.trigger_no, settled.received_at_us) == (shop.trigger_no, START_US)
    assert settled.settled_at_us == START_US + DAY_US
    assert await shop.store.history.response(replay) == OK
    assert await shop.store.history.response(accepted.execution_no) == BAD_GATEWAY


# --- retention ----------------------------------------------------------------------------------


async def conserved(shop: Shop) -> None:
    """P07: accepted and replayed = waiting + running + terminal + purged."""
    counts = await shop.store.journal.counts(shop.trigger_no)
    known = counts.waiting + counts.running + counts.terminal + counts.purged
    assert counts.accepted + counts.replayed == known


async def test_what_has_ended_goes_when_its_retention_is_over_and_not_before(
    shop: Shop, clock: Clock
) -> None:
    old = [await shop.done(search=(("n", str(n)),)) for n in range(20)]
    clock.pass_days(20)
    young = await shop.done(State.FAILED)
    assert await shop.purge() == 0
    clock.pass_days(11)
    assert await shop.purge() == 20
    assert await shop.numbers() == [young.execution_no]
    assert await shop.store.history.executions(old[0].message_id) == []
    assert await shop.store.history.response(old[0].execution_no) is None
    counts = await shop.store.journal.counts(shop.trigger_no)
    assert (counts.accepted, counts.purged, counts.terminal) == (21, 20, 1)
    assert await shop.purge() == 0


async def test_what_has_not_ended_never_goes(shop: Shop, clock: Clock) -> None:
    head, behind = [await shop.accept(lane_key="c1") for _ in range(2)]
    ended = await shop.done()
    clock.pass_days(400)
    assert await shop.purge() == 1
    assert await shop.numbers() == [behind.execution_no, head.execution_no]
    await shop.settle(head.execution_no)
    assert await shop.purge() == 0
    clock.pass_days(31)
    assert await shop.purge() == 1
    assert await shop.store.history.status(ended.message_id) is None
    await conserved(shop)


async def test_a_message_stays_until_its_last_replay_is_old_enough(
    shop: Shop, clock: Clock
) -> None:
    accepted = await shop.done(State.FAILED)
    clock.pass_days(40)
    replay = await shop.replay(accepted.execution_no)
    assert await shop.purge() == 0
    await shop.settle(replay)
    assert await shop.purge() == 0
    clock.pass_days(31)
    assert await shop.purge() == 1
    counts = await shop.store.journal.counts(shop.trigger_no)
    assert (counts.accepted, counts.replayed, counts.purged) == (1, 1, 2)
    await conserved(shop)


async def test_an_integrations_own_retention_holds_also_after_it_was_removed(
    open_store: OpenStore, clock: Clock
) -> None:
    shop = await open_shop(open_store, clock, history_s=86_400.0)
    await shop.done()
    await add_integration(shop, "kept", history_s=365 * 86_400.0)
    kept = await shop.done()
    await shop.store.catalog.remove("shop", "orders", "anna")
    clock.pass_days(60)
    assert await shop.purge() == 1
    assert await shop.numbers() == [kept.execution_no]


async def test_payloads_may_go_before_their_messages(open_store: OpenStore, clock: Clock) -> None:
    shop = await open_shop(open_store, clock, payloads_s=86_400.0)
    running = await shop.accept(lane_key="c1")
    old = [(await shop.done(State.FAILED, search=(("n", "1"),))) for _ in range(10)]
    clock.pass_days(2)
    young = await shop.done()
    assert await shop.purge() == 10
    assert await shop.purge() == 0
    (detail,) = await shop.store.history.executions(old[0].message_id)
    assert (detail.message, detail.response, detail.journal) == (None, None, [])
    assert [attempt.logs for attempt in detail.attempts] == [""]
    assert detail.summary.failure == without_texts(FAILURE)
    assert detail.attempts[0].failure == without_texts(FAILURE)
    assert len(await shop.numbers(search=("n", "1"))) == 10
    (detail,) = await shop.store.history.executions(young.message_id)
    assert detail.message is not None
    await shop.settle(running.execution_no)
    clock.pass_days(2)
    assert await shop.purge() == 2
    clock.pass_days(30)
    assert await shop.purge() == 12
    await conserved(shop)


def without_texts(failure: Failure) -> Failure:
    return Failure(failure.kind, failure.code, "")


async def test_a_replay_that_begins_meanwhile_keeps_its_message(shop: Shop, clock: Clock) -> None:
    accepted = [await shop.done(State.FAILED) for _ in range(5)]
    clock.pass_days(31)
    replays = asyncio.gather(*(shop.replay(one.execution_no) for one in accepted))
    await shop.purge()
    await replays
    for one in accepted:
        details = await shop.store.history.executions(one.message_id)
        assert len(details) == 2
        assert details[0].message is not None
    await conserved(shop)


async def test_idempotency_keys_go_when_their_window_is_over(shop: Shop, clock: Clock) -> None:
    def key() -> Idempotency:
        return Idempotency("k1", b"f" * 32, clock.wall_us() + 4 * DAY_US)

    await shop.done(idempotency=key())
    clock.pass_days(3)
    assert await shop.purge(days=1) == 1
    clock.pass_days(2)
    assert await shop.purge(days=1) == 1
    assert await shop.purge(days=1) == 0
    await shop.done(idempotency=key())


async def test_p32_a_clock_that_jumps_ahead_purges_nothing_early(
    shop: Shop, clock: Clock, open_store: OpenStore
) -> None:
    old = await shop.done()
    clock.pass_days(1)
    assert await shop.purge() == 0
    clock.wall_now_us += 400 * DAY_US
    assert await shop.purge() == 0
    new = await shop.done()
    await shop.store.close()
    reopened = Shop(
        await open_store(wall_us=clock.wall_us, monotonic_s=clock.monotonic_s), clock, 1, 1
    )
    assert await reopened.purge() == 0
    clock.pass_days(28)
    assert await reopened.purge() == 0
    clock.pass_days(1.1)
    assert await reopened.purge() == 1
    assert await reopened.store.history.status(old.message_id) is None
    assert await reopened.store.history.status(new.message_id) is not None
    clock.pass_days(1)
    assert await reopened.purge() == 1


async def test_p32_a_clock_that_is_set_back_and_forth_purges_nothing_early(
    shop: Shop, clock: Clock
) -> None:
    await shop.done()
    clock.wall_now_us -= 400 * DAY_US
    assert await shop.purge() == 0
    await shop.done()
    assert await shop.purge() == 0
    clock.wall_now_us += 400 * DAY_US
    assert await shop.purge() == 0
    clock.pass_days(29)
    assert await shop.purge() == 0


async def test_p07_nothing_is_lost_while_purging_and_accepting(shop: Shop, clock: Clock) -> None:
    for _ in range(60):
        await shop.done()
    clock.pass_days(31)
    purging = asyncio.create_task(shop.purge())
    accepted = await asyncio.gather(*(shop.accept() for _ in range(60)))
    assert await purging == 60
    assert [one.sequence for one in accepted] == list(range(61, 121))
    await conserved(shop)
    assert len(await shop.numbers(limit=200)) == 60


# --- back-up ------------------------------------------------------------------------------------


def copies_in(directory: Path) -> dict[str, int]:
    """Names and modes of whole and partial copies."""
    return {path.name: path.stat().st_mode & 0o777 for path in directory.glob("*copy*")}


@pytest.fixture
async def shop_in_a_file(tmp_path: Path, clock: Clock) -> AsyncIterator[Shop]:
    """On SQLite: PostgreSQL has tools of its own."""

    async def open_file(**clocks: Any) -> Store:
        return await sqlite_store.open_store(tmp_path / "firesteel.db", **clocks)

    shop = await open_shop(open_file, clock)
    yield shop
    await shop.store.close()


async def test_p31_a_backup_has_every_message_accepted_before_it_began(
    shop_in_a_file: Shop, tmp_path: Path
) -> None:
    shop = shop_in_a_file
    before = [await shop.accept() for _ in range(30)]
    target = tmp_path / "copy.db"
    await asyncio.gather(shop.store.history.backup(target), *(shop.accept() for _ in range(30)))
    assert copies_in(tmp_path) == {"copy.db": 0o600}
    await shop.store.close()
    copy = await sqlite_store.open_store(target)
    try:
        found = await copy.history.messages(MessageFilter(limit=100))
        assert {one.message_id for one in before} <= {row.message_id for row in found}
    finally:
        await copy.close()
    with sqlite3.connect(target) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_backup_replaces_no_file_and_leaves_none_behind(
    shop_in_a_file: Shop, tmp_path: Path
) -> None:
    shop = shop_in_a_file
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    with pytest.raises(CallerError) as caught:
        await shop.store.history.backup(taken)
    assert caught.value.code == "target_exists"
    assert taken.read_text() == "mine"
    with pytest.raises(Exception, match="could not be written"):
        await shop.store.history.backup(tmp_path / "no directory" / "copy.db")


async def test_a_backup_is_read_through_and_says_what_is_in_it(
    shop_in_a_file: Shop, tmp_path: Path
) -> None:
    for _ in range(3):
        await shop_in_a_file.accept()
    progress = CopyProgress()
    target = tmp_path / "copy.db"

    copied = await shop_in_a_file.store.history.backup(target, progress)

    assert copied.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert copied.size_bytes == target.stat().st_size
    assert copied.counted.messages == 3
    assert sum(copied.counted.executions.values()) == 3
    assert (progress.doing, progress.done_bytes) == ("summing", copied.size_bytes)


async def test_a_backup_leaves_the_reserve_of_the_disk_free(
    shop_in_a_file: Shop, tmp_path: Path
) -> None:
    with pytest.raises(CallerError) as caught:
        await shop_in_a_file.store.history.backup(tmp_path / "copy.db", reserve_bytes=1 << 60)
    assert caught.value.code == "no_room"
    assert copies_in(tmp_path) == {}


async def test_the_size_grows_with_what_is_kept_and_a_purge_leaves_room_in_it(
    shop: Shop, clock: Clock
) -> None:
    before = await shop.store.history.size_bytes()
    for _ in range(200):
        await shop.done(search=(("text", "x" * 1000),))
    assert await shop.store.history.size_bytes() > before
    clock.pass_days(31)
    assert await shop.purge() == 200
    # PostgreSQL's processes report what they have deleted about once a second.
    async with asyncio.timeout(30):
        while not await shop.store.history.reusable_bytes():  # noqa: ASYNC110  # a query a look
            await asyncio.sleep(0.1)
