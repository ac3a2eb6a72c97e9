"""The console's application: pages put together, errors as pages, headers on every answer.

Whoever has no access is sent to ``/sign-in``, whatever the address; the door in ``admin/app.py``
says who has.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from fastapi import Depends, FastAPI

from firesteel.admin.access import ACCESS_KEY
from firesteel.admin.console.errors import answer_errors
from firesteel.admin.console.genuine import genuine
from firesteel.admin.console.headers import NONCE_KEY, new_nonce, security_headers
from firesteel.admin.console.notes import Notes
from firesteel.admin.console.page import templates
from firesteel.admin.console.pages import (
    account,
    alerts,
    audit,
    calls,
    connections,
    consumer_api,
    consumers,
    data_processing,
    encryption,
    failed,
    home,
    integration_acts,
    integrations,
    keys,
    lanes,
    message,
    messages,
    node,
    overview,
    pausing,
    response,
    sign_in,
    steps,
    tokens,
    trigger,
    users,
    versions,
    workflow,
)

if TYPE_CHECKING:
    from firesteel.admin.accounts.accounts import Accounts
    from firesteel.admin.app import Asgi, Receive, Scope, Send
    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher

PAGES: Final = (
    sign_in,
    home,
    overview,
    integrations,
    trigger,
    keys,
    versions,
    integration_acts,
    calls,
    consumers,
    consumer_api,
    connections,
    alerts,
    node,
    pausing,
    account,
    users,
    tokens,
    encryption,
    audit,
    data_processing,
    workflow,
    steps,
    response,
    messages,
    message,
    failed,
    lanes,
)
OPEN: Final = frozenset({"/sign-in", "/welcome"})
"""What is answered without access."""


def create_console(engine: Engine, publisher: Publisher, accounts: Accounts) -> Asgi:
    """The application; it reads who asks from the scope, where the door has put it."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(genuine)],
    )
    app.state.engine = engine
    app.state.publisher = publisher
    app.state.accounts = accounts
    app.state.notes = Notes()
    for page in PAGES:
        app.include_router(page.router)
    answer_errors(app)
    templates()
    return _Guard(app)


class _Guard:
    """Sends who has no access to sign in, and puts the security headers on every answer."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[NONCE_KEY] = new_nonce()
        headers = security_headers(scope[NONCE_KEY])

        async def with_headers(event: Any) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = _added(event.get("headers", ()), headers)
            await send(event)

        if scope.get(ACCESS_KEY) is None and scope["path"] not in OPEN:
            await _to_sign_in(scope, with_headers)
        else:
            await self._app(scope, receive, with_headers)


def _asked(scope: Scope) -> str:
    """The address as it was written, with its query."""
    path, query = urllib.parse.quote(scope["path"]), scope["query_string"].decode("latin-1")
    written = scope.get("raw_path")
    path = path if written is None else written.decode("latin-1")
    return f"{path}?{query}" if query else path


async def _to_sign_in(scope: Scope, send: Send) -> None:
    """A browser is sent to sign in, and from there back to the page that it asked for; an act is
    not repeated. Whoever asked for no page gets 401, by which htmx goes there too (P43)."""
    headers = dict(scope["headers"])
    to = "/sign-in"
    if scope["method"] == "GET" and scope["path"] != "/" and b"hx-request" not in headers:
        to += "?" + urllib.parse.urlencode({"next": _asked(scope)})
    browsing = b"text/html" in headers.get(b"accept", b"") and b"hx-request" not in headers
    location = (b"location" if browsing else b"hx-redirect", to.encode())
    status = 303 if browsing else 401
    answer = [location, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": answer})
    await send({"type": "http.response.body", "body": b""})


def _added(given: Any, more: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """What a route set itself stays."""
    found = [(bytes(name).lower(), bytes(value)) for name, value in given]
    names = {name for name, _ in found}
    return found + [(n.encode(), v.encode()) for n, v in more if n.encode() not in names]
