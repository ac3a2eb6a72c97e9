"""One worker's connection, seen from the engine: frames in and out, and the attempts in it."""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

from firesteel.model import frames

if TYPE_CHECKING:
    from firesteel.store.journal import Claim

VERSIONS_LIMIT = 1000
_READ_AHEAD_BYTES = 1024 * 1024


class Running:
    """An attempt that a worker has. ``deadline`` is monotonic; past it the worker is ended.
    ``cancelled``: somebody waits for its end, its outcome counts no more."""

    __slots__ = ("cancelled", "claim", "deadline")

    def __init__(self, claim: Claim, deadline: float) -> None:
        self.claim = claim
        self.deadline = deadline
        self.cancelled: asyncio.Future[None] | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A version as a worker gets it."""

    version_no: int
    trigger_no: int
    workspace: str
    document: bytes

    def frame(self) -> frames.Define:
        """As it goes to a worker."""
        return frames.Define(self.version_no, self.workspace, self.trigger_no, self.document)


class Listener(Protocol):
    """Who is told what happens on a link; called in the event loop's thread."""

    def joined(self, link: Link) -> None:
        """The worker said Hello."""
        ...

    def left(self, link: Link) -> None:
        """The worker has gone; its attempts are still in ``link.running``."""
        ...

    def received(self, link: Link, frame: frames.Frame) -> None:
        """A frame of a worker that has joined."""
        ...


class Link:
    """A worker; asyncio's Protocol by its methods (decision 0079). It takes attempts once it said
    Hello with the right token. Frames sent within one turn of the loop leave in one write.
    ``killed``: for an attempt that did not end in time. ``importing``: how many Imports are not
    answered yet; ``ready`` for attempts after the first."""

    def __init__(self, listener: Listener, token: str) -> None:
        self._listener = listener
        self._token = token
        self._reader = frames.engine_frames()
        self._outgoing: list[bytes | bytearray] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self._transport: asyncio.Transport | None = None
        self._versions: OrderedDict[int, None] = OrderedDict()
        self.workspaces: set[str] = set()
        self.running: dict[int, Running] = {}
        self.exclusive = False
        self.draining = False
        self.killed = False
        self.importing = 0
        self.ready = False
        self.pid = 0
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The worker has connected; it is nobody until it said Hello."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # or uvloop writes when its turn ends

    def data_received(self, data: bytes) -> None:
        """Frames of the worker, in order."""
        try:
            received = self._reader.feed(data)
        except (ValueError, msgspec.DecodeError):
            self.close()
            return
        for frame in received:
            if self.pid:
                self._listener.received(self, frame)
            else:
                self._greet(frame)

    def connection_lost(self, exc: Exception | None) -> None:  # asyncio's name
        """The worker has ended."""
        self._transport = None
        self.writable.set()
        if not self.gone.done():
            self.gone.set_result(None)
        if self.pid:
            self._listener.left(self)

    def eof_received(self) -> None:
        """The worker sends no more: it has ended."""

    def pause_writing(self) -> None:
        """The worker has still to take much of what was sent."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self.writable.set()

    def _greet(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Hello) and hmac.compare_digest(frame.token, self._token):
            self.pid = frame.pid
            self._listener.joined(self)
        else:
            self.close()

    # for the pool

    def send(self, frame: frames.Frame, *, long: bool = False) -> None:
        """Queue a frame; lost with the worker, whose attempts are then run anew. ``long``: it is
        not copied more often than it must be."""
        if self._transport is None:
            return
        if not self._outgoing:
            self._loop.call_soon(self.flush)
        self._outgoing.append(frames.encode_long(frame) if long else frames.encode(frame))
        if long:
            self.flush()

    def define(self, definition: Definition) -> None:
        """Make sure that the worker knows the version."""
        if definition.version_no in self._versions:
            self._versions.move_to_end(definition.version_no)
            return
        self._versions[definition.version_no] = None
        self.send(definition.frame())
        if len(self._versions) > VERSIONS_LIMIT:
            oldest, _ = self._versions.popitem(last=False)
            self.send(frames.Forget(oldest))

    def close(self) -> None:
        """Break the connection: the worker ends at once."""
        if self._transport is not None:
            self._transport.abort()

    def flush(self) -> None:
        """Let what was sent leave now, and not at the end of the loop's turn."""
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and outgoing:
            long = outgoing.pop() if type(outgoing[-1]) is bytearray else None
            if outgoing:
                self._transport.write(b"".join(outgoing))
            if long is not None:
                self._transport.write(long)
