"""What the store's file can tell of itself, and its copies."""

from __future__ import annotations

import asyncio
from pathlib import Path

from firesteel.store.copies import Copied, CopyProgress
from firesteel.store.kept import Parts
from firesteel.store.sql.database import Connection, Reading
from firesteel.store.sqlite.backup import back_up
from firesteel.store.sqlite.writer import Writer

_TRIES = 40
_BETWEEN_TRIES_S = 0.25


class StoreFile:
    """Implements ``sql.history.Storage`` for the file at ``path``."""

    def __init__(self, path: Path, readers: Reading, writer: Writer) -> None:
        self._path = path
        self._readers = readers
        self._writer = writer

    async def backup(
        self, target: Path, progress: CopyProgress | None = None, reserve_bytes: int = 0
    ) -> Copied:
        return await asyncio.to_thread(back_up, self._path, target, progress, reserve_bytes)

    async def size_bytes(self) -> int:
        return await asyncio.to_thread(_size_bytes, self._path)

    async def parts(self) -> Parts | None:
        """Told only by reading the whole file: None."""
        return None

    async def reusable_bytes(self) -> int:
        return await self._readers.read(_reusable_bytes)

    async def empty_log(self) -> bool:
        """Copy the log into the file and cut it to nothing. A reader that looks at an older state
        is not waited for by the writer, only here."""
        for _ in range(_TRIES):
            if await self._writer.empty_log():
                return True
            await asyncio.sleep(_BETWEEN_TRIES_S)
        return False


def _reusable_bytes(connection: Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * page_bytes)


def _size_bytes(path: Path) -> int:
    """The file and its log; both may be cut back meanwhile."""
    sizes = []
    for part in (path, path.with_name(path.name + "-wal")):
        try:
            sizes.append(part.stat().st_size)
        except FileNotFoundError:
            sizes.append(0)
    return sum(sizes)
