"""The worker's end of the socket to the engine: frames in and out, many in one write.

When the socket closes, the process ends at once, in the middle of whatever it does: the engine has
taken every attempt back by then (P14). While the engine does not read, nothing more is taken in.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Protocol, cast

from firesteel.model import frames

if TYPE_CHECKING:
    from collections.abc import Callable

WRITE_LIMIT_BYTES = 4 * 1024 * 1024


class Receiver(Protocol):
    """Who gets the engine's frames, in order, in the event loop's thread."""

    def received(self, frame: frames.Frame) -> None:
        """Begin what the frame asks for."""
        ...


class EngineLink(asyncio.Protocol):
    """``ended`` is called once, when the socket has closed; it does not return in a worker."""

    def __init__(self, receiver: Receiver, hello: frames.Hello, ended: Callable[[], None]) -> None:
        self._receiver = receiver
        self._hello = hello
        self._ended = ended
        self._reader = frames.worker_frames()
        self._outgoing: list[bytes] = []
        self._paused = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._lookups: dict[int, asyncio.Future[frames.Found]] = {}

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_LIMIT_BYTES)
        self.send(self._hello)

    def data_received(self, data: bytes) -> None:
        """Hand the frames on."""
        for frame in self._reader.feed(data):
            if isinstance(frame, frames.Found):
                self._found(frame)
            else:
                self._receiver.received(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine has gone."""
        self._transport = None
        self._ended()

    def pause_writing(self) -> None:
        """The engine does not read: take nothing more in."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()
        self._flush()

    # for the attempts

    def send(self, frame: frames.Frame) -> None:
        """Queue a frame for the end of this turn of the loop; in the loop's thread only."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(frames.encode(frame))

    async def look_up(self, workspace: str, integration: str) -> frames.Found:
        """The published version of an integration, ``document`` empty where there is none."""
        number = next(self._numbers)
        found: asyncio.Future[frames.Found] = self._loop.create_future()
        self._lookups[number] = found
        self.send(frames.Lookup(number, workspace, integration))
        try:
            return await found
        finally:
            self._lookups.pop(number, None)

    async def written(self) -> None:
        """Until all that was sent has left the process."""
        while self._outgoing or (
            self._transport is not None and self._transport.get_write_buffer_size()
        ):
            self._flush()
            await asyncio.sleep(0)

    def _found(self, frame: frames.Found) -> None:
        future = self._lookups.get(frame.request_no)
        if future is not None and not future.done():
            future.set_result(frame)

    def _flush(self) -> None:
        if self._outgoing and not self._paused and self._transport is not None:
            outgoing, self._outgoing = self._outgoing, []
            self._transport.write(b"".join(outgoing))
