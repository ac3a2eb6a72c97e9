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
def bodies() -> HeldBodies:
    return HeldBodies(LIMIT_BYTES)


def test_bodies_are_held_up_to_the_bound(bodies: HeldBodies) -> None:
    bodies.take(600)
    bodies.check(400)
    with pytest.raises(CallRefused) as refused:
        bodies.check(401)
    assert refused.value.problem.code == "overloaded"
    bodies.take(400)
    with pytest.raises(CallRefused):
        bodies.take(1)
    bodies.give_back(600)
    bodies.take(600)
    assert bodies.held_bytes == LIMIT_BYTES


def test_one_body_alone_may_be_longer_than_the_bound(bodies: HeldBodies) -> None:
    bodies.take(900)
    bodies.take(900, before_bytes=900)
    with pytest.raises(CallRefused):
        bodies.take(1)
    assert bodies.held_bytes == 1800


def test_a_body_without_a_length_is_counted_while_it_comes(bodies: HeldBodies) -> None:
    bodies.take(600)
    bodies.check(None)
    bodies.take(300)
    with pytest.raises(CallRefused):
        bodies.take(300, before_bytes=300)
    assert bodies.held_bytes == 900


@pytest.fixture
async def tight(engine: MemoryEngine) -> AsyncIterator[Served]:
    """A gateway that holds 1000 bytes of bodies."""
    engine.publish({"name": "Take"})
    bound = bound_socket()
    gateway = Gateway(engine, bodies=HeldBodies(LIMIT_BYTES))
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


async def refusal(served: Served, **call: Any) -> str | None:
    answer = await served.call("POST", PATH, **call)
    if answer.status != 503:
        return None
    assert int(answer["retry-after"]) >= 1
    return answer.code


async def test_calls_over_the_bound_get_503_until_there_is_room(tight: Served) -> None:
    first = await begun(tight, 900)
    while await refusal(tight, body=bytes(200)) is None:
        pass  # until the bytes of the first are in
    assert await refusal(tight, body=bytes(200)) == "overloaded"
    assert await refusal(tight, body=b"small") is None
    await first.send(b"x")
    assert (await first.answer()).status == 202
    first.close()
    assert await refusal(tight, body=bytes(1000)) is None


async def test_a_caller_who_goes_leaves_nothing_held(tight: Served) -> None:
    first = await begun(tight, 900)
    while await refusal(tight, body=bytes(200)) is None:
        pass
    first.close()
    while await refusal(tight, body=bytes(1000)) is not None:
        pass
