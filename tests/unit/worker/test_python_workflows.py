from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from firesteel import Message, PermanentError, Response, RetryLater, step, workflow
from firesteel.testing import run


@dataclass
class Customer:
    name: str
    since: date
    credit: Decimal


done: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    done.clear()


@step
async def insert(name: str) -> Customer:
    done.append(f"insert {name}")
    return Customer(name, date(2026, 1, 2), Decimal("1.10"))


@step
def count(number: int) -> dict[str, int]:
    done.append(f"count {number}")
    return {"number": number}


@workflow
async def inserts(input: dict[str, Any]) -> Response:
    first, second = await insert("a"), await insert("b")
    assert isinstance(first, Customer)
    return Response([first, second], status=201, headers={"x-count": "2"})


@workflow
def counts() -> int:
    assert threading.current_thread() is not threading.main_thread()
    return sum(count(number)["number"] for number in range(3))


@workflow
async def misuses_a_plain_step() -> None:
    count(1)
    count(2)


@workflow
async def counts_in_threads() -> list[Any]:
    return [await asyncio.to_thread(count, number) for number in range(2)]


@workflow
async def fails(input: str) -> None:
    await insert("a")
    raise {"permanent": PermanentError("unknown item"), "later": RetryLater(7)}.get(
        input, ValueError("secret")
    )


def test_steps_are_journaled_by_name_and_number() -> None:
    result = run(inserts, {})
    assert [record.place for record in result.steps] == ["insert#0", "insert#1"]
    assert result.response.status == 201
    assert result.response.headers["x-count"] == "2"
    assert result.response.json()[0] == {"name": "a", "since": "2026-01-02", "credit": 1.1}


def test_p13_a_step_in_the_journal_is_not_done_again() -> None:
    first = run(inserts, {})
    again = run(inserts, {}, journal=first.journal[:1])
    assert done == ["insert a", "insert b", "insert b"]
    assert again.response == first.response


def test_plain_workflows_and_steps_are_journaled_too() -> None:
    result = run(counts)
    assert result.response.json() == 3
    assert [record.place for record in result.steps] == ["count#0", "count#1", "count#2"]
    run(counts, journal=result.journal)
    assert len(done) == 3


def test_a_plain_step_in_a_coroutine_is_an_error_that_says_what_to_do() -> None:
    failure = run(misuses_a_plain_step).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("permanent", "step_misused")
    assert "to_thread" in failure.detail
    assert done == []


def test_a_plain_step_in_a_thread_of_a_coroutine_is_journaled() -> None:
    result = run(counts_in_threads)
    assert [record.place for record in result.steps] == ["count#0", "count#1"]


def test_the_kinds_of_errors_and_what_was_done_before_them() -> None:
    permanent = run(fails, "permanent")
    assert permanent.failure is not None
    assert (permanent.failure.kind, permanent.failure.detail) == ("permanent", "unknown item")
    assert [record.place for record in permanent.steps] == ["insert#0"]
    later = run(fails, "later").failure
    assert later is not None
    assert (later.kind, later.code, later.after_s) == ("transient", "retry_later", 7)
    unknown = run(fails, "other").failure
    assert unknown is not None
    assert (unknown.kind, unknown.detail) == ("unknown", "ValueError: secret")
    assert run(fails, "other").response.status == 502


@pytest.mark.parametrize(
    ("returned", "status", "content_type", "body"),
    [
        (None, 204, None, b""),
        ("text", 200, "text/plain; charset=utf-8", b"text"),
        (b"\x00", 200, "application/octet-stream", b"\x00"),
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([], 200, "application/json", b"[]"),
        (Response("made", status=201), 201, "text/plain; charset=utf-8", b"made"),
    ],
)
def test_what_a_workflow_returns_is_the_answer(
    returned: Any, status: int, content_type: str | None, body: bytes
) -> None:
    @workflow
    async def returns() -> Any:
        return returned

    answer = run(returns).response
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers.get("content-type") == content_type


def test_a_message_given_by_the_test_reaches_the_workflow() -> None:
    @workflow
    async def reads(message: Message) -> Any:
        return {"quantity": message.query["quantity"] + 1, "attempt": message.attempt}

    message = Message(query={"quantity": 2}, attempt=3)
    assert run(reads, message=message).response.json() == {"quantity": 3, "attempt": 3}


async def test_a_workflow_can_be_run_from_within_a_loop() -> None:
    assert run(counts).response.json() == 3


def test_output_is_kept_up_to_64_kib() -> None:
    @workflow
    async def talks() -> None:
        print("\ud800 first")  # noqa: T201
        for _ in range(100):
            print("x" * 1000)  # noqa: T201

    logs = run(talks).logs
    assert logs.startswith("\\ud800 first\n")
    assert len(logs) <= 64 * 1024
    assert logs.endswith("[cut here: more than 64 KiB]\n")


def test_half_a_surrogate_pair_in_an_error_does_not_hide_it() -> None:
    @workflow
    async def raises() -> None:
        raise PermanentError("\ud800 is no text")

    failure = run(raises).failure
    assert failure is not None
    assert failure.detail == "\\ud800 is no text"
