"""The admin port's ASGI application: health, metrics, and the door to REST API and console.

Both (FastAPI) take a third of a second to import. They are loaded in a thread with the first
request for them, so that neither the node's start nor a caller of a trigger waits for that.
Below ``/api/v1`` nothing but the OpenAPI document is answered without a credential, whatever routes
FastAPI has; ``/static/`` is the console's bundle; all else is the console's, which sends whoever
has no credential to its sign-in.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from firesteel.admin.access import ACCESS_KEY, Doorkeeper
from firesteel.admin.bodies.outline import measured
from firesteel.admin.health import readiness
from firesteel.admin.refusing import tell_refused
from firesteel.admin.visitor import CSRF_HEADER, VISITOR_KEY, Visitor, forged
from firesteel.errors import CallerError, StoreUnavailable
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from firesteel.admin.accounts.accounts import Accounts
    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

Part = Literal["api", "console"]

API = "/api/v1"
OPENAPI = f"{API}/openapi.json"
STATIC = "/static/"
STILL_KEY = "firesteel.still"
"""In the scope: asks the door again, for an answer that goes on for minutes."""
_UNKEPT = {b"cache-control": b"no-store", b"x-content-type-options": b"nosniff"}


def create_app(engine: Engine, publisher: Publisher, accounts: Accounts, *, token: str) -> AdminApp:
    """The application of the admin port. ``token``: the local token, which has every right."""
    return AdminApp(engine, publisher, accounts, Doorkeeper(token, accounts))


class AdminApp:
    """An ASGI application; it takes ``http`` scopes."""

    def __init__(
        self, engine: Engine, publisher: Publisher, accounts: Accounts, doorkeeper: Doorkeeper
    ) -> None:
        self._engine = engine
        self._publisher = publisher
        self._accounts = accounts
        self._doorkeeper = doorkeeper
        self._proxies = engine.settings.proxies
        self._parts: dict[Part, asyncio.Task[Asgi]] = {}
        self._loading = asyncio.Lock()
        self._open: dict[str, Callable[[Scope], Awaitable[tuple[int, str, bytes]]]] = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path in self._open and scope["method"] in ("GET", "HEAD"):
            await _answer(send, *await self._open[path](scope))
        elif path.startswith(API + "/"):
            await self._to_api(scope, receive, send)
        elif path.startswith(STATIC):
            await self._to_static(scope, send)
        else:
            await self._to_console(scope, receive, send)

    async def _to_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = _unkept(send)
        visitor = self._visitor(scope)
        try:
            access = await self._doorkeeper.access(visitor)
        except StoreUnavailable as error:
            await _refuse(send, Problem.of(error))
            return
        if access is None and scope["path"] != OPENAPI:
            await _refuse(send, Problem("unauthorized", "this needs a token or a session"))
        elif access is not None and forged(visitor, access, visitor.header(CSRF_HEADER)):
            scope[ACCESS_KEY] = access
            forgery = CallerError(code="forged_request")
            await tell_refused(scope, self._accounts, forgery)
            await _refuse(send, Problem.of(forgery))
        else:
            scope[ACCESS_KEY] = access
            scope[STILL_KEY] = partial(self._doorkeeper.access, visitor)
            await self._to_part("api", scope, receive, send)

    async def _to_static(self, scope: Scope, send: Send) -> None:
        from firesteel.admin.console.assets import asset

        found = asset(scope["path"], _header(scope, b"accept-encoding") or "")
        if found is None or scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, Problem("not_found"))
        else:
            await _send(send, 200, list(found.headers), found.body)

    async def _to_console(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = self._visitor(scope)
        try:
            scope[ACCESS_KEY] = await self._doorkeeper.access(visitor)
            scope[STILL_KEY] = partial(self._doorkeeper.access, visitor)
        except StoreUnavailable as error:
            await _refuse(send, Problem.of(error))
            return
        await self._to_part("console", scope, receive, send)

    async def _to_part(self, name: Part, scope: Scope, receive: Receive, send: Send) -> None:
        part = await self._part(name)
        receive, problem = await measured(scope, receive)
        if problem is not None:
            await _refuse(send, problem)
        else:
            await part(scope, receive, send)

    def _visitor(self, scope: Scope) -> Visitor:
        scope[VISITOR_KEY] = visitor = Visitor(scope, self._proxies)
        return visitor

    async def _part(self, name: Part) -> Asgi:
        """Loaded once, also where whoever asked for it first goes away meanwhile."""
        if name not in self._parts:
            load = self._load_api if name == "api" else self._load_console
            self._parts[name] = asyncio.create_task(self._load(load))
        loading = self._parts[name]
        try:
            return await asyncio.shield(loading)
        except Exception:
            self._parts.pop(name, None)
            raise

    async def _load(self, load: Callable[[], Asgi]) -> Asgi:
        async with self._loading:
            return await asyncio.to_thread(load)

    def _load_api(self) -> Asgi:
        from firesteel.admin.api import create_api

        return create_api(self._engine, self._publisher, self._accounts)

    def _load_console(self) -> Asgi:
        from firesteel.admin.console.app import create_console

        return create_console(self._engine, self._publisher, self._accounts)

    async def _live(self, _scope: Scope) -> tuple[int, str, bytes]:
        return 200, "application/json", b'{"live":true}'

    async def _ready(self, _scope: Scope) -> tuple[int, str, bytes]:
        ready, body = readiness(self._engine)
        return (200 if ready else 503), "application/json", json.dumps(body).encode()

    async def _metrics(self, scope: Scope) -> tuple[int, str, bytes]:
        from firesteel.admin.metrics.exposition import exposition

        return 200, *await exposition(self._engine, _header(scope, b"accept") or "")


def _unkept(send: Send) -> Send:
    """Nothing that the REST API answers is kept by a browser or a proxy: it may be a payload or a
    secret."""

    async def with_headers(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            given = [pair for pair in event["headers"] if pair[0].lower() not in _UNKEPT]
            event["headers"] = [*given, *_UNKEPT.items()]
        await send(event)

    return with_headers


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
