"""Planted defect: messages go from the store before they are in the archive."""

from __future__ import annotations

import asyncio

from firesteel.store.archive.writing import ArchiveWriter

_finish = ArchiveWriter.finish
_tasks: set[asyncio.Task[None]] = set()


async def _later(self: ArchiveWriter) -> None:
    async def wait() -> None:
        await asyncio.sleep(5)
        await _finish(self)

    task = asyncio.get_running_loop().create_task(wait())
    _tasks.add(task)


ArchiveWriter.finish = _later  # type: ignore[method-assign]
