"""A client that closes its sending half behind what it has sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from firesteel.gateway.app import Gateway
from firesteel.gateway.deadlines import Deadlines
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import Served, bound_socket

CALL = request("POST", "/t37ed/Open", b"hello")


@pytest.fixture
def opened(served: Served) -> Served:
    served.engine.publish({"name": "Open"})
    served.engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    return served


@pytest.mark.parametrize("path", ["/t37ed/Open", "/t37ed/Ask"])
async def test_a_complete_request_is_answered_and_the_connection_closed(
    opened: Served, path: str
) -> None:
    async with await opened.connect() as connection:
        await connection.send_all(request("POST", path, b"hello"))
        assert (await connection.answer()).status in (200, 202)
        assert await connection.rest() == b""


async def test_a_response_that_is_waited_for_still_comes(opened: Served) -> None:
    opened.engine.answer = lambda _call: None
    async with await opened.connect() as connection:
        await connection.send_all(request("POST", "/t37ed/Ask", b"1"))
        await opened.engine.until_waiting(1)
        opened.engine.finish()
        assert (await connection.answer()).status == 200


async def test_pipelined_requests_are_all_answered(opened: Served) -> None:
    async with await opened.connect() as connection:
        await connection.send_all(CALL + request("POST", "/t37ed/Ask", b"2") + CALL)
        assert [(await connection.answer()).status for _ in range(3)] == [202, 200, 202]
        assert await connection.rest() == b""
    assert len(opened.engine.calls) == 3


@pytest.mark.parametrize("data", [CALL[:-1], CALL[:30], CALL[:-5], CALL[:1]])
async def test_an_incomplete_request_is_400_and_starts_nothing(opened: Served, data: bytes) -> None:
    async with await opened.connect() as connection:
        await connection.send_all(CALL + data)
        assert (await connection.answer()).status == 202
        assert (await connection.answer()).code == "bad_request"
        assert await connection.rest() == b""
    assert len(opened.engine.calls) == 1


async def test_who_sends_nothing_is_closed_without_an_answer(opened: Served) -> None:
    async with await opened.connect() as connection:
        await connection.send_all(b"")
        assert await connection.rest() == b""
    async with await opened.connect() as connection:
        assert (await connection.call(CALL)).status == 202
        await connection.send_all(b"")
        assert await connection.rest() == b""


@pytest.fixture
async def impatient(engine: MemoryEngine) -> AsyncIterator[int]:
    """The port of a gateway that gives nobody up later than at its next look."""
    bound = bound_socket()
    rules = Rules(deadlines=Deadlines(linger_s=0.0))
    listener = Listener(Gateway(engine), [bound], rules=rules)
    await listener.start()
    yield bound.getsockname()[1]
    await listener.stop(5.0)


async def test_who_has_gone_is_not_waited_for_longer_than_a_moment(
    impatient: int, engine: MemoryEngine
) -> None:
    engine.answer = lambda _call: None
    engine.publish({"name": "Ask", "trigger": {"request_response": True}})
    async with await RawConnection.open(impatient) as connection:
        await connection.send_all(request("POST", "/t37ed/Ask", b"1"))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await connection.answer()
    await engine.until_waiting(0)
    engine.finish()
