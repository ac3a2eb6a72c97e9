"""Back-ups of the store while the node goes on: one at a time, and how far it is."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from typing import TYPE_CHECKING, BinaryIO

from firesteel.errors import CallerError
from firesteel.store.copies import CopyProgress

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.engine.parts import Parts
    from firesteel.store.copies import Copied

_PASSING = ".download-"


class Backups:
    """``progress``: of the copy that is being made; None where none is."""

    def __init__(self, parts: Parts) -> None:
        self._history = parts.history
        self._chest = parts.chest
        self._settings = parts.settings
        self._data_dir = parts.settings.data_dir
        self.progress: CopyProgress | None = None

    async def make(self, target: Path) -> Copied:
        """A copy in a file that is not there yet. It goes on if whoever asked has gone. Raises
        CallerError ``backup_busy``, ``backup_unsupported`` and what ``History.backup`` raises."""
        if self._settings.store_path is None:
            raise CallerError(
                "the store is a PostgreSQL database: back it up with its own tools, pg_dump or "
                "pg_basebackup; docs/how-to/back-up.md",
                code="backup_unsupported",
            )
        if self.progress is not None:
            raise CallerError(code="backup_busy")
        self.progress = CopyProgress()
        return await asyncio.shield(asyncio.ensure_future(self._make(target, self.progress)))

    async def pass_on(self) -> tuple[BinaryIO, Copied]:
        """A copy in a file of the data directory that has no name any more: it is gone when it is
        closed, whatever becomes of who reads it. What an engine that died has left of such copies
        is deleted first. Raises what ``make`` raises."""
        if self.progress is None:
            # Whole ones, and those that were being made, under the name that they have meanwhile.
            for pattern in (f"{_PASSING}*", f".{_PASSING}*"):
                for left in self._data_dir.glob(pattern):
                    left.unlink(missing_ok=True)
        path = self._data_dir / f"{_PASSING}{secrets.token_hex(8)}.db"
        copied = await self.make(path)
        file = path.open("rb")
        path.unlink()
        return file, copied

    @property
    def key_id(self) -> str:
        """Of the encryption key that opens the secrets in a copy, and is not in it."""
        return self._chest.key_id

    async def _make(self, target: Path, progress: CopyProgress) -> Copied:
        try:
            reserve_bytes = await asyncio.to_thread(self._reserve_bytes, target.parent)
            return await self._history.backup(target, progress, reserve_bytes)
        finally:
            self.progress = None

    def _reserve_bytes(self, folder: Path) -> int:
        """Of another disk than the store's everything may be taken."""
        if folder.stat().st_dev != self._data_dir.stat().st_dev:
            return 0
        total_bytes = shutil.disk_usage(folder).total
        return min(self._settings.disk_reserve_bytes, total_bytes // 20)
