"""What a node says while its store cannot be opened: 503 to everything, instead of silence.

The sockets outlive the engine, so that callers who come while it starts anew wait in their backlog.
Where the start itself has to wait, for a disk that takes nothing, they are told so (P04).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firesteel.gateway.refusal import problem_headers
from firesteel.gateway.request_id import RequestIds
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

_CLOSE: Final = (b"connection", b"close")
_LIVE: Final = b'{"live":true}'


class Unavailable:
    """An ASGI application. Nothing of a body is read, and the connection is closed, so that the
    next call finds the engine. ``live_path``: answered 200, for who would end the process."""

    def __init__(self, *, live_path: str | None = None) -> None:
        self._live_path = live_path
        self._request_ids = RequestIds()

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """One request."""
        if scope["path"] == self._live_path:
            status, body = 200, _LIVE
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ]
        else:
            problem = Problem("store_unavailable")
            status = problem.status
            headers, body = problem_headers(problem, self._request_ids.new())
        headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
