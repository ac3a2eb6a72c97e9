"""Waiting callers: one answer each."""

from __future__ import annotations

import asyncio

import pytest

from firesteel.engine.calls import NodeStopping
from firesteel.engine.waiters import Waiters
from firesteel.model.execution import Response

RESPONSE = Response(200, [], b"x")


async def test_every_caller_of_an_execution_gets_its_response_and_nobody_elses() -> None:
    waiters = Waiters()
    first, second, other = waiters.add(1), waiters.add(1), waiters.add(2)
    waiters.answer(1, RESPONSE)
    assert await waiters.wait(first, 5) is RESPONSE
    assert await waiters.wait(second, 5) is RESPONSE
    assert not other.done()
    assert len(waiters) == 1


async def test_a_caller_whose_time_is_over_gets_none_and_disturbs_no_answer() -> None:
    waiters = Waiters()
    late, patient = waiters.add(1), waiters.add(1)
    assert await waiters.wait(late, 0.0) is None
    waiters.answer(1, RESPONSE)
    assert await waiters.wait(patient, 5) is RESPONSE


async def test_a_caller_that_goes_away_is_forgotten() -> None:
    waiters = Waiters()
    waiter = waiters.add(1)
    waiters.forget(1, waiter)
    waiters.forget(1, waiter)
    assert len(waiters) == 0
    waiters.answer(1, RESPONSE)
    assert not waiter.done()


async def test_a_stopping_node_refuses_those_that_wait_and_those_that_come() -> None:
    waiters = Waiters()
    waiting = asyncio.ensure_future(waiters.wait(waiters.add(1), 60))
    await asyncio.sleep(0)
    waiters.stop()
    with pytest.raises(NodeStopping):
        await waiting
    with pytest.raises(NodeStopping):
        waiters.add(2)
