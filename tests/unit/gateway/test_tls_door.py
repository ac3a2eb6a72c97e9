"""Connections on which TLS does not stand yet: they count, and have a deadline."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from firesteel.gateway.app import Gateway
from firesteel.gateway.deadlines import Deadlines
from firesteel.gateway.places import Places
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import bound_socket
from tests.unit.gateway.test_tls import issued, trusting

CALL = request("GET", "/t37ed/Open")
# The first bytes of a handshake, of which the rest does not come.
HALF_A_HELLO = bytes.fromhex("1603010200010001fc0303")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class Narrow:
    """A listener with two places, over TLS."""

    def __init__(self, listener: Listener, port: int, places: Places) -> None:
        self.listener = listener
        self.port = port
        self.places = places

    async def begin(self, data: bytes = b"") -> RawConnection:
        """A connection that says no more than that."""
        connection = await RawConnection.open(self.port)
        await connection.send(data)
        return connection

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110  # a listener tells nobody of it
                await asyncio.sleep(0)


@pytest.fixture
async def narrow(
    engine: MemoryEngine, authority: trustme.CA, tmp_path: Path
) -> AsyncIterator[Narrow]:
    engine.publish({"name": "Open"})
    bound, places = bound_socket(), Places(2)
    rules = Rules(places=places, deadlines=Deadlines(handshake_s=2.0))
    tls = issued(authority, tmp_path)
    listener = Listener(Gateway(engine), [bound], tls=tls, rules=rules)
    await listener.start()
    yield Narrow(listener, bound.getsockname()[1], places)
    await listener.stop(5.0)
    assert (places.taken, places.turning_away, listener.open_connections) == (0, 0, 0)


@pytest.mark.parametrize("data", [b"", HALF_A_HELLO], ids=["silent", "half a hello"])
async def test_a_handshake_that_has_not_ended_has_a_place(
    narrow: Narrow, authority: trustme.CA, data: bytes
) -> None:
    first, second = await narrow.begin(data), await narrow.begin(data)
    await narrow.until(lambda: narrow.places.taken == 2)
    async with await RawConnection.open(narrow.port, ssl=trusting(authority)) as connection:
        answer = await connection.answer()
        assert (answer.status, answer.code) == (503, "too_many_connections")
    first.close()
    await narrow.until(lambda: narrow.places.taken == 1)
    async with await RawConnection.open(narrow.port, ssl=trusting(authority)) as connection:
        assert (await connection.call(CALL)).status == 202
    second.close()


async def test_it_ends_at_its_deadline(narrow: Narrow) -> None:
    connection = await narrow.begin(HALF_A_HELLO)
    assert await connection.rest() == b""
    await narrow.until(lambda: narrow.places.taken == 0)
    connection.close()


@pytest.mark.parametrize("data", [CALL, b"\x16\x03\x01" + bytes(200)], ids=["no TLS", "garbage"])
async def test_what_is_no_handshake_is_closed_and_leaves_nothing(
    narrow: Narrow, data: bytes
) -> None:
    connection = await narrow.begin(data)
    await connection.rest()
    await narrow.until(lambda: narrow.places.taken == 0)
    connection.close()


async def test_a_client_that_resets_the_connection_leaves_nothing(narrow: Narrow) -> None:
    client = socket.create_connection(("127.0.0.1", narrow.port))
    client.send(HALF_A_HELLO)
    await narrow.until(lambda: narrow.places.taken == 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    await narrow.until(lambda: narrow.places.taken == 0)


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(
    narrow: Narrow, authority: trustme.CA
) -> None:
    """TLS 1.3: the client's last flight and its request in one piece, and then its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", narrow.port)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = trusting(authority)
    client = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    writer.write(outgoing.read())
    while True:
        incoming.write(await reader.read(65536))
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            continue
        break
    client.write(CALL)
    writer.write(outgoing.read())
    answer = b""
    async with asyncio.timeout(60):
        while b"\r\n\r\n" not in answer:
            try:
                answer += client.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(await reader.read(65536))
    assert answer.startswith(b"HTTP/1.1 202 ")
    writer.close()


async def test_a_listener_that_stops_waits_for_no_handshake_longer_than_it_may(
    engine: MemoryEngine, authority: trustme.CA, tmp_path: Path
) -> None:
    bound, places = bound_socket(), Places(2)
    tls, rules = issued(authority, tmp_path), Rules(places=places)
    listener = Listener(Gateway(engine), [bound], tls=tls, rules=rules)
    await listener.start()
    connection = await RawConnection.open(bound.getsockname()[1])
    async with asyncio.timeout(60):
        while not places.taken:  # noqa: ASYNC110  # nobody is told of it
            await asyncio.sleep(0)
    await listener.stop(0.1)
    assert await connection.rest() == b""
    assert places.taken == 0
    connection.close()
