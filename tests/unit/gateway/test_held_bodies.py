"""P24: the bytes of bodies that a node holds are bounded, and what is over the bound is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from firesteel.gateway.app import Gateway
from firesteel.gateway.held_bodies import HeldBodies
from firesteel.gateway.refused_call import CallRefused
from firesteel.gateway.server import Listener
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import Served, bound_socket

LIMIT_BYTES = 1000
PATH = "/t37ed/Take"


@pytest.fixture
def held() -> HeldBodies:
    return HeldBodies(LIMIT_BYTES)


def test_a_trigger_may_hold_as_much_as_is_left_for_others(held: HeldBodies) -> None:
    flooded, other = held.of(1), held.of(2)
    for _ in range(5):
        flooded.take(100)
    for refused in (lambda: flooded.take(100), lambda: flooded.check(100)):
        with pytest.raises(CallRefused) as told:
            refused()
        assert told.value.problem.code == "overloaded"
    other.check(250)
    other.take(250)
    flooded.give_back(200)
    flooded.take(50)
    assert held.memory.held == 600


def test_its_only_body_may_be_larger_and_leaves_the_last_quarter(held: HeldBodies) -> None:
    first, second, third = held.of(1), held.of(2), held.of(3)
    assert first.take(500) == 500
    assert first.take(200, before_bytes=500) == 200
    with pytest.raises(CallRefused):
        first.take(100, before_bytes=700 - 1)  # there is another one
    assert second.take(50) == 50
    with pytest.raises(CallRefused):
        second.take(200, before_bytes=50)
    assert third.take(100) == 100


def test_one_body_alone_may_be_longer_than_the_bound(held: HeldBodies) -> None:
    first, other = held.of(1), held.of(2)
    counted = first.take(900)
    counted += first.take(900, before_bytes=counted)
    assert counted == held.memory.held == 750
    assert other.take(100) == 100  # it does not keep others out
    assert first.take(900, before_bytes=counted) == 0
    with pytest.raises(CallRefused):
        first.take(1)
    first.give_back(counted)
    assert held.memory.held == 100


def test_a_body_without_a_length_is_counted_while_it_comes(held: HeldBodies) -> None:
    bodies = held.of(1)
    bodies.take(300)
    bodies.check(None)
    bodies.take(200)
    with pytest.raises(CallRefused):
        bodies.take(300, before_bytes=200)
    assert held.memory.held == 500


@pytest.fixture
async def tight(engine: MemoryEngine) -> AsyncIterator[Served]:
    """A gateway that holds 1000 bytes of bodies and eight calls."""
    engine.publish({"name": "Take"})
    engine.publish({"name": "Other"})
    bound = bound_socket()
    gateway = Gateway(engine, bodies=HeldBodies(LIMIT_BYTES), calls_limit=8)
    listener = Listener(gateway, [bound])
    await listener.start()
    yield Served(engine, gateway, listener, bound.getsockname()[1])
    await listener.stop(5.0)


async def begun(served: Served, size_bytes: int) -> RawConnection:
    """A call of which all but the last byte of the body has been read."""
    connection = await served.connect()
    data = request("POST", PATH, bytes(size_bytes), Expect="100-continue")
    head = data[:-size_bytes]
    await connection.send(head)
    assert (await connection.answer()).status == 100
    await connection.send(bytes(size_bytes - 1))
    return connection


async def refusal(served: Served, path: str = PATH, **call: Any) -> str | None:
    answer = await served.call("POST", path, **call)
    if answer.status != 503:
        return None
    assert int(answer["retry-after"]) >= 1
    return answer.code


async def test_calls_over_the_bound_get_503_until_there_is_room(tight: Served) -> None:
    first = await begun(tight, 700)
    while await refusal(tight, body=bytes(200)) is None:
        pass  # until the bytes of the first are in
    assert await refusal(tight, body=bytes(200)) == "overloaded"
    assert await refusal(tight, path="/t37ed/Other", body=bytes(100)) is None
    await first.send(b"x")
    assert (await first.answer()).status == 202
    first.close()
    assert await refusal(tight, body=bytes(1000)) is None


async def test_a_caller_who_goes_leaves_nothing_held(tight: Served) -> None:
    first = await begun(tight, 700)
    while await refusal(tight, body=bytes(200)) is None:
        pass
    first.close()
    while await refusal(tight, body=bytes(1000)) is not None:
        pass


async def test_calls_in_hand_are_shared_too(tight: Served) -> None:
    """Of the eight calls that this gateway has in hand at once, one trigger may have six."""
    waiting = [await begun(tight, 2) for _ in range(6)]
    assert await refusal(tight, body=b"") == "overloaded"
    assert await refusal(tight, path="/t37ed/Other", body=b"") is None
    waiting.pop().close()
    while await refusal(tight, body=b"") is not None:
        pass
    assert await refusal(tight, path="/t37ed/Nothing") is None  # 404 takes no place
    for connection in waiting:
        await connection.send(b"x")
        assert (await connection.answer()).status == 202
        connection.close()
    assert tight.gateway.calls.held == 0
    assert tight.gateway.bodies.memory.held == 0


async def test_a_call_is_in_hand_while_it_waits_for_its_response(tight: Served) -> None:
    tight.engine.publish({"name": "Ask", "trigger": {"request_response": {"timeout": "15m"}}})
    tight.engine.answer = lambda _call: None
    waiting = [await tight.connect() for _ in range(6)]
    for connection in waiting:
        await connection.send(request("POST", "/t37ed/Ask"))
    await tight.engine.until_waiting(6)
    assert await refusal(tight, path="/t37ed/Ask") == "overloaded"
    assert await refusal(tight, path="/t37ed/Other") is None
    for connection in waiting:
        connection.close()
    await tight.engine.until_waiting(0)
    assert tight.gateway.calls.held == 0
