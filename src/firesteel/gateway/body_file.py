"""One long body on disk: written by a thread as it comes, read back when it is complete.

The event loop neither writes nor reads files (P27): a disk that is slow stops the reading of this
one connection.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING, Final, Protocol

from firesteel.gateway.held_bodies import overloaded
from firesteel.gateway.pieces import append
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.gateway.held_bodies import TriggerBodies
    from firesteel.gateway.spool import Spool

# So much is worth a turn of a thread; with so much more waiting no more is read.
_WRITTEN_FROM_BYTES: Final = 64 * 1024
_PAUSED_FROM_BYTES: Final = 256 * 1024
PATIENCE_S: Final = 60.0


class Owner(Protocol):
    """Whose body it is; told in the event loop's thread."""

    def pause_body(self) -> None:
        """No more can be taken now."""
        ...

    def resume_body(self) -> None:
        """More can be taken."""
        ...

    def loaded(self, body: bytes) -> None:
        """The whole body; ``let_go`` is called when it is stored."""
        ...

    def unloadable(self, error: Exception) -> None:
        """The body is lost, or had to wait for too long."""
        ...


class BodyFile:
    """Used from the event loop's thread. What waits to be written counts in ``bodies``."""

    __slots__ = (
        "_bodies",
        "_complete",
        "_descriptor",
        "_dropped",
        "_held_bytes",
        "_loaded",
        "_loop",
        "_on_disk_bytes",
        "_owner",
        "_patience",
        "_paused",
        "_pieces",
        "_pieces_bytes",
        "_read_back_bytes",
        "_size_bytes",
        "_spool",
        "_working_bytes",
    )

    def __init__(self, spool: Spool, bodies: TriggerBodies, owner: Owner) -> None:
        self._spool = spool
        self._bodies = bodies
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._pieces: list[bytes | bytearray] = []
        self._pieces_bytes = 0
        self._held_bytes = 0
        self._size_bytes = 0
        self._on_disk_bytes = 0
        self._read_back_bytes = 0
        self._working_bytes: int | None = None
        self._paused = False
        self._complete = False
        self._dropped = False
        self._loaded = False
        self._patience: asyncio.TimerHandle | None = None

    @property
    def loaded(self) -> bool:
        """Whether it was read back, or is being, so that it will be handed on."""
        return self._loaded

    def add(self, piece: bytes) -> None:
        """More of the body. Raises CallRefused where there is no room."""
        size_bytes = len(piece)
        taken_bytes = self._spool.disk.take(self._bodies.on_disk, size_bytes, self._on_disk_bytes)
        if taken_bytes is None:
            raise overloaded()
        self._on_disk_bytes += taken_bytes
        self._size_bytes += size_bytes
        self._held_bytes += self._bodies.take(size_bytes, self._held_bytes)
        append(self._pieces, piece)
        self._pieces_bytes += size_bytes
        if self._working_bytes is not None:
            if self._pieces_bytes >= _PAUSED_FROM_BYTES:
                self._paused = True
                self._owner.pause_body()
        elif self._pieces_bytes >= _WRITTEN_FROM_BYTES:
            self._write()

    def complete(self) -> None:
        """That was all: read it back when it is its turn."""
        self._complete = True
        if self._working_bytes is None:
            self._write()

    def let_go(self) -> None:
        """The body is stored, or nobody wants it any more; safe to repeat."""
        if self._loaded:
            self._loaded = False
            self._spool.loads.give_back(self._bodies.read_back, self._read_back_bytes)
        if self._dropped:
            return
        self._drop()
        self._give_back(self._held_bytes - (self._working_bytes or 0))
        self._pieces, self._pieces_bytes = [], 0
        if self._patience is not None:
            self._patience.cancel()
        if self._working_bytes is None:
            self._close()

    # Writing

    def _write(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._working_bytes, self._pieces_bytes = self._pieces_bytes, 0
        work = self._loop.run_in_executor(self._spool.threads, self._write_out, pieces)
        work.add_done_callback(self._written)

    def _write_out(self, pieces: list[bytes | bytearray]) -> None:
        if self._descriptor is None:
            self._descriptor = self._spool.open()
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(self._descriptor, left) :]

    def _written(self, work: asyncio.Future[None]) -> None:
        self._give_back(self._working_bytes or 0)
        self._working_bytes = None
        error = work.exception()
        if self._dropped:
            self._close()
        elif error is not None:
            self._owner.unloadable(_refused(error))
        elif self._pieces_bytes >= _WRITTEN_FROM_BYTES or (self._complete and self._pieces_bytes):
            self._write()
        elif self._complete:
            self._patience = self._loop.call_later(PATIENCE_S, self._lose_patience)
            self._spool.loads.wait(self._bodies.read_back, self._size_bytes, self._load)
        if self._paused and self._pieces_bytes < _PAUSED_FROM_BYTES:
            self._paused = False
            self._owner.resume_body()

    # Reading back

    def _load(self, read_back_bytes: int) -> bool:
        if self._patience is not None:
            self._patience.cancel()
        if self._dropped:
            return False
        self._loaded = True
        self._read_back_bytes = read_back_bytes
        self._working_bytes = 0
        work = self._loop.run_in_executor(self._spool.threads, self._read_back)
        work.add_done_callback(self._told)
        return True

    def _read_back(self) -> bytes:
        assert self._descriptor is not None
        body = os.pread(self._descriptor, self._size_bytes, 0)
        if len(body) != self._size_bytes:
            raise OSError(errno.EIO, "a body on disk is not as long as it was")
        return body

    def _told(self, work: asyncio.Future[bytes]) -> None:
        self._working_bytes = None
        error = work.exception()
        if self._dropped:
            self._close()
        elif error is not None:
            self._owner.unloadable(_refused(error))
        else:
            self._drop()
            self._close()
            self._owner.loaded(work.result())

    def _lose_patience(self) -> None:
        self._owner.unloadable(overloaded())

    def _drop(self) -> None:
        self._dropped = True
        self._spool.disk.give_back(self._bodies.on_disk, self._on_disk_bytes)

    def _give_back(self, size_bytes: int) -> None:
        """So much less is in memory; not all of it may count."""
        counted_bytes = min(max(size_bytes, 0), self._held_bytes)
        self._held_bytes -= counted_bytes
        self._bodies.give_back(counted_bytes)

    def _close(self) -> None:
        """In a thread: to give back the room of a long file takes time."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._spool.threads.submit(os.close, descriptor)


def _refused(error: BaseException) -> CallRefused:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return CallRefused(Problem("disk_full" if full else "store_unavailable"))
