"""Which node does a job: the one that holds PostgreSQL's advisory lock of the job's name.

The locks belong to one connection, and the server gives them back when it ends, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import psycopg
import structlog

from firesteel.errors import OperatorError
from firesteel.sparing import Sparing
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.locks import number_of

_SESSION = Session(3.0)

log = structlog.get_logger(__name__)


class PostgresqlJobs:
    """Implements ``store.jobs.Jobs``, with one connection and one thread."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="firesteel-jobs")
        self._closed = False
        self._sparing = Sparing()
        self._connection: PostgresqlConnection | None = None
        # Job -> the connection that holds its lock; the server would give it to one twice.
        self._mine: dict[str, PostgresqlConnection] = {}

    async def connect(self) -> None:
        """Have a connection from now on. Raises what ``connect`` raises."""
        loop = asyncio.get_running_loop()
        self._connection = await loop.run_in_executor(
            self._thread, connect, self._address, _SESSION
        )

    @asynccontextmanager
    async def only_here(self, job: str) -> AsyncIterator[bool]:
        """As ``Jobs.only_here``."""
        loop = asyncio.get_running_loop()
        mine = not self._closed and await loop.run_in_executor(self._thread, self._take, job)
        try:
            yield mine
        finally:
            if mine and not self._closed:
                # Who is cancelled here does not wait, but the lock goes back all the same.
                await asyncio.shield(loop.run_in_executor(self._thread, self._give_back, job))

    async def close(self) -> None:
        """Give all jobs back: others have them when this returns. Safe to repeat."""
        if not self._closed:
            self._closed = True
            self._thread.submit(self._give_all_back)
        await asyncio.to_thread(self._thread.shutdown)

    def _take(self, job: str) -> bool:
        if job in self._mine and not self._mine[job].broken:
            return False
        try:
            if self._connection is None:
                self._connection = connect(self._address, _SESSION)
            taken = self._ask(self._connection, "pg_try_advisory_lock", job)
        except (psycopg.Error, OperatorError) as error:
            if times := self._sparing.times(job):
                log.warning("job_not_taken", job=job, error=type(error).__name__, times=times)
            self._leave()
            return False
        if taken:
            self._mine[job] = self._connection
        return taken

    def _give_back(self, job: str) -> None:
        connection = self._mine.pop(job)
        if connection is self._connection:
            try:
                self._ask(connection, "pg_advisory_unlock", job)
            except psycopg.Error:
                self._leave()

    def _give_all_back(self) -> None:
        if self._mine and self._connection is not None:
            with contextlib.suppress(psycopg.Error):  # the server gives them back, a little later
                self._connection.command("SELECT pg_advisory_unlock_all()")
        self._leave()

    def _ask(self, connection: PostgresqlConnection, function: str, job: str) -> bool:
        row = connection.execute(f"SELECT {function}(?::BIGINT)", (number_of(f"job {job}"),))
        return bool(row.fetchall()[0][0])

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
