"""HTTP/1.1 on one connection: llhttp's parser made strict and given deadlines.

What is mended here, beside the rules in ``head``:

- A request that asks to upgrade (``Upgrade: h2c``: every Java HttpClient) is taken as the plain
  request that it also is, with its body (RFC 9110 section 7.8). llhttp ends behind such a head.
- A request of another protocol that llhttp reads (RTSP, ICE) is refused.
- Trailers of a chunked body are dropped instead of merged into the headers (RFC 9110 section 6.5).
- A malformed request is answered after the requests before it, which keep their answers.
- A refused client sees the answer: what it still sends is read and dropped for a moment.
- Deadlines for head, body and idle connections (P26).
- A client that closes its sending half behind a complete request gets the answer, for a moment.
"""

from __future__ import annotations

import asyncio
import select
import struct
import sys
from collections import deque
from enum import Enum, auto
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import httptools

from firesteel.gateway.deadlines import BodyPace
from firesteel.gateway.exchange import Exchange, status_line
from firesteel.gateway.flow import TURN, Flow
from firesteel.gateway.head import (
    HEAD_LIMIT_BYTES,
    HEADERS_LIMIT,
    HEADERS_LIMIT_BYTES,
    URL_LIMIT_BYTES,
    Refused,
    check_head,
    check_size,
)
from firesteel.gateway.refusal import refusal
from firesteel.gateway.rtsp import MARK, NAME, feed_warily, line_left
from firesteel.gateway.unsent import PATIENCE_S as UNSENT_PATIENCE_S
from firesteel.gateway.unsent import Unsent
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.gateway.connections import Connections
    from firesteel.gateway.head import Headers
    from firesteel.gateway.places import Entry

_METHODS: Final = {
    method.encode(): method for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
}


class Handler(Protocol):
    """What answers the requests of a listener."""

    def take(self, exchange: Exchange) -> None:
        """A request's head is complete, and everything before it in its connection is answered.
        Raises nothing."""
        ...


