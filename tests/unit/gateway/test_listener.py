"""A listener serves any ASGI application: the admin port's is FastAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from firesteel.gateway.asgi import AsgiHandler
from firesteel.gateway.server import Listener
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import bound_socket


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
