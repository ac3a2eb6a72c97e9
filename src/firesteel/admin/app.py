"""The admin port's ASGI application: health, metrics and the door in front of the REST API.

The API itself (FastAPI) takes a third of a second to import. It is loaded in a thread with the
first request for it, so that neither the node's start nor a caller of a trigger waits for that.
Whatever is not listed here and is not below ``/api/v1`` is 404; below it nothing but the OpenAPI
document is answered without a credential, whatever routes FastAPI has.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

from firesteel.admin.access import Access, Doorkeeper
from firesteel.admin.health import readiness
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/api/v1"
OPENAPI = f"{API}/openapi.json"
ACCESS_KEY = "firesteel.access"


def create_app(engine: Engine, publisher: Publisher, *, token: str) -> AdminApp:
    """The application of the admin port. ``token``: the local token, which has every right."""
    return AdminApp(engine, publisher, Doorkeeper(token))


class AdminApp:
    """An ASGI application; it takes ``http`` scopes."""

    def __init__(self, engine: Engine, publisher: Publisher, doorkeeper: Doorkeeper) -> None:
        self._engine = engine
        self._publisher = publisher
        self._doorkeeper = doorkeeper
        self._api: Asgi | None = None
        self._loading = asyncio.Lock()
        self._open: dict[str, Callable[[], Awaitable[tuple[int, str, bytes]]]] = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path in self._open and scope["method"] in ("GET", "HEAD"):
            await _answer(send, *await self._open[path]())
        elif path.startswith(API + "/"):
            await self._to_api(scope, receive, send)
        else:
            await _refuse(send, Problem("not_found"))

    async def _to_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        access: Access | None = self._doorkeeper.access(_header(scope, b"authorization"))
        if access is None and scope["path"] != OPENAPI:
            await _refuse(send, Problem("unauthorized", "this needs a token of the node"))
            return
        scope[ACCESS_KEY] = access
        api = await self._loaded()
        await api(scope, receive, send)

    async def _loaded(self) -> Asgi:
        async with self._loading:
            if self._api is None:
                self._api = await asyncio.to_thread(self._load)
        return self._api

    def _load(self) -> Asgi:
        from firesteel.admin.api import create_api

        return create_api(self._engine, self._publisher)

    async def _live(self) -> tuple[int, str, bytes]:
        return 200, "application/json", b'{"live":true}'

    async def _ready(self) -> tuple[int, str, bytes]:
        ready, body = readiness(self._engine)
        return (200 if ready else 503), "application/json", json.dumps(body).encode()

    async def _metrics(self) -> tuple[int, str, bytes]:
        from firesteel.admin.metrics import CONTENT_TYPE, exposition

        return 200, CONTENT_TYPE, await exposition(self._engine)


async def _refuse(send: Send, problem: Problem) -> None:
    body = problem.body(f"urn:uuid:{uuid.uuid4()}")
    await _send(send, problem.status, problem.all_headers(), body)


async def _answer(send: Send, status: int, content_type: str, body: bytes) -> None:
    headers = [("content-type", content_type), ("cache-control", "no-store")]
    await _send(send, status, headers, body)


async def _send(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    headers = [*headers, ("content-length", str(len(body))), ("x-content-type-options", "nosniff")]
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def _header(scope: Scope, name: bytes) -> str | None:
    """The only header of that name; None where there is none, or two."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None
