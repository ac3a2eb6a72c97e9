"""One request and its answer on a connection: what the ASGI application receives and sends."""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING, Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from firesteel.gateway.refusal import problem_headers
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGISendEvent, HTTPScope

    from firesteel.gateway.head import Framing
    from firesteel.gateway.protocol import GuardedProtocol

DISCONNECT_EXTENSION: Final = "firesteel.cancel_on_disconnect"
# What is left of an unread body may be this long for the connection to be kept.
DRAIN_LIMIT_BYTES: Final = 64 * 1024
# Head and body leave in one write up to here; a longer body is not copied for it.
_JOIN_LIMIT_BYTES: Final = 64 * 1024
_NO_BODY: Final = frozenset({204, 304})

log = structlog.get_logger(__name__)


def status_line(status: int) -> bytes:
    """The first line of an answer, without its end."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode()


_STATUS_LINES: Final = {status: status_line(status) for status in range(200, 600)}


class Exchange(RequestResponseCycle):
    """uvicorn's cycle, with answers that are written in one piece, that close the connection where
    nothing can follow them, and with a task that ends when nobody waits for it any more."""

    def __init__(self, protocol: GuardedProtocol, scope: HTTPScope, framing: Framing) -> None:
        super().__init__(
            scope=scope,
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=framing.expects_continue,
            keep_alive=framing.http_1_1 and protocol.parser.should_keep_alive(),
            on_response=protocol.on_response_complete,
        )
        self.task: asyncio.Task[None] | None = None
        self.received_bytes = 0
        self._length_bytes = framing.length_bytes
        self._http_1_1 = framing.http_1_1
        self._state = protocol.state
        self._waiting = False
        self._until_close = False
        self._head = b""

    def cancel_on_disconnect(self, waiting: bool) -> None:
        """The extension ``DISCONNECT_EXTENSION``: while True, the application's task is cancelled
        when the caller goes. That is cheaper than a second task that listens for it."""
        self._waiting = waiting
        if waiting and self.disconnected and self.task is not None:
            self.task.cancel()

    def disconnect(self) -> None:
        """The caller has gone, or its request is refused; safe to repeat."""
        self.disconnected = True
        self._let_go()
        self.message_event.set()
        if self._waiting and self.task is not None:
            self.task.cancel()

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Run the application for this request; the caller gets an answer whatever it does."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            if not self.disconnected:
                raise
        except Exception:  # the edge: whatever it is, the caller gets an answer
            log.exception("application_failed")
            await self._fail()
        else:
            if not self.response_complete and not self.disconnected:
                log.error("application_gave_no_answer")
                await self._fail()
        finally:
            self.task = None

    async def send(self, message: ASGISendEvent) -> None:
        """The application's ``send``: the head leaves with the first piece of the body."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self.response_started:
                raise RuntimeError("the answer has begun already")
            self._head = self._assemble(message["status"], message.get("headers", ()))
            self.response_started = True
        elif message["type"] == "http.response.body":
            if not self.response_started or self.response_complete:
                raise RuntimeError("the answer has not begun, or is complete")
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError("this is neither the start nor the body of an answer")

    def _assemble(self, status: int, headers: Any) -> bytes:
        """The head of the answer; ``headers``: pairs of bytes, names in lower case."""
        lines = [_STATUS_LINES[status], self._state.date_line]
        length: bytes | None = None
        for name, value in headers:
            if name == b"content-length":
                length = value
                if status == 204:  # RFC 9110 section 8.6
                    continue
            elif name == b"connection":
                if value.lower() == b"close":
                    self.keep_alive = False
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
        lines = []
        bodiless = status in _NO_BODY or self.scope["method"] == "HEAD"
        unmeasured = length is None and not bodiless
        self.expected_content_length = 0 if bodiless or length is None else int(length)
        self.chunked_encoding = unmeasured and self._http_1_1
        self._until_close = unmeasured and not self._http_1_1
        if self.chunked_encoding:
            lines.append(b"transfer-encoding: chunked")
        if self._until_close or self._must_close():
            self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close")
        self.waiting_for_100_continue = False
        return lines

    def _must_close(self) -> bool:
        """An answer before the whole body is here: a short rest is dropped, a long one closes the
        connection. Who asked for 100-continue may send the body or not, so nothing can follow."""
        if not self.more_body:
            return False
        if self.waiting_for_100_continue or self._length_bytes is None:
            return True
        return self._length_bytes - self.received_bytes > DRAIN_LIMIT_BYTES

    def _write(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            body = b""
        elif self.chunked_encoding:
            body = _chunk(body, more=more)
        elif not self._until_close:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the answer is longer than its content-length")
        if len(body) > _JOIN_LIMIT_BYTES:
            self.transport.write(head)
            self.transport.write(body)
        elif head or body:
            self.transport.write(head + body)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("the answer is shorter than its content-length")
        self.response_complete = True
        self._let_go()
        self.message_event.set()
        self.on_response()

    def _let_go(self) -> None:
        """Drop what came of a body that nobody will read. Connection and exchange hold each other,
        so that the garbage collector would have to, which comes by seldom (P24)."""
        if self.body:
            self.body = bytearray()

    async def _fail(self) -> None:
        """500 where nothing of an answer has left yet, else the connection is cut."""
        if self.disconnected or self.response_complete:
            return
        if self.response_started and not self._head:
            self.transport.abort()
            return
        self.response_started = False
        problem = Problem("internal_error")
        headers, body = problem_headers(problem, self._state.request_ids.new())
        await self.send(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _chunk(body: bytes, *, more: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk if more else chunk + b"0\r\n\r\n"
