"""Whether a connection's bytes flow: reading is paused by us, writing by a client that is slow."""

from __future__ import annotations

import asyncio
from typing import Final

# What of an unwanted body is kept before reading is paused.
HIGH_WATER_BYTES: Final = 64 * 1024


# Why no more is read: requests wait; the disk does not keep up; others in the loop have their turn.
REQUESTS: Final = 1
DISK: Final = 2
TURN: Final = 4


class Flow:
    """The two directions of one transport. ``write_paused`` says whether the client takes what is
    sent."""

    __slots__ = ("_held_for", "_transport", "_writable", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self._held_for = 0
        self.write_paused = False

    @property
    def read_paused(self) -> bool:
        """Whether it is for us that the client cannot send, and not for a moment only."""
        return bool(self._held_for & ~TURN)

    def pause_reading(self, reason: int = REQUESTS) -> None:
        """Take nothing more from the client; safe to repeat."""
        if not self._held_for:
            self._transport.pause_reading()
        self._held_for |= reason

    def resume_reading(self, reason: int = REQUESTS) -> None:
        """Take more from the client, unless there is another reason not to; safe to repeat."""
        if self._held_for:
            self._held_for &= ~reason
            if not self._held_for and not self._transport.is_closing():
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
