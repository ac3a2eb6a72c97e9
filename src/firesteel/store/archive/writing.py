"""Writing to an archive, before retention lets go: what is not flushed there is not purged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from firesteel.errors import OperatorError
from firesteel.store.archive.folder import locked, path_of
from firesteel.store.archive.frames import Packing, append
from firesteel.store.archive.record import encoded, record_of
from firesteel.store.history import Going

# A frame is finished when it has grown to so many bytes, so that reading it takes little memory.
_FRAME_BYTES = 8 * 1024 * 1024
_TRIED = b"Firesteel looks whether its archive can be written to.\n"
_DAY_LENGTH = len("2027-06-30")


class ArchiveWriter:
    """Implements ``history.Archive`` for a folder of this machine. ``node``: the name of a node
    that shares its store, else empty. ``reserve_bytes``: what stays free on the folder's disk: a
    part of the store's reserve, since the store has more room for each message that goes.
    ``fault``: why the last attempt to write failed; empty where it did not, or where ``try_again``
    has found that it would not now."""

    def __init__(
        self,
        folder: Path,
        *,
        node: str,
        by_default: bool,
        reserve_bytes: Callable[[int], int],
        now_us: Callable[[], int],
    ) -> None:
        """``reserve_bytes`` is given the size of the disk."""
        self.by_default = by_default
        self.folder = folder
        self._node = node
        self._reserve_bytes = reserve_bytes
        self._now_us = now_us
        self._packings: dict[tuple[str, str, str], Packing] = {}
        self.fault = ""
        self._failed_at: tuple[str, str, str] | None = None

    async def add(self, going: Sequence[Going]) -> None:
        """As ``history.Archive.add``."""
        await asyncio.to_thread(self._add, going)

    async def finish(self) -> None:
        """As ``history.Archive.finish``."""
        await asyncio.to_thread(self._finish)

    def drop(self) -> None:
        """As ``history.Archive.drop``."""
        self._packings = {}

    async def try_again(self) -> None:
        """As ``history.Archive.try_again``."""
        await asyncio.to_thread(self._try_again)

    def forget_fault(self) -> None:
        """As ``history.Archive.forget_fault``."""
        self.fault, self._failed_at = "", None

    # inside

    def _add(self, going: Sequence[Going]) -> None:
        for one in going:
            record = record_of(one.executions, one.search, self._now_us())
            day = record["received_at"][:_DAY_LENGTH]
            place = (record["workspace"], record["integration"], day)
            packing = self._packings.setdefault(place, Packing())
            packing.add(encoded(record), one.executions[0].summary.received_at_us)
            if packing.size_bytes >= _FRAME_BYTES:
                self._write([(place, self._packings.pop(place))])

    def _finish(self) -> None:
        try:
            self._write(list(self._packings.items()))
        finally:
            self.drop()

    def _write(self, packed: Sequence[tuple[tuple[str, str, str], Packing]]) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self.folder):
                for place, packing in packed:
                    self._failed_at = place
                    frame = packing.finish(self._now_us())
                    self._leave_reserve(len(frame))
                    append(path_of(self.folder, *place, self._node), frame)
        except OSError as error:
            raise self._unwritable(error) from error
        self.forget_fault()

    def _try_again(self) -> None:
        with contextlib.suppress(OperatorError):
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with locked(self.folder):
                    self._leave_reserve(_FRAME_BYTES)
                    if self._failed_at is None:
                        _flush_something(self.folder)
                    else:
                        path = path_of(self.folder, *self._failed_at, self._node)
                        _flush_something(path.parent)
                        if path.exists():
                            path.open("r+b").close()
            except OSError as error:
                raise self._unwritable(error) from error
            self.forget_fault()

    def _leave_reserve(self, size_bytes: int) -> None:
        disk = shutil.disk_usage(self.folder)
        if disk.free < size_bytes + self._reserve_bytes(disk.total):
            raise self._failed("the disk of the archive is nearly full")

    def _unwritable(self, error: OSError) -> OperatorError:
        return self._failed(f"the archive cannot be written to: {error.strerror}")

    def _failed(self, why: str) -> OperatorError:
        self.fault = why
        return OperatorError(why, code="archive_failed")


def _flush_something(folder: Path) -> None:
    """To a file without a name, which nobody reads and no crash leaves behind."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(_TRIED)
        file.flush()
        os.fsync(file.fileno())
