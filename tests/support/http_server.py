"""A real HTTP server for tests of what Firesteel calls: answers as told, keeps what it received.

It runs in threads of the test process, on a free port of 127.0.0.1::

    with HttpServer.started() as server:
        server.reply("/orders", Reply(503), Reply.json({"no": 7}))  # the last one repeats
        ...
        assert server.received[0].header("idempotency-key") == "..."

A path without replies is answered with 404.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

WAIT_S = 60.0  # a test that hangs ends; nothing is measured with it


@dataclass(frozen=True, slots=True)
class Received:
    """One request; ``headers``: pairs in order, names as they were written."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that is there at most once."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The body, parsed as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``drop``: the connection is reset instead; ``cut``: it ends within the body.

    ``gate``: the answer, or the drop, waits until the test sets the event.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    gate: threading.Event | None = None
    drop: bool = False
    cut: bool = False

    @classmethod
    def json(cls, value: object, status: int = 200, **more: Any) -> Self:
        """An answer with a JSON body."""
        content_type = (("Content-Type", "application/json"),)
        return cls(status, json.dumps(value).encode(), content_type, **more)

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Self:
        """An answer that sends the caller elsewhere."""
        return cls(status, b"", (("Location", location),))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    def _answer(self) -> None:
        url = urlsplit(self.path)
        pairs = list(self.headers.items())
        received = Received(self.command, url.path, url.query, pairs, self._read_body())
        reply = self.server.owner._reply_to(received)
        if reply.gate is not None:
            reply.gate.wait(WAIT_S)
        if reply.drop:
            # Lingering for 0 seconds makes the kernel send a reset.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status not in (204, 304) and reply.status >= 200:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        self.close_connection = self.close_connection or reply.cut

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Nothing: the test reads ``received``."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined at the end, so that a test leaves no thread behind
    request_queue_size = 128

    def __init__(self, owner: HttpServer) -> None:
        self.owner = owner
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        # Not TCPServer's: its shutdown() would send an end in order before the reset of a drop.
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a caller that gave up is what some tests are about."""


@dataclass(slots=True)
class HttpServer:
    """A running server; ``received`` grows with each complete request, in order of arrival."""

    received: list[Received] = field(default_factory=list)
    _replies: dict[str, list[Reply]] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _port: int = 0

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator[Self]:
        """A new server; at the end its connections are closed and its threads have ended."""
        owner = cls()
        server = _Server(owner)
        owner._port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield owner
        finally:
            server.shutdown()
            thread.join()
            owner._open_gates()
            for connection in list(server.open):
                with contextlib.suppress(OSError):  # the other side was first
                    connection.shutdown(socket.SHUT_RDWR)
            server.server_close()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    def reply(self, path: str, *replies: Reply) -> None:
        """Answer the calls of a path with these, in turn; the last one repeats."""
        with self._changed:
            self._replies[path] = list(replies)

    def wait_for(self, count: int) -> list[Received]:
        """Wait until ``count`` requests have arrived in all; returns what has arrived."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.received) >= count, WAIT_S)
            assert arrived, f"{len(self.received)} requests have arrived, {count} were expected"
            return list(self.received)

    def _reply_to(self, received: Received) -> Reply:
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
            replies = self._replies.get(received.path)
            if not replies:
                return Reply(404)
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def _open_gates(self) -> None:
        for replies in self._replies.values():
            for reply in replies:
                if reply.gate is not None:
                    reply.gate.set()
