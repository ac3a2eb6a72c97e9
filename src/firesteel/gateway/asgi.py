"""ASGI applications on our connections: the admin port's is one.

An answer leaves with its head and first piece in one write; it closes the connection where nothing
can follow it.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

import structlog

from firesteel.gateway.exchange import STATUS_LINES
from firesteel.gateway.refusal import problem_answer
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from firesteel.gateway.exchange import Exchange

    Asgi = Callable[[Any, Any, Any], Awaitable[None]]
    Event = MutableMapping[str, Any]

BODY_LIMIT_BYTES: Final = 128 * 1024 * 1024
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_NO_BODY: Final = frozenset({204, 304})

log = structlog.get_logger(__name__)


class AsgiHandler:
    """Implements ``protocol.Handler``: each request runs the application in a task."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    def take(self, exchange: Exchange) -> None:
        """A request's head is complete."""
        cycle = AsgiCycle(exchange)
        exchange.listen(cycle)
        exchange.run(cycle.run(self._app))


class AsgiCycle:
    """``receive`` and ``send`` of one request. The body is one event, when it is complete."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._changed = asyncio.Event()
        self._body: bytes | None = None
        self._wanted = False
        self._head = b""
        self._chunked = False
        self._until_close = False
        self._left_bytes = 0

    # exchange.Recipient

    def received(self, body: bytes) -> None:
        """The body is complete."""
        self._body = body
        self._changed.set()

    def refused(self, error: Exception) -> None:
        """Nobody takes a body of that size: 413."""
        self._fail("body_too_large")

    def gone(self) -> None:
        """The caller has gone."""
        self._changed.set()

    # ASGI

    async def run(self, app: Asgi) -> None:
        """The caller gets an answer whatever the application does."""
        exchange = self._exchange
        try:
            await app(_scope(exchange), self.receive, self.send)
        except Exception:  # the edge: whatever it is, the caller gets an answer
            log.exception("application_failed")
            self._fail("internal_error")
        else:
            if not exchange.answered and not exchange.lost:
                log.error("application_gave_no_answer")
                self._fail("internal_error")

    async def receive(self) -> Event:
        """The whole body, then the caller's going or the answer's end."""
        exchange = self._exchange
        if not self._wanted:
            self._wanted = True
            exchange.read_body(BODY_LIMIT_BYTES, self)
        while not exchange.lost and not exchange.answered:
            body, self._body = self._body, None
            if body is not None:
                return {"type": "http.request", "body": body, "more_body": False}
            self._changed.clear()
            await self._changed.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        """The head leaves with the first piece of the body."""
        exchange, flow = self._exchange, self._exchange.protocol.flow
        if flow.write_paused and not exchange.lost:
            await flow.writable()
        if exchange.lost:
            return
        if event["type"] == "http.response.start":
            if exchange.started:
                raise RuntimeError("the answer has begun already")
            self._head = self._assemble(event["status"], event.get("headers", ()))
            exchange.started = True
        elif event["type"] == "http.response.body":
            if not exchange.started or exchange.answered:
                raise RuntimeError("the answer has not begun, or is complete")
            self._write(event.get("body", b""), more=event.get("more_body", False))
        else:
            raise RuntimeError("this is neither the start nor the body of an answer")

    def _assemble(self, status: int, headers: Any) -> bytes:
        """The head of the answer; ``headers``: pairs of bytes, names in lower case."""
        exchange = self._exchange
        lines = [STATUS_LINES[status], *exchange.protocol.state.date_line.split(b"\r\n")]
        length: bytes | None = None
        for name, value in headers:
            if name == b"content-length":
                length = value
                if status == 204:  # RFC 9110 section 8.6
                    continue
            elif name == b"connection":
                if value.lower() == b"close":
                    exchange.keep_alive = False
                continue
            lines.append(name + b": " + value)
        lines += self._framing(status, length)
        lines += (b"", b"")
        head = b"\r\n".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines) - 1:
            raise RuntimeError("a header of the answer holds a line break")
        return head

    def _framing(self, status: int, length: bytes | None) -> list[bytes]:
        """The headers that say how the answer ends, and whether the connection does."""
        exchange, lines = self._exchange, []
        bodiless = status in _NO_BODY or exchange.method == "HEAD"
        unmeasured = length is None and not bodiless
        self._left_bytes = 0 if bodiless or length is None else int(length)
        self._chunked = unmeasured and exchange.framing.http_1_1
        self._until_close = unmeasured and not exchange.framing.http_1_1
        if self._chunked:
            lines.append(b"transfer-encoding: chunked")
        if self._until_close or exchange.must_close():
            exchange.keep_alive = False
        if not exchange.keep_alive:
            lines.append(b"connection: close")
        return lines

    def _write(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self._exchange.method == "HEAD":
            body = b""
        elif self._chunked:
            body = _chunk(body, more=more)
        elif not self._until_close:
            self._left_bytes -= len(body)
            if self._left_bytes < 0:
                raise RuntimeError("the answer is longer than its content-length")
        self._exchange.write(head, body)
        if more:
            return
        if self._left_bytes:
            raise RuntimeError("the answer is shorter than its content-length")
        self._exchange.finish()
        self._changed.set()

    def _fail(self, code: str) -> None:
        """A problem where nothing of an answer has left yet, else the connection is cut."""
        exchange = self._exchange
        if exchange.lost or exchange.answered:
            return
        if exchange.started and not self._head:
            exchange.protocol.transport.abort()
            return
        request_id = exchange.protocol.state.request_ids.new()
        exchange.answer(*problem_answer(Problem(code), request_id))
        self._changed.set()


def _scope(exchange: Exchange) -> dict[str, Any]:
    protocol = exchange.protocol
    path = exchange.raw_path.decode("ascii")
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": "1.1" if exchange.framing.http_1_1 else "1.0",
        "method": exchange.method,
        "scheme": protocol.scheme,
        "path": urllib.parse.unquote(path) if "%" in path else path,
        "raw_path": exchange.raw_path,
        "query_string": exchange.raw_query,
        "root_path": "",
        "headers": exchange.headers,
        "client": protocol.client,
        "server": protocol.server,
        "state": {},
    }


def _chunk(body: bytes, *, more: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk if more else chunk + b"0\r\n\r\n"
