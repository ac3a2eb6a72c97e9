"""A listener serves any ASGI application: the admin port's is FastAPI."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from firesteel.admin.bodies.length import (
    DOCUMENTS_LIMIT_BYTES,
    PAYLOADS_LIMIT_BYTES,
    body_limit,
)
from firesteel.gateway.asgi import AsgiHandler
from firesteel.gateway.protocol import GuardedProtocol
from firesteel.gateway.server import Listener
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import Served, bound_socket


async def test_a_fastapi_application_runs_streams_and_tells_of_errors() -> None:
    app = FastAPI()

    @app.get("/things/{name}")
    async def thing(name: str, count: int = 1) -> dict[str, object]:
        return {"name": name, "count": count}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d;" % number

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    bound = bound_socket()
    listener = Listener(AsgiHandler(app), [bound])
    await listener.start()
    async with await RawConnection.open(bound.getsockname()[1]) as connection:
        answer = await connection.call(request("GET", "/things/%C3%A5?count=3"))
        assert answer.json == {"name": "å", "count": 3}
        answer = await connection.call(request("GET", "/stream"))
        assert (answer.body, answer["transfer-encoding"]) == (b"0;1;2;", "chunked")
        assert (await connection.call(request("GET", "/broken"))).status == 500
        assert (await connection.call(request("GET", "/things/x?count=y"))).status == 422
    await listener.stop(5.0)


async def test_a_connection_that_has_gone_leaves_nothing_for_the_garbage_collector(
    served: Served,
) -> None:
    served.engine.publish({"name": "Open"})
    gc.collect()
    gc.disable()
    try:
        before, most = connections(), 0
        for _ in range(3):
            async with await served.connect() as connection:
                await connection.send(request("POST", "/t37ed/Open", b"{}"))
                assert (await connection.answer()).status == 202
                most = max(most, connections())
        async with asyncio.timeout(60):
            while connections() > before:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
    assert most > before


def connections() -> int:
    """Objects that are there, open or not; nothing refers weakly to what is compiled."""
    return sum(type(one) is GuardedProtocol for one in gc.get_objects())


async def test_a_body_over_its_limit_is_413_before_it_is_read_and_as_soon_as_it_is() -> None:
    app = FastAPI()

    @app.post("/{name}")
    async def take(name: str, asked: Request) -> dict[str, int]:
        return {name: len(await asked.body())}

    bound = bound_socket()
    listener = Listener(AsgiHandler(app, lambda path: 100 if path == b"/short" else 1000), [bound])
    await listener.start()
    port = bound.getsockname()[1]
    chunks = b"32\r\n" + bytes(0x32) + b"\r\n"
    head = request("POST", "/short", transfer_encoding="chunked")
    with structlog.testing.capture_logs() as logged:
        async with await RawConnection.open(port) as connection:
            answer = await connection.call(head + 3 * chunks)
            assert (answer.status, answer.code) == (413, "body_too_large")
            await connection.rest()
        connection = await RawConnection.open(port)
        answer = await connection.call(request("POST", "/short", content_length="101"))
        assert (answer.status, answer.code) == (413, "body_too_large")
    assert logged == []  # it is no defect of the application
    async with connection:
        await connection.send(bytes(101))
        for path, size in (("short", 100), ("long", 1000)):
            answer = await connection.call(request("POST", f"/{path}", bytes(size)))
            assert answer.json == {path: size}
    await listener.stop(5.0)


def test_requests_that_hold_a_payload_may_be_longer_than_documents() -> None:
    of = "/api/v1/workspaces/test/integrations/orders"
    for path in (of, f"{of}/publish", "/api/v1/projects", "/w/test/integrations/try/edit"):
        assert body_limit(path.encode()) == DOCUMENTS_LIMIT_BYTES
    for path in (f"{of}/try", f"{of}/preview", "/api/v1/workspaces/test/messages/1/replay"):
        assert body_limit(path.encode()) == PAYLOADS_LIMIT_BYTES


async def test_http_1_0_gets_a_stream_that_ends_with_the_connection() -> None:
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        return StreamingResponse(pieces())

    bound = bound_socket()
    listener = Listener(AsgiHandler(app), [bound])
    await listener.start()
    async with await RawConnection.open(bound.getsockname()[1]) as connection:
        await connection.send(b"GET /stream HTTP/1.0\r\n\r\n")
        head, _, body = (await connection.rest()).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert body == b"onetwo"
    await listener.stop(5.0)
