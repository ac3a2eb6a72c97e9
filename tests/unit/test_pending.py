"""What will be known later: told to one, at once, whoever waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firesteel.pending import Pending


async def test_whoever_waits_is_told_at_once_and_whoever_comes_later_too() -> None:
    told: list[int] = []
    pending: Pending[int] = Pending()
    pending.then(lambda known: told.append(known.result()))
    pending.resolve(1)
    pending.then(lambda known: told.append(known.result() + 1))
    assert told == [1, 2]
    assert await pending == 1


async def test_a_task_may_await_it() -> None:
    pending: Pending[str] = Pending()
    waiting = asyncio.ensure_future(pending)
    await asyncio.sleep(0)
    assert not waiting.done()
    pending.resolve("x")
    assert await waiting == "x"


async def test_its_error_is_raised_where_it_is_asked_for() -> None:
    pending: Pending[str] = Pending()
    waiting = asyncio.ensure_future(pending)
    await asyncio.sleep(0)
    pending.reject(KeyError("x"))
    with pytest.raises(KeyError):
        await waiting
    with pytest.raises(KeyError):
        pending.result()


async def test_a_task_that_was_cancelled_is_not_told() -> None:
    pending: Pending[str] = Pending()
    waiting = asyncio.ensure_future(pending)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pending.resolve("x")
    assert pending.result() == "x"


async def test_two_cannot_wait_for_it() -> None:
    pending: Pending[str] = Pending()
    pending.then(lambda _: None)
    with pytest.raises(RuntimeError):
        pending.then(lambda _: None)


async def test_what_is_raised_by_whoever_is_told_reaches_the_loops_handler_only() -> None:
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: found.append(context))
    pending: Pending[str] = Pending()
    pending.then(lambda _: 1 // 0)
    pending.resolve("x")
    (context,) = found
    assert isinstance(context["exception"], ZeroDivisionError)
