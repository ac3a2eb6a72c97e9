"""Many requests at once on one connection: each gets its one answer, in order, whoever is slow."""

from __future__ import annotations

import asyncio

from firesteel.gateway.connections import Connections
from firesteel.gateway.exchange import Exchange
from firesteel.gateway.protocol import GuardedProtocol
from firesteel.gateway.rules import Rules
from firesteel.model.execution import Response
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import Served, bound_socket

ASK = {"name": "Ask", "trigger": {"request_response": True}}
LONG = Response(200, [], bytes(32 * 1024 * 1024))  # longer than what sockets hold


async def test_p19_a_thousand_requests_behind_a_waiting_one_are_all_answered(
    served: Served,
) -> None:
    served.engine.publish(ASK)
    served.engine.answer = lambda _call: None
    async with await served.connect() as connection:
        behind = request("GET", "/none") + request("GET", "/-/health")
        await connection.send(request("GET", "/t37ed/Ask") + behind * 500)
        await served.engine.accepted.wait()
        served.engine.finish()
        statuses = [(await connection.answer()).status for _ in range(1001)]
        assert statuses == [200, *[404, 200] * 500]
        assert (await connection.call(request("GET", "/-/health"))).status == 200


async def test_requests_before_a_malformed_one_are_answered_also_to_a_slow_reader(
    served: Served,
) -> None:
    served.engine.publish(ASK)
    served.engine.answer = lambda call: LONG if call.body == b"long" else Response(200, [], b"")
    long, short = (request("POST", "/t37ed/Ask", body) for body in (b"long", b"short"))
    for calls in ([long], [long, short], [long, short, long, short]):
        async with await served.connect() as connection:
            await connection.send(b"".join(calls) + b"GARBAGE\r\n\r\n")
            for call in calls:
                assert len((await connection.answer()).body) == (len(LONG.body) * (call is long))
            assert (await connection.answer()).code == "bad_request"
            assert await connection.rest() == b""


async def test_p40_a_head_over_the_limit_is_431_also_behind_another_request(
    served: Served,
) -> None:
    headers = {f"h{number}": "x" * 900 for number in range(40)}
    data = request("GET", "/-/health") + request("GET", "/-/health", **headers)
    for cut in (len(data), 1000, 20_000):
        async with await served.connect() as connection:
            await connection.send(data[:cut])
            assert (await connection.answer()).status == 200
            await connection.send(data[cut:])
            assert (await connection.answer()).code == "headers_too_large"


class Held:
    """A handler that answers when told to."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[Exchange] = asyncio.Queue()

    def take(self, exchange: Exchange) -> None:
        self.taken.put_nowait(exchange)


async def test_p24_no_more_is_read_while_requests_wait_in_a_connection() -> None:
    handler = Held()
    connections = Connections(handler, Rules())
    bound = bound_socket()
    server = await asyncio.get_running_loop().create_server(
        lambda: GuardedProtocol(connections), sock=bound
    )
    async with server, await RawConnection.open(bound.getsockname()[1]) as client:
        await client.send(request("GET", "/a") * 3)
        for left in (2, 1, 0):
            exchange = await handler.taken.get()
            assert exchange.protocol.flow.read_paused is (left > 0)
            exchange.answer(200, b"content-length: 0\r\n", b"")
            assert (await client.answer()).status == 200