class Reading(Enum):
    """What of a request is being read."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()
    CLOSED = auto()
    """No more is read; bytes that still come are dropped."""


# What is parsed, and how many requests that waited are taken, before others have their turn.
_AT_A_TIME_BYTES: Final = 32 * 1024
_TAKEN_AT_A_TIME: Final = 100
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # struct linger

# Looked up once: in Python 3.11 that takes 0.17 us each time, and a request asks eight times.
_NOTHING, _HEAD, _BODY, _CLOSED = Reading


class _Closed(Exception):
    """The connection was closed behind a request whose bytes are still being parsed."""


class GuardedProtocol:
    """One connection; asyncio's Protocol by its methods. ``state``: what the listener's share."""

    transport: asyncio.Transport
    flow: Flow
    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str

    def __init__(self, state: Connections, entry: Entry | None = None) -> None:
        """``entry``: with which it came in already. It is ``opened`` when bytes can come."""
        self.state = state
        self._entry = entry
        self.opened = False
        self.loop = asyncio.get_running_loop()
        self.headers: Headers = []
        self.url = b""
        self._parser = _parser(self)
        self._reading = _HEAD
        self._since = 0.0
        self._received_bytes = 0
        self._fed_bytes = 0
        self._head_at_bytes = 0
        self._barren_bytes = 0
        self._begun = False
        self._upgrading = False
        self._replaying = False
        self._trailing = False
        self._incoming: Exchange | None = None
        self._active: Exchange | None = None
        self._taking = False
        self._pipeline: deque[Exchange] = deque()
        self._pace: BodyPace | None = None
        self._refused: Refused | None = None
        self._left = b""
        self._line = b""
        self._sends_no_more = False
        self._unsent: Unsent | None = None
        self._unsent_bytes = 0
        self._unsent_since = 0.0

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The head of the first request is due, where there is a place for its connection."""
        self.opened = True
        self.transport = stream = cast("asyncio.Transport", transport)
        self.flow = Flow(stream)
        self.client = _address(transport, "peername")
        self.server = _address(transport, "sockname")
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self.state.guarded.add(self)
        self._since = self.loop.time()
        entry = self._entry
        if entry is None:
            peer = None if self.client is None else self.client[0]
            self._entry = entry = self.state.places.enter(peer)
        if entry.key is None:
            if entry.told:
                self._refuse(Refused("too_many_connections"))
            else:
                self._reading = _CLOSED
                stream.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # asyncio's name
        """Whoever waits for an answer here does so no more."""
        self._reading = _CLOSED
        # It holds this connection too, which would wait for the collector with thousands of others.
        self._parser = cast("httptools.HttpRequestParser", None)
        self._pipeline.clear()
        active, self._active = self._active, None
        if active is not None and not active.answered:
            active.lose()
        self.flow.resume_writing()
        self.state.closed(self)
        if self._entry is not None:
            self.state.places.leave(self._entry)

    def eof_received(self) -> bool:
        """The client sends no more; over TLS it then hears no more either. Whoever has gone looks
        the same, so that answers are waited for no longer than a moment. An answer that has begun
        is only cut by who has gone. May be called again."""
        self._sends_no_more = True
        last = self._pipeline[-1] if self._pipeline else self._active
        if self._reading is _BODY or (self._reading is _HEAD and self._begun):
            self._refuse(Refused("bad_request", "The request is not complete."))
        elif last is not None and not self._closed:
            self._reading = _CLOSED
            self._since = self.loop.time()
            last.keep_alive = False
        active = self._active
        return self.scheme == "http" and active is not None and not active.started

    def pause_writing(self) -> None:
        """The client does not take its answers."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """It takes them: the next request may be answered."""
        self.flow.resume_writing()
        owed = self._pipeline or self._refused is not None
        if self._active is None and (owed or not self._closed):
            self._go_on()

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless nothing more is read; what may be many requests or chunks piece
        by piece, so that others have their turn in between (P27)."""
        if len(data) > _AT_A_TIME_BYTES and not self._in_measured_body():
            self.flow.pause_reading(TURN)
            self._left = data
            self._take_piece()
        else:
            self._take(data)

    def _in_measured_body(self) -> bool:
        incoming = self._incoming
        return incoming is not None and incoming.framing.length_bytes is not None

    def _take_piece(self) -> None:
        self.take_left(_AT_A_TIME_BYTES)
        if self._left and not self._closed:
            self.loop.call_soon(self._take_piece)
        else:
            self.flow.resume_reading(TURN)

    def take_left(self, most_bytes: int = sys.maxsize) -> None:
        """Parse at once what was read and waits for its turn."""
        left, self._left = self._left, self._left[most_bytes:]
        self._take(left[:most_bytes])

    def _take(self, data: bytes) -> None:
        if self._closed or not data:
            return
        self._fed_bytes = self._received_bytes
        self._received_bytes += len(data)
        self._barren_bytes += len(data)
        try:
            if self._line or (MARK in data and (self._incoming is not None or NAME in data)):
                self._feed_warily(data)
            else:
                self.feed(data)
            if self._reading is _HEAD and self._begun:
                fresh = self._head_at_bytes == self._fed_bytes
                self._line = line_left(self, self._line, data, fresh=fresh)
            elif self._line:
                self._line = b""
            if self._barren_bytes > HEAD_LIMIT_BYTES:
                self._refuse(Refused("headers_too_large"))
        except httptools.HttpParserError:
            if not self._closed:
                self._refuse(self._refused or Refused("bad_request"))
        except Refused as refused:
            if not self._closed:
                self._refuse(refused)

    @property
    def _closed(self) -> bool:
        return self._reading is _CLOSED

    def _feed_warily(self, data: bytes) -> None:
        incoming = self._incoming
        if incoming is not None and incoming.goes_on_behind(len(data)):
            self.feed(data)
        else:
            feed_warily(self, self._line, data)

    @property
    def in_head(self) -> bool:
        """Whether a head has begun that is not complete."""
        return self._reading is _HEAD and self._begun

    def feed(self, data: bytes) -> None:
        """Parse. A request that asks to upgrade ends the parser's work after its head: a new
        parser gets the same head without Upgrade, and what followed it."""
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self._parser = _parser(self)
                self._upgrading, self._replaying = False, True
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        method, version = self._parser.get_method(), self._parser.get_http_version()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version.encode())]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    # The parser

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self._replaying:
            return
        self.url = b""
        self.headers = []
        self._begun = True
        self._trailing = False
        self._head_at_bytes = self._fed_bytes
        if self._reading is _NOTHING:
            self._reading = _HEAD
            self._since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        if self._replaying:
            return
        self.url += url
        if len(self.url) > URL_LIMIT_BYTES:
            raise self._refusing(Refused("uri_too_long"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a chunked body."""
        if not self._replaying and not self._trailing:
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The head is complete: hand the request on, or let it wait for its turn."""
        if self._reading is _CLOSED:
            raise _Closed
        parser = self._parser
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise self._refusing(Refused("bad_request", "CONNECT is not taken."))
            self._upgrading = True
            return
        self._replaying = False
        self._trailing = True
        try:
            exchange = self._exchange(parser)
        except Refused as refused:
            raise self._refusing(refused) from None
        self._reading = _BODY
        self._barren_bytes = 0
        self._since = self.loop.time()
        self._pace = None
        self._incoming = exchange
        if self.state.leaving:
            exchange.keep_alive = False
        if self._active is None and not self._pipeline and not self.flow.write_paused:
            self._active = exchange
            self.state.handler.take(exchange)
        else:
            self.flow.pause_reading()
            self._pipeline.append(exchange)

    def _exchange(self, parser: httptools.HttpRequestParser) -> Exchange:
        headers = self.headers
        # Of the head, and maybe of what came with its first byte: sizes are rarely added up.
        read_bytes = self._received_bytes - self._head_at_bytes
        if read_bytes > HEADERS_LIMIT_BYTES or len(headers) > HEADERS_LIMIT:
            check_size(headers)
        framing = check_head(parser.get_http_version(), headers)
        method = parser.get_method()
        if method == b"SOURCE":
            raise Refused("bad_request", "The request is none of HTTP.")
        target = self._target()
        if self.state.hosts is not None:
            self.state.hosts.check(framing.named.get(b"host"), self.url, target[0])
        exchange = Exchange(
            self,
            _METHODS.get(method) or method.decode("ascii"),
            target,
            headers=headers,
            framing=framing,
        )
        if not (framing.http_1_1 and parser.should_keep_alive()):
            exchange.keep_alive = False
        return exchange

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._barren_bytes = 0
        if self._incoming is not None:
            self._incoming.arrived(body)

    def on_message_complete(self) -> None:
        """The request is complete, but where it asks to upgrade: its body follows."""
        exchange = self._incoming
        if self._upgrading or exchange is None:
            return
        self._barren_bytes = 0
        self._incoming = None
        if self._reading is _CLOSED:
            return
        self._reading = _NOTHING
        if exchange.answered:
            self._since = self.loop.time()
        exchange.completed()

    def _target(self) -> tuple[bytes, bytes]:
        """Path and query of the request target (RFC 9112 section 3.2)."""
        if self.url[:1] == b"/" and b"#" not in self.url:
            raw_path, _, query = self.url.partition(b"?")
            return raw_path, query
        try:
            parsed: Any = httptools.parse_url(self.url)  # what is not there is None
        except httptools.HttpParserInvalidURLError:
            raise Refused("bad_request", "The request target is not valid.") from None
        if parsed.fragment:
            raise Refused("bad_request", "A request target has no fragment.")
        return parsed.path or b"/", parsed.query or b""

    # Answers

    def finished(self, exchange: Exchange) -> None:
        """An answer was written: take the next request, or close, or be idle."""
        if exchange is not self._active:
            return
        self._active = None
        if self.transport.is_closing():
            self._pipeline.clear()
            return
        if not exchange.keep_alive:
            self._pipeline.clear()
            self._refused = None
            self._end(unread=not exchange.complete)
        elif self.flow.write_paused:
            self.flow.pause_reading()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """The connection is free for what comes next. No more is read while requests wait."""
        if self._taking:
            return
        if self._pipeline:
            self._take_in_turn()
        if self._pipeline or self.flow.write_paused or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._active is not None:
            return
        if self._refused is not None:
            self._write_refusal(self._refused)
        elif self.state.stopping and self._reading is _NOTHING:
            self._end(unread=False)
        else:
            self._since = self.loop.time()

    def _take_in_turn(self) -> None:
        """Until one has to wait. Those that are answered at once come back through ``_go_on``: a
        call within a call for each of them would come to the end of the stack."""
        self._taking = True
        taken = 0
        while self._pipeline and self._active is None and not self.flow.write_paused:
            if taken == _TAKEN_AT_A_TIME:
                self.loop.call_soon(self._go_on)
                break
            taken += 1
            self._active = self._pipeline.popleft()
            self.state.handler.take(self._active)
        self._taking = False

    def _refusing(self, refused: Refused) -> Refused:
        """Kept, since the parser reports what a callback raises in a form of its own."""
        self._refused = refused
        return refused

    def _refuse(self, refused: Refused) -> None:
        """Answer what came before, then this; nothing more is read. A request whose own answer
        has begun gets no second one."""
        broken = self._incoming if self._reading is _BODY else None
        self._reading = _CLOSED
        self._since = self.loop.time()
        self._refused = refused
        if broken is not None and broken.started:
            self._refused = None
            broken.keep_alive = False
            if broken.answered:
                self._end(unread=True)
            return
        if broken is not None:
            broken.lose()
            if broken is self._active:
                self._active = None
            elif broken in self._pipeline:
                self._pipeline.remove(broken)
        if self._active is None and not self._pipeline:
            self._write_refusal(refused)

    def _write_refusal(self, refused: Refused) -> None:
        self._refused = None
        problem = Problem(refused.code, refused.detail)
        self.state.refused[problem.code] += 1
        answer = refusal(
            problem,
            status_line=status_line(problem.status),
            date_line=self.state.date_line,
            request_id=self.state.request_ids.new(),
        )
        self.transport.write(answer)
        self._end(unread=True)

    def _end(self, *, unread: bool) -> None:
        """Close. Where the client still sends, it would get a reset instead of the answer: so the
        writing half is closed first, and the rest when the client has seen it or lingers."""
        if self.transport.is_closing():
            return
        self._reading = _CLOSED
        self._since = self.loop.time()
        if not unread:
            self.transport.close()
            return
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    # Deadlines and stopping

    def sweep(self, now: float) -> None:
        """End what is over its deadline; called once a second. ``now``: the loop's time."""
        waited_s = now - self._since
        if self._stalled(now):
            self._reset()
        elif self._reading is _CLOSED or self.transport.is_closing():
            lingered = waited_s > self.state.deadlines.linger_s and not self._unsent_bytes
            if lingered and (self._active is None or self._sends_no_more):
                self.transport.abort()
        elif self.flow.read_paused:
            self._since = now
            self._pace = None
        elif self._reading is _BODY:
            self._sweep_body(now)
        elif self._reading is _HEAD:
            if waited_s > self.state.deadlines.head_s:
                self._head_overdue()
        elif self._active is None and (
            self.state.stopping or waited_s > self.state.deadlines.idle_s - UNSENT_PATIENCE_S
        ):
            self._end_idle(now, overdue=waited_s > self.state.deadlines.idle_s)

    def _sweep_body(self, now: float) -> None:
        if self._pace is None:
            self._pace = BodyPace(self.state.deadlines, self._since)
        if self._pace.too_slow(now, self._received_bytes):
            self._refuse(Refused("request_timeout", "The body did not arrive in time."))

    def _head_overdue(self) -> None:
        if self._begun:
            self._refuse(Refused("request_timeout", "The head did not arrive in time."))
        else:
            self._end(unread=False)

    def _stalled(self, now: float) -> bool:
        """Whether the client has taken nothing of an answer for as long as it may be idle."""
        left_bytes = self.transport.get_write_buffer_size()
        if left_bytes == 0 or left_bytes != self._unsent_bytes:
            self._unsent_bytes = left_bytes
            self._unsent_since = now
            return False
        return now - self._unsent_since > self.state.deadlines.idle_s

    def _end_idle(self, now: float, *, overdue: bool) -> None:
        """Close where its time is over, but let a client go on that still takes what was sent."""
        self._unsent = self._unsent or Unsent()
        stuck = self._unsent.stuck(self.transport.get_extra_info("socket"), now)
        if self.state.stopping or (overdue and stuck is None):
            self._end(unread=False)
        elif overdue and stuck:
            self._reset()

    def _reset(self) -> None:
        """Close, and drop what the system still has to send: it would go on trying for minutes."""
        self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def shutdown(self) -> None:
        """The listener stops: close when idle, else after the last request that has come."""
        self.take_left()
        if not self.close_behind_answers() and self._idle() and not self._readable():
            self._end(unread=False)

    def close_behind_answers(self) -> bool:
        """Whether answers are owed here: the last of them is then the connection's last."""
        last = self._pipeline[-1] if self._pipeline else self._active
        if last is not None:
            last.keep_alive = False
        return last is not None

    def _idle(self) -> bool:
        return self._reading is _NOTHING or not self._begun

    def _readable(self) -> bool:
        """Whether bytes wait in the socket: a request that has come is answered (P28)."""
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _parser(protocol: GuardedProtocol) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(protocol)
    # What follows a request with ``Connection: close`` is no error of that request.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def _address(transport: asyncio.BaseTransport, name: str) -> tuple[str, int] | None:
    """Host and port; None where the client has gone already."""
    found = transport.get_extra_info(name)
    return None if not found else (str(found[0]), int(found[1]))
