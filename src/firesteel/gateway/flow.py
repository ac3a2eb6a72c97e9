"""Whether a connection's bytes flow: reading is paused by us, writing by a client that is slow."""

from __future__ import annotations

import asyncio
from typing import Final

# What of an unwanted body is kept before reading is paused.
HIGH_WATER_BYTES: Final = 64 * 1024


class Flow:
    """The two directions of one transport. ``read_paused`` and ``write_paused`` say how it is."""

    __slots__ = ("_transport", "_writable", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self.read_paused = False
        self.write_paused = False

    def pause_reading(self) -> None:
        """Take nothing more from the client; safe to repeat."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client; safe to repeat."""
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """The client does not take what is sent."""
        self.write_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more, or has gone."""
        self.write_paused = False
        self._writable.set()

    async def writable(self) -> None:
        """Until the client takes what is sent, or has gone."""
        await self._writable.wait()
