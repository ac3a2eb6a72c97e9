"""One request on a connection and its answer, below any application.

Whoever takes a request is told when its body is complete, and answers once: with a whole answer, or
piece by piece. What came before in the connection is answered before, whatever it takes.
"""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any, Final, Protocol

from firesteel.gateway.body_file import BodyFile
from firesteel.gateway.flow import DISK, HIGH_WATER_BYTES
from firesteel.gateway.pieces import append
from firesteel.gateway.refused_call import CallRefused, too_large
from firesteel.gateway.spool import SPOOLED_FROM_BYTES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from firesteel.gateway.head import Framing, Headers
    from firesteel.gateway.held_bodies import TriggerBodies
    from firesteel.gateway.protocol import GuardedProtocol
    from firesteel.model.forwarded import Client, IPAddress

# What is left of an unread body may be this long for the connection to be kept.
DRAIN_LIMIT_BYTES: Final = 64 * 1024
# Head and body leave in one write up to here; a longer body is not copied for it.
_JOIN_LIMIT_BYTES: Final = 64 * 1024
_UNWANTED: Final = -1
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def status_line(status: int) -> bytes:
    """The first line of an answer, without its end."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode()


STATUS_LINES: Final = {status: status_line(status) for status in range(200, 600)}


class Recipient(Protocol):
    """Who has taken an exchange. None of these raises."""

    def received(self, body: bytes) -> None:
        """The body is complete."""
        ...

    def refused(self, error: Exception) -> None:
        """More has come than is wanted, or than the node holds at once; nothing of it is kept."""
        ...

    def gone(self) -> None:
        """The caller has gone, or its request is broken: nobody can be answered any more."""
        ...


class Exchange:
    """``raw_path`` and ``raw_query`` as sent, ``headers`` with names in lower case, ``named`` the
    last of each name. ``keep_alive``: whether the connection goes on behind the answer.
    ``told``: header lines of its answer, whatever that is. ``way``: which way to authenticate let
    it in, by its key in a document."""

    __slots__ = (
        "_bodies",
        "_file",
        "_held_bytes",
        "_limit_bytes",
        "_may_spool",
        "_pieces",
        "_protocol",
        "_recipient",
        "_size_bytes",
        "answered",
        "complete",
        "framing",
        "headers",
        "keep_alive",
        "lost",
        "method",
        "named",
        "raw_path",
        "raw_query",
        "started",
        "told",
        "way",
    )

    def __init__(
        self,
        protocol: GuardedProtocol,
        method: str,
        target: tuple[bytes, bytes],
        *,
        headers: Headers,
        framing: Framing,
    ) -> None:
        self._protocol = protocol
        self.method = method
        self.raw_path, self.raw_query = target
        self.headers = headers
        self.named = framing.named
        self.framing = framing
        self.keep_alive = True
        self.complete = False
        self.started = False
        self.answered = False
        self.lost = False
        self.told = b""
        self.way = ""
        self._recipient: Recipient | None = None
        self._bodies: TriggerBodies | None = None
        self._file: BodyFile | None = None
        self._held_bytes = 0
        self._limit_bytes = _UNWANTED
        self._may_spool = False
        self._pieces: list[bytes | bytearray] = []
        self._size_bytes = 0

    # for whoever takes it

    @property
    def protocol(self) -> GuardedProtocol:
        """The connection."""
        return self._protocol

    @property
    def client(self) -> Client:
        """Who sent it, as far as it is known: looked up each time, so that only who asks pays."""
        protocol = self._protocol
        peer = protocol.client
        return protocol.state.proxies.client(None if peer is None else peer[0], self.headers)

    @property
    def client_address(self) -> IPAddress | None:
        """The caller's address, through trusted proxies only; None where it is not known."""
        return self.client.address

    def read_body(
        self,
        limit_bytes: int,
        recipient: Recipient,
        bodies: TriggerBodies | None = None,
        *,
        on_disk: bool = False,
    ) -> None:
        """Tell the recipient the body when it is complete, or that it is refused as soon as it is
        over the limit or ``bodies`` has no room; once, maybe at once. ``on_disk``: a long one may
        lie there while it comes in."""
        self._limit_bytes = limit_bytes
        self._may_spool = on_disk
        self._recipient = recipient
        self._bodies = bodies
        if self._size_bytes and not self._hold(self._size_bytes):
            return
        if self.complete:
            self._deliver()
        else:
            if self.framing.expects_continue and not self._size_bytes:
                self._protocol.transport.write(_CONTINUE)
            self._protocol.flow.resume_reading()

    def listen(self, recipient: Recipient) -> None:
        """Tell the recipient when the caller goes."""
        self._recipient = recipient

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        """The whole answer. ``headers``: lines, each with its end; the length is among them."""
        if self.lost:
            return
        if self.must_close():
            self.keep_alive = False
        if not self.keep_alive:
            headers += b"connection: close\r\n"
        if self.told:
            headers += self.told
        date_line = self._protocol.state.date_line
        head = b"%b\r\n%b\r\n%b\r\n" % (STATUS_LINES[status], date_line, headers)
        self.started = True
        self.write(head, b"" if self.method == "HEAD" else body)
        self.finish()

    def write(self, head: bytes, body: bytes) -> None:
        """A piece of the answer, with its head where that has not left yet."""
        transport = self._protocol.transport
        if len(body) > _JOIN_LIMIT_BYTES:
            transport.write(head)
            transport.write(body)
        elif head or body:
            transport.write(head + body)

    def finish(self) -> None:
        """The answer is complete."""
        self.answered = True
        self._recipient = None
        self._pieces = []
        self.let_go()
        self._protocol.finished(self)

    def let_go(self) -> None:
        """The body is stored, or nobody wants it any more; safe to repeat."""
        if self._file is not None:
            self._file.let_go()
        if self._held_bytes and self._bodies is not None:
            self._bodies.give_back(self._held_bytes)
            self._held_bytes = 0

    def must_close(self) -> bool:
        """An answer before the whole body is here: a short rest is dropped, a long one closes the
        connection. Who asked for 100-continue may send the body or not, so nothing can follow."""
        if self.complete:
            return False
        framing = self.framing
        if framing.expects_continue or framing.length_bytes is None:
            return True
        return framing.length_bytes - self._size_bytes > DRAIN_LIMIT_BYTES

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Go on in a task, which the listener waits for when it stops."""
        return self._protocol.state.run(work)

    # for the connection

    def goes_on_behind(self, size_bytes: int) -> bool:
        """Whether so much more is of the body, all of it, by the length that was told."""
        length_bytes = self.framing.length_bytes
        return length_bytes is not None and self._size_bytes + size_bytes <= length_bytes

    def arrived(self, piece: bytes) -> None:
        """A piece of the body; dropped where the answer has been given already."""
        self._size_bytes += len(piece)
        if self.answered or self.lost:
            return
        if self._limit_bytes != _UNWANTED:
            if self._may_spool and self._size_bytes > SPOOLED_FROM_BYTES and self._on_disk():
                self._add_to_file(piece)
            elif self._hold(len(piece)):
                append(self._pieces, piece)
            return
        append(self._pieces, piece)
        if self._size_bytes > HIGH_WATER_BYTES:
            self._protocol.flow.pause_reading()

    def completed(self) -> None:
        """The body has come."""
        self.complete = True
        if self._limit_bytes != _UNWANTED and not self.answered:
            self._deliver()

    def lose(self) -> None:
        """The caller has gone, or its request is refused; safe to repeat."""
        self.lost = True
        if not self.complete or (self._file is not None and not self._file.loaded):
            self.let_go()
        self._pieces = []
        recipient, self._recipient = self._recipient, None
        if recipient is not None:
            recipient.gone()

    def _hold(self, size_bytes: int) -> bool:
        """Take in so much more of the body; False where it is refused."""
        try:
            if self._size_bytes > self._limit_bytes:
                raise too_large(self._limit_bytes)
            if self._bodies is not None:
                self._held_bytes += self._bodies.take(size_bytes, self._held_bytes)
        except CallRefused as error:
            self._refuse_body(error)
            return False
        return True

    def _refuse_body(self, error: Exception) -> None:
        self._pieces = []
        if self._recipient is not None:
            self._recipient.refused(error)

    def _deliver(self) -> None:
        if self._file is not None:
            self._file.complete()
            return
        pieces, self._pieces = self._pieces, []
        first = pieces[0] if len(pieces) == 1 else None
        body = first if type(first) is bytes else b"".join(pieces)
        if self._recipient is not None:
            self._recipient.received(body)

    # A long body, on disk

    def _on_disk(self) -> bool:
        """Whether it lies there, maybe from now on: what has come so far goes first."""
        bodies = self._bodies
        if self._file is None and bodies is not None and bodies.spool is not None:
            self._file = BodyFile(bodies.spool, bodies, self)
            bodies.give_back(self._held_bytes)
            self._held_bytes = 0
            pieces, self._pieces = self._pieces, []
            self._add_to_file(b"".join(pieces))
        return self._file is not None

    def _add_to_file(self, piece: bytes) -> None:
        file = self._file
        try:
            if self._size_bytes > self._limit_bytes:
                raise too_large(self._limit_bytes)
            if file is not None and not self.answered:
                file.add(piece)
        except CallRefused as error:
            self._refuse_body(error)

    def pause_body(self) -> None:
        """The disk does not keep up: take nothing more for now."""
        self._protocol.flow.pause_reading(DISK)

    def resume_body(self) -> None:
        """It does."""
        self._protocol.flow.resume_reading(DISK)

    def loaded(self, body: bytes) -> None:
        """The body was read back."""
        if self._recipient is not None:
            self._recipient.received(body)

    def unloadable(self, error: Exception) -> None:
        """It is lost, or was not read back in time."""
        self._refuse_body(error)
