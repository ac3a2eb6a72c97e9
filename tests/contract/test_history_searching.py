"""What every store's history promises to those who look for messages: text, failures, bulk acts."""

from __future__ import annotations

import asyncio
import json

import pytest

from firesteel.model.execution import Failure, Response, State
from firesteel.store.history import MessageFilter, TextScan
from firesteel.store.journal import Edit
from tests.contract.shop import DAY_US, FAILURE, START_US, Clock, Shop, add_integration

TIMED_OUT = Failure("transient", "http_timeout", "the system did not answer", step="insert")
HOUR_S = 3600.0


async def scan(shop: Shop, text: str, rows: int = 1000, **conditions: object) -> TextScan:
    filter = MessageFilter(**conditions)  # type: ignore[arg-type]
    return await shop.store.history.scan(filter, text, rows=rows, seconds=HOUR_S)


def found(piece: TextScan) -> list[tuple[int, list[str]]]:
    return [(match.summary.execution_no, list(match.places)) for match in piece.matches]


# --- text ---------------------------------------------------------------------------------------


async def test_a_text_is_found_wherever_a_message_holds_it_the_latest_first(shop: Shop) -> None:
    in_body = await shop.done(body=b'{"city": "Kalmar"}')
    await shop.done(body=b"nothing of it")
    in_request = await shop.done(body=b"request Kalmar")
    answered = await shop.accept()
    response = Response(200, [], b"sent to Kalmar")
    claim = shop.claims[answered.execution_no]
    await shop.settle(answered.execution_no, input=b'"Kalmar"')
    assert claim.message.body == b"body"
    assert response.body
    assert found(await scan(shop, "Kalmar")) == [
        (answered.execution_no, ["input"]),
        (in_request.execution_no, ["body"]),
        (in_body.execution_no, ["body"]),
    ]
    assert [places for _, places in found(await scan(shop, "done"))] == [["response"]] * 4
    assert [places for _, places in found(await scan(shop, "request"))][1] == ["request", "body"]
    assert found(await scan(shop, "kalmar")) == []


async def test_a_text_is_found_as_json_and_urls_write_it(shop: Shop) -> None:
    escaped = await shop.done(body=json.dumps({"city": "Växjö"}).encode())
    quoted = await shop.done(body=b'{"said": "a \\"b\\" c"}')
    in_url = await shop.done(body=b"q=V%C3%A4xj%C3%B6")
    numbers = [number for number, _ in found(await scan(shop, "Växjö"))]
    assert numbers == [in_url.execution_no, escaped.execution_no]
    assert [number for number, _ in found(await scan(shop, 'a "b" c'))] == [quoted.execution_no]


async def test_a_search_goes_on_where_its_last_piece_ended_and_says_how_far_it_has_come(
    shop: Shop,
) -> None:
    accepted = [await shop.done(body=b"needle") for _ in range(10)]
    numbers, progress, before_no = [], [], None
    while True:
        piece = await scan(shop, "needle", rows=4, before_no=before_no)
        numbers += [number for number, _ in found(piece)]
        progress.append(piece.progress)
        before_no = piece.next_no
        if before_no is None:
            break
        assert piece.looked_at == 4
        assert piece.reached_us == START_US
    assert numbers == [one.execution_no for one in reversed(accepted)]
    assert progress == sorted(progress)
    assert progress[0] < progress[-1] == 1.0


async def test_a_search_ends_a_piece_when_its_time_is_over(shop: Shop) -> None:
    for _ in range(3):
        await shop.done()
    piece = await shop.store.history.scan(MessageFilter(), "x", rows=1000, seconds=0)
    assert (piece.looked_at, piece.next_no is not None) == (1, True)


async def test_a_search_keeps_to_the_filter_and_finds_what_was_edited(
    shop: Shop, clock: Clock
) -> None:
    failed = await shop.done(State.FAILED, body=b"needle")
    await shop.done(body=b"needle")
    clock.pass_days(1)
    await shop.done(State.FAILED, body=b"needle")
    until = START_US + DAY_US
    piece = await scan(shop, "needle", state=State.FAILED, received_until_us=until)
    assert found(piece) == [(failed.execution_no, ["body"])]
    number = await shop.replay(failed.execution_no, Edit(body=b"thread", input=b'"cotton"'))
    assert found(await scan(shop, "thread")) == [(number, ["body"])]
    assert found(await scan(shop, "cotton")) == [(number, ["input"])]


async def test_of_a_very_large_body_the_beginning_is_looked_at(shop: Shop) -> None:
    large = await shop.done(body=b"needle" + b" " * (5 << 20) + b"thread")
    assert found(await scan(shop, "needle")) == [(large.execution_no, ["body"])]
    assert found(await scan(shop, "thread")) == []


async def test_at_most_two_searches_are_under_way(shop: Shop) -> None:
    await shop.done()
    searches = [asyncio.ensure_future(scan(shop, "x")) for _ in range(3)]
    results = await asyncio.gather(*searches, return_exceptions=True)
    refused = [error for error in results if isinstance(error, BaseException)]
    assert [getattr(error, "code", error) for error in refused] == ["search_busy"]
    assert (await scan(shop, "x")).next_no is None


