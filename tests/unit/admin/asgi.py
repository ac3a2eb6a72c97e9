"""Asks an ASGI application one question."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote


async def ask(
    app: Any,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by lower-case name, and body."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent: list[Any] = []
    unread = [{"type": "http.request", "body": body, "more_body": False}]
    answered_whole = asyncio.Event()

    async def receive() -> dict[str, Any]:
        """Who asks stays until the answer is there."""
        if unread:
            return unread.pop()
        await answered_whole.wait()
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        sent.append(event)
        if event["type"] == "http.response.body" and not event.get("more_body"):
            answered_whole.set()

    await app(scope, receive, send)
    answered = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(event.get("body", b"") for event in sent[1:])
