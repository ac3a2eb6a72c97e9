"""The limit: bare uvicorn (uvloop, httptools) that reads the body and answers a constant."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

START = {
    "type": "http.response.start",
    "status": 202,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"15")],
}
BODY = {"type": "http.response.body", "body": b'{"accepted": 1}'}


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body, then answer."""
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(BODY)


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
