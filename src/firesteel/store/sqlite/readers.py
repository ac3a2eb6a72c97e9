"""Reading beside the writer: a few read-only connections, each in a thread of a small pool."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from firesteel.store.sqlite.connection import open_reader

T = TypeVar("T")


class Readers:
    """``read`` runs a function with a read-only connection, inside one read transaction, so that
    all its queries see the same moment. The pool's queue is the executor's: readers are people
    and metrics, not the hot path."""

    def __init__(self, path: Path, *, threads: int = 2) -> None:
        self._path = path
        self._free: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._opened: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="firesteel-reader")

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """``work(connection)`` in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    async def close(self) -> None:
        """Wait for the reads under way and close. Safe to repeat."""
        await asyncio.to_thread(self._pool.shutdown)
        while self._opened:
            self._opened.pop().close()

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._take()
        try:
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("ROLLBACK")
        finally:
            self._free.put(connection)

    def _take(self) -> sqlite3.Connection:
        """A free connection; the pool has a thread for each, so there are never more."""
        try:
            return self._free.get_nowait()
        except Empty:
            connection = open_reader(self._path)
            self._opened.append(connection)
            return connection