# --- failures -----------------------------------------------------------------------------------


async def test_failures_are_grouped_by_integration_code_and_step(shop: Shop, clock: Clock) -> None:
    for _ in range(2):
        await shop.done(State.FAILED, failed=TIMED_OUT)
        clock.pass_days(1)
    await shop.done(State.FAILED)
    await shop.done(State.CANCELLED)
    await add_integration(shop, "prices")
    last = await shop.done(State.FAILED, failed=TIMED_OUT)
    grouped = await shop.store.history.failures(MessageFilter(), 100)
    assert (grouped.looked_at, grouped.more) == (4, False)
    counts = {(g.integration, g.code, g.step): g.count for g in grouped.groups}
    assert counts == {
        ("orders", "http_timeout", "insert"): 2,
        ("orders", "permanent_error", None): 1,
        ("prices", "http_timeout", "insert"): 1,
    }
    largest = grouped.groups[0]
    assert (largest.first_received_at_us, largest.last_received_at_us) == (
        START_US,
        START_US + DAY_US,
    )
    assert (largest.kind, largest.detail) == ("transient", TIMED_OUT.detail)
    latest = await shop.store.history.failures(MessageFilter(), 1)
    assert [(g.example_id, g.count) for g in latest.groups] == [(last.message_id, 1)]
    assert latest.more


async def test_a_list_is_narrowed_to_a_code_and_to_what_nobody_has_replayed(shop: Shop) -> None:
    first = await shop.done(State.FAILED, failed=TIMED_OUT)
    other = await shop.done(State.FAILED, failed=FAILURE)
    second = await shop.done(State.FAILED, failed=TIMED_OUT)
    failed = {"state": State.FAILED, "failure_code": "http_timeout"}
    assert await shop.numbers(**failed) == [second.execution_no, first.execution_no]
    assert await shop.numbers(state=State.FAILED, failure_code="http") == []
    replay = await shop.replay(first.execution_no)
    assert await shop.numbers(**failed, unrepeated=True) == [second.execution_no]
    await shop.settle(replay, State.FAILED, TIMED_OUT)
    assert await shop.numbers(**failed, unrepeated=True) == [replay, second.execution_no]
    unrepeated = await shop.numbers(state=State.FAILED, unrepeated=True)
    assert unrepeated == [replay, second.execution_no, other.execution_no]


# --- what bulk acts and live lists ask ----------------------------------------------------------


async def test_executions_are_counted_up_to_a_bound_with_the_highest_number(shop: Shop) -> None:
    accepted = [await shop.done(State.FAILED) for _ in range(5)]
    count = shop.store.history.count
    highest = accepted[-1].execution_no
    assert await count(MessageFilter(state=State.FAILED, limit=1), 10) == (5, highest)
    assert await count(MessageFilter(), 3) == (4, highest)
    assert await count(MessageFilter(state=State.SKIPPED), 10) == (0, 0)


@pytest.mark.parametrize(
    "conditions",
    [
        {"state": State.FAILED},
        {"consumer": "web shop"},
        {"received_from_us": START_US},
        {"search": ("color", "red")},
        {},
    ],
)
async def test_targets_come_oldest_first_a_page_at_a_time(
    shop: Shop, conditions: dict[str, object]
) -> None:
    red = (("color", "red"),)
    accepted = [await shop.done(State.FAILED, search=red) for _ in range(5)]
    late = await shop.done(State.FAILED, search=red)
    filter = MessageFilter(**conditions, oldest_first=True, limit=2)  # type: ignore[arg-type]
    numbers: list[int] = []
    while True:
        after_no = numbers[-1] if numbers else 0
        page = MessageFilter(
            **{name: getattr(filter, name) for name in filter.__slots__}
            | {"after_no": after_no, "before_no": late.execution_no}
        )
        targets = await shop.store.history.targets(page)
        numbers += [target.execution_no for target in targets]
        if len(targets) < 2:
            break
    assert numbers == [one.execution_no for one in accepted]


async def test_what_changed_is_told_as_it_stands_and_whether_a_list_shows_it(shop: Shop) -> None:
    failed = await shop.done(State.FAILED, search=(("color", "red"),))
    running = await shop.accept(consumer="warehouse")
    numbers = {failed.execution_no, running.execution_no, 10**9}
    for conditions, shown in (
        ({}, [True, True]),
        ({"workspace": "shop", "state": State.RUNNING}, [True, False]),
        ({"search": ("color", "red")}, [False, True]),
        ({"sequence": 1}, [False, True]),
        ({"consumer": "warehouse", "integration": "orders"}, [True, False]),
        ({"integration": "prices"}, [False, False]),
    ):
        filter = MessageFilter(**conditions)  # type: ignore[arg-type]
        changed = await shop.store.history.changed(filter, numbers)
        assert [row.execution_no for row, _ in changed] == [
            running.execution_no,
            failed.execution_no,
        ]
        assert [matches for _, matches in changed] == shown, conditions
    elsewhere = MessageFilter(workspace="elsewhere")
    assert await shop.store.history.changed(elsewhere, numbers) == []
