"""The database as all but the journal use it: a few connections to read, a few to change it.

Changes are made one after the other, over all nodes, as on SQLite: each takes a lock of the whole
database (`docs/decisions/0021`) before it looks at anything. They are rare, and what they check
before they write is so still right when they write it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

import psycopg

from firesteel.errors import OutcomeUnknown, StoreUnavailable
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.failures import is_conflict, is_full, is_refused, translated
from firesteel.store.postgresql.locks import CHANGES
from firesteel.store.postgresql.safety import connect_to_write, refuse_unsafe_now
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, READ_TIMEOUT_S, Connection

T = TypeVar("T")

READERS: Final = 4
CHANGERS: Final = 2
WRITE_TIMEOUT_S: Final = 10.0
_STATEMENT_TIMEOUT_S = 4.0
# Who waits for a connection of the pool looks so often whether the server has room again.
_ROOM_S = 0.5
# Who comes when so many wait is told at once that there is no room.
_MOST_WAITING = 1000
_CONFLICT_RETRIES = 2

_CHANGING = Session(_STATEMENT_TIMEOUT_S)
# Conditions name triggers with ten messages and with millions: a plan for all of them fits neither.
_READING = Session(LONG_READ_TIMEOUT_S, plans="force_custom_plan")


class _Patience:
    """Of one piece of work: the event loop's thread gives it up, the worker's looks at that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._committing = False
        self._connection: PostgresqlConnection | None = None

    def hold(self, connection: PostgresqlConnection) -> None:
        """From now on the work is done on this connection. Raises StoreUnavailable once over."""
        with self._lock:
            self._look()
            self._connection = connection

    def let_go(self) -> None:
        """The connection is somebody else's again."""
        with self._lock:
            self._connection = None

    def begin_to_commit(self) -> None:
        """Raises StoreUnavailable once over: it must not be committed then."""
        with self._lock:
            self._look()
            self._committing = True

    def end(self) -> bool:
        """Give it up; whether it may be committed all the same."""
        with self._lock:
            self._over = True
            if self._connection is not None:
                self._connection.abort()
            return self._committing

    def look(self) -> None:
        """Raises StoreUnavailable once over."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        if self._over:
            raise StoreUnavailable("the store did not answer in time")


class Pool:
    """A bounded number of connections, each used by one of as many threads at a time. Where the
    server has no room for so many, the threads share those that there are."""

    def __init__(
        self,
        address: Address,
        session: Session,
        size: int,
        connecting: Callable[[Address, Session], PostgresqlConnection] = connect,
    ) -> None:
        self._connecting = connecting
        self._address = address
        self._session = session
        self._free: SimpleQueue[PostgresqlConnection] = SimpleQueue()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="firesteel-postgresql")
        self._waiting = 0
        self._closed = False
        # Connections that there are, lent ones too: counted under the lock.
        self._open = 0
        self._counting = threading.Lock()

    async def connect(self) -> None:
        """Have a connection from now on. Raises what ``connect`` raises."""
        loop = asyncio.get_running_loop()
        self._free.put(await loop.run_in_executor(self._threads, self._connect))

    async def run(
        self,
        work: Callable[[PostgresqlConnection, _Patience], T],
        timeout_s: float,
        *,
        to_its_end: bool = False,
    ) -> T:
        """``work(connection, patience)`` in a thread of the pool. It may run twice: again where the
        connection was found to be lost. ``to_its_end``: also where the caller is cancelled.
        Raises StoreUnavailable and OutcomeUnknown."""
        if self._closed or self._waiting >= _MOST_WAITING:
            raise StoreUnavailable(
                "the store is closed" if self._closed else "too many wait for it"
            )
        patience = _Patience()
        loop = asyncio.get_running_loop()
        self._waiting += 1
        running = loop.run_in_executor(self._threads, self._run, work, patience)
        running.add_done_callback(self._ended)
        try:
            done, _ = await asyncio.wait((running,), timeout=timeout_s)
        except asyncio.CancelledError:
            if not to_its_end:
                running.cancel()
                patience.end()
            raise
        if done:
            return running.result()
        running.cancel()
        if patience.end():
            raise OutcomeUnknown("the store did not say whether it has committed")
        raise StoreUnavailable("the store did not answer in time")

    async def close(self) -> None:
        """Wait for the work under way and close. Safe to repeat."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        while not self._free.empty():
            self._free.get().close()

    def _ended(self, running: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not running.cancelled():
            running.exception()  # nobody may be there any more to hear of it

    def _run(self, work: Callable[[PostgresqlConnection, _Patience], T], patience: _Patience) -> T:
        while True:
            connection, is_new = self._take(patience)
            try:
                patience.hold(connection)
                return work(connection, patience)
            except psycopg.Error as error:
                # A server that went and came back leaves all connections lost that were idle.
                if not connection.broken or is_new:
                    raise translated(error) from error
            finally:
                patience.let_go()
                self._give_back(connection)

    def _take(self, patience: _Patience) -> tuple[PostgresqlConnection, bool]:
        """A free connection, and whether it is new; there are never more than threads."""
        with contextlib.suppress(Empty):
            return self._free.get_nowait(), False
        while True:
            try:
                return self._connect(), True
            except StoreUnavailable as error:
                if not self._open or not is_full(error.__cause__):
                    raise
            with contextlib.suppress(Empty):
                return self._free.get(timeout=_ROOM_S), False
            patience.look()

    def _connect(self) -> PostgresqlConnection:
        connection = self._connecting(self._address, self._session)
        with self._counting:
            self._open += 1
        return connection

    def _give_back(self, connection: PostgresqlConnection) -> None:
        if not connection.broken:
            self._free.put(connection)
            return
        connection.close()
        with self._counting:
            self._open -= 1


class PostgresqlReading:
    """Implements ``sql.database.Reading``."""

    def __init__(self, address: Address, size: int = READERS) -> None:
        self._pool = Pool(address, _READING, size)
        self.connect = self._pool.connect

    async def read(
        self, work: Callable[[Connection], T], *, timeout_s: float = READ_TIMEOUT_S
    ) -> T:
        """As ``Reading.read``."""

        def in_one_moment(connection: PostgresqlConnection, _: _Patience) -> T:
            connection.begin_reading(timeout_s)
            try:
                result = work(connection)
            except BaseException:
                connection.rollback()
                raise
            connection.end_reading()
            return result

        return await self._pool.run(in_one_moment, timeout_s)

    async def close(self) -> None:
        """Safe to repeat."""
        await self._pool.close()


class PostgresqlDatabase:
    """Implements ``sql.database.Database``."""

    def __init__(self, address: Address) -> None:
        self._reading = PostgresqlReading(address)
        self._changing = Pool(address, _CHANGING, CHANGERS, connect_to_write)
        self.read = self._reading.read

    async def connect(self) -> None:
        """Have a connection to read and one to change from now on. Raises what ``connect``
        raises."""
        await self._reading.connect()
        await self._changing.connect()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """As ``Database.write``. Where it was rolled back because of others it is tried again."""

        def change(connection: PostgresqlConnection, patience: _Patience) -> T:
            for left in reversed(range(_CONFLICT_RETRIES + 1)):
                try:
                    return _change(connection, patience, work)
                except psycopg.Error as error:
                    if not (left and is_conflict(error)):
                        raise
            raise AssertionError  # the last one returns or raises

        return await self._changing.run(change, WRITE_TIMEOUT_S, to_its_end=True)

    async def close(self) -> None:
        """Wait for what is under way. Safe to repeat."""
        await self._changing.close()
        await self._reading.close()


def _change(
    connection: PostgresqlConnection, patience: _Patience, work: Callable[[Connection], T]
) -> T:
    try:
        connection.command(f"BEGIN; SELECT pg_advisory_xact_lock({CHANGES})")
        refuse_unsafe_now(connection)
        result = work(connection)
        patience.begin_to_commit()
    except BaseException:
        connection.rollback()
        raise
    try:
        flushed = connection.commit()
    except psycopg.Error as error:
        if is_refused(error):
            raise
        connection.close()
        raise OutcomeUnknown("the connection was lost during the commit") from error
    if not flushed:
        raise OutcomeUnknown("a standby did not confirm the commit")
    return result
