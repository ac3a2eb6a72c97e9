"""Deadlines on every connection (P26), and the end of a listener (P28)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from firesteel.gateway.app import Gateway
from firesteel.gateway.deadlines import BodyPace, Deadlines
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from firesteel.model.execution import Response
from tests.support.memory_engine import OK, MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import Served, bound_socket


@pytest.fixture
async def hasty(engine: MemoryEngine) -> AsyncIterator[int]:
    """The port of a gateway whose deadlines are over at its next look at the connections."""
    engine.publish({"name": "Open"})
    bound = bound_socket()
    deadlines = Deadlines(head_s=0.0, idle_s=0.0, body_s=0.0, linger_s=0.0)
    listener = Listener(Gateway(engine), [bound], rules=Rules(deadlines=deadlines))
    await listener.start()
    yield bound.getsockname()[1]
    await listener.stop(5.0)


async def test_p26_a_head_that_is_not_complete_in_time_is_408_and_closed(hasty: int) -> None:
    async with await RawConnection.open(hasty) as connection:
        answer = await connection.call(b"POST /t37ed/Open HTTP/1.1\r\nHost: a\r\n")
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert await connection.rest() == b""


async def test_p26_a_body_that_is_not_complete_in_time_is_408_and_closed(
    hasty: int, engine: MemoryEngine
) -> None:
    async with await RawConnection.open(hasty) as connection:
        data = request("POST", "/t37ed/Open", content_length="10") + b"half"
        assert (await connection.call(data)).code == "request_timeout"
        assert await connection.rest() == b""
    assert engine.calls == []


async def test_p26_a_connection_without_a_request_is_closed_without_an_answer(hasty: int) -> None:
    async with await RawConnection.open(hasty) as connection:
        assert await connection.rest() == b""
    async with await RawConnection.open(hasty) as connection:
        assert (await connection.call(request("GET", "/t37ed/Open"))).status == 202
        assert await connection.rest() == b""


def pace_of(samples: list[tuple[float, int]]) -> list[bool]:
    pace = BodyPace(Deadlines(), 0.0)
    return [pace.too_slow(now, received_bytes) for now, received_bytes in samples]


def test_p26_a_body_may_be_slow_for_the_first_ten_seconds() -> None:
    assert not any(pace_of([(float(second), 0) for second in range(20)]))


def test_p26_a_body_below_1_kb_a_second_over_ten_seconds_is_too_slow() -> None:
    assert pace_of([(float(second), second * 900) for second in range(22)])[20]


def test_p26_a_body_of_1_kb_a_second_is_in_time_for_five_minutes() -> None:
    slow = pace_of([(float(second), second * 1000) for second in range(302)])
    assert slow.index(True) == 301


def test_p26_any_ten_seconds_count_also_after_fast_ones() -> None:
    fast = [(float(second), 1_000_000) for second in range(100)]
    assert pace_of(fast).index(True) == 20


async def test_p28_an_idle_connection_is_closed_and_a_waiting_call_is_answered(
    served: Served,
) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: None
    async with await served.connect() as idle, await served.connect() as busy:
        assert (await idle.call(request("GET", "/none"))).status == 404
        await busy.send(request("POST", "/t37ed/Ask", b"1"))
        await served.engine.accepted.wait()
        stopping = asyncio.create_task(served.listener.stop(20.0))
        assert await idle.rest() == b""
        served.engine.finish()
        answer = await busy.answer()
        assert (answer.body, answer["connection"]) == (OK.body, "close")
        assert await busy.rest() == b""
        await stopping
    assert served.listener.open_connections == 0


async def test_p28_pipelined_requests_that_have_come_are_all_answered(served: Served) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: None
    async with await served.connect() as connection:
        await connection.send(request("POST", "/t37ed/Ask", b"1"))
        await served.engine.accepted.wait()
        await connection.send(request("POST", "/t37ed/Ask", b"2"))
        stopping = asyncio.create_task(served.listener.stop(20.0))
        await asyncio.sleep(0)
        served.engine.answer = lambda _call: OK
        served.engine.finish()
        assert (await connection.answer()).status == 200
        assert (await connection.answer()).status == 200
        await stopping


async def test_p28_what_does_not_end_is_cut_after_the_grace(served: Served) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: None
    async with await served.connect() as connection:
        await connection.send(request("POST", "/t37ed/Ask", b"1"))
        await served.engine.accepted.wait()
        await served.listener.stop(0.0)
        assert await connection.rest() == b""


async def test_a_listener_that_winds_down_takes_calls_and_keeps_no_connection_behind_an_answer(
    served: Served,
) -> None:
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    served.engine.answer = lambda _call: None
    async with (
        await served.connect() as busy,
        await served.connect() as idle,
        await served.connect() as silent,
    ):
        for kept in (idle, silent):
            assert (await kept.call(request("GET", "/none"))).get("connection") is None
        await busy.send(request("POST", "/t37ed/Ask", b"1"))
        await served.engine.accepted.wait()
        served.listener.wind_down()
        served.engine.answer = lambda _call: OK
        answer = await idle.call(request("POST", "/t37ed/Ask", b"2"))
        assert (answer.status, answer["connection"]) == (200, "close")
        assert await idle.rest() == b""
        assert (await served.call("POST", "/t37ed/Ask", b"3"))["connection"] == "close"
        served.engine.finish(index=0)
        answer = await busy.answer()
        assert (answer.body, answer["connection"]) == (OK.body, "close")
        assert await busy.rest() == b""
        assert served.listener.open_connections == 1
        served.listener.end_idle()
        assert await silent.rest() == b""


@pytest.mark.parametrize("end", ["wind_down", "stop"])
async def test_p28_requests_that_were_read_and_wait_for_their_turn_are_answered_at_the_end(
    served: Served, end: str
) -> None:
    """What comes in one piece is parsed bit by bit."""
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await served.listener.stop(60.0)

    def answer(_call: object) -> Response:
        loop = asyncio.get_running_loop()
        if len(served.engine.calls) == 1 and end == "stop":
            stopping.append(loop.create_task(stop()))
        elif len(served.engine.calls) == 1:
            loop.call_soon(served.listener.wind_down)
        return OK

    served.engine.answer = answer
    asked = request("POST", "/t37ed/Ask", b"1" * 10_000) * 6
    async with await served.connect() as connection:
        await connection.send(asked)
        answers = [await connection.answer() for _ in range(6)]
        assert [one.status for one in answers] == [200] * 6
        if end == "stop":
            assert await connection.rest() == b""
    await asyncio.gather(*stopping)
