"""Reading beside the writer: a few read-only connections, each in a thread of a small pool."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from firesteel.errors import StoreUnavailable
from firesteel.processors import roam
from firesteel.store.sql.database import READ_TIMEOUT_S
from firesteel.store.sqlite.connection import SqliteConnection, open_reader
from firesteel.store.sqlite.safety import is_unusable

T = TypeVar("T")

# Steps of SQLite's machine between two looks at whether the time is over: about a millisecond.
_LOOK_STEPS = 10_000


class _Patience:
    """Of one read; ``over`` is set in the event loop's thread and looked at in the reader's."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = False

    def is_over(self) -> bool:
        """True ends the query."""
        return self.over


class Readers:
    """``read`` runs a function with a read-only connection, inside one read transaction, so that
    all its queries see the same moment. The pool's queue is the executor's: readers are people
    and metrics, not the hot path."""

    def __init__(self, path: Path, *, threads: int = 2) -> None:
        self._path = path
        self._free: SimpleQueue[SqliteConnection] = SimpleQueue()
        self._opened: list[SqliteConnection] = []
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="firesteel-reader", initializer=roam
        )

    async def read(
        self, work: Callable[[SqliteConnection], T], *, timeout_s: float = READ_TIMEOUT_S
    ) -> T:
        """``work(connection)`` in a thread of the pool. Raises StoreUnavailable where the answer
        is not there within ``timeout_s``, and where the disk fails."""
        patience = _Patience()
        reading = asyncio.get_running_loop().run_in_executor(self._pool, self._run, work, patience)
        try:
            done, _ = await asyncio.wait((reading,), timeout=timeout_s)
        finally:
            # Ends the query, or takes it out of the queue. A disk that hangs keeps its thread.
            patience.over = True
            reading.cancel()
        if not done:
            raise StoreUnavailable("the store did not answer in time")
        return reading.result()

    async def close(self) -> None:
        """Wait for the reads under way and close. Safe to repeat."""
        await asyncio.to_thread(self._pool.shutdown)
        while self._opened:
            self._opened.pop().close()

    def _run(self, work: Callable[[SqliteConnection], T], patience: _Patience) -> T:
        try:
            connection = self._take()
            try:
                connection.set_progress_handler(patience.is_over, _LOOK_STEPS)
                return _in_one_moment(connection, work)
            finally:
                self._free.put(connection)
        except sqlite3.Error as error:
            if is_unusable(error):
                raise StoreUnavailable("the store cannot be read now") from error
            raise

    def _take(self) -> SqliteConnection:
        """A free connection; the pool has a thread for each, so there are never more."""
        try:
            return self._free.get_nowait()
        except Empty:
            connection = open_reader(self._path)
            self._opened.append(connection)
            return connection


def _in_one_moment(connection: SqliteConnection, work: Callable[[SqliteConnection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
