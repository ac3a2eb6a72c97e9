"""The one thread that writes the SQLite file: many commands, one transaction, one flush.

The event loop gathers commands and hands those of each of its turns over at once; the thread takes
all that are there, applies them in order in one transaction, commits (which flushes), and completes
all of them with one call back into the loop. While it flushes, the next ones gather: the more
calls, the larger the groups.

What may go wrong, and what the callers are told:

- A command is refused by a rule (a FiresteelError): its own error; the others are not touched.
- A statement fails before the commit (disk full, I/O error, damage): the transaction is rolled
  back, all of it fails with StoreUnavailable, the thread goes on.
- The commit fails with "disk full": nothing of it reached the log's end: as above. Calls are tried
  at once, what is due by itself (retries) after a while that doubles: each try reads the tables
  anew.
- Another session has begun: this one was replaced while it slept (P14), which happens only where
  its lock was taken from it. Nothing is written; all of it fails with StoreUnavailable,
  ``on_lost`` is told, the thread ends.
- The commit fails otherwise (a failed flush): nobody knows what is on disk, and asking again would
  say so less truthfully (https://wiki.postgresql.org/wiki/Fsync_Errors). Its commands fail with
  OutcomeUnknown, the waiting ones with StoreUnavailable, ``on_lost`` is told, the thread ends.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from firesteel.errors import FiresteelError, InternalError, OutcomeUnknown, StoreUnavailable
from firesteel.pending import Pending
from firesteel.store.sqlite.connection import (
    SqliteConnection,
    empty_log_unless_busy,
    open_writer,
)
from firesteel.store.sqlite.safety import is_damaged
from firesteel.store.sqlite.sessions import Replaced
from firesteel.telemetry.meter import CommitMeter

A = TypeVar("A")
T = TypeVar("T")

Work = Callable[[SqliteConnection], T]
_Command = tuple[Pending[Any] | None, Callable[[Any], Any], Any]

# Commands in one transaction at most: bounds how long the first of them waits for the last.
_BATCH = 1000
# Commands that may wait before ``put`` refuses: more is a node that does not keep up.
QUEUE_LIMIT = 20_000


# What is due by itself is tried again after this long when it failed, then after twice as long.
_FIRST_BACK_OFF_S = 0.1
_LONGEST_BACK_OFF_S = 5.0


class Ledger(Protocol):
    """What the writer writes for: it remembers what is running and buffers rows within a
    transaction. All methods run in the writer's thread; ``begin`` to ``finish`` in a transaction.
    """

    def open(self, connection: SqliteConnection) -> None:
        """Begin a session and remember what the tables say."""
        ...

    def begin(self) -> None:
        """A transaction has begun. Raises Replaced where another session has begun since."""
        ...

    def flush(self) -> None:
        """Write all buffered rows: a statement that follows sees everything before it."""
        ...

    def finish(self) -> Sequence[Any]:
        """Write what is buffered and claim what may start; the claims, for after the commit."""
        ...

    def reload(self) -> None:
        """Forget what is buffered or remembered and believe the tables: the transaction was rolled
        back."""
        ...

    def wake_in_s(self) -> float | None:
        """Seconds until something is due without a command; None: nothing is."""
        ...

    def close(self) -> None:
        """End the session (in a transaction)."""
        ...


class _Refused:
    """The answer to a command that ends with an error."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Writer:
    """The writer's thread and its queue. ``put`` and ``submit`` are called from the event loop's
    thread; what they return completes in the order in which they were called."""

    def __init__(self, path: Path, ledger: Ledger, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self.meter = CommitMeter()
        self._path = path
        self._ledger = ledger
        self._queue: SimpleQueue[list[_Command]] = SimpleQueue()
        self._queue_limit = queue_limit
        self._gathered: list[_Command] = []
        self._open = 0
        self._left: list[_Command] = []
        self._kept: list[_Command] = []
        self._told_when_empty: list[Pending[bool]] = []
        self._closing = False
        self._lost: BaseException | None = None
        self._back_off_s = 0.0
        self._thread: threading.Thread | None = None
        self._on_claims: Callable[[Sequence[Any]], None] | None = None
        self._on_lost: Callable[[BaseException], None] | None = None

    def listen(
        self,
        on_claims: Callable[[Sequence[Any]], None],
        on_lost: Callable[[BaseException], None],
    ) -> None:
        """Whom to give the claims of a commit, and whom to tell that the store is lost."""
        self._on_claims = on_claims
        self._on_lost = on_lost

    async def start(self) -> None:
        """Open the file in the thread and begin a session. Raises what opening raises."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._main, args=(started,), name="firesteel-writer", daemon=True
        )
        self._thread.start()
        await started

    async def close(self) -> None:
        """Do all that was put, copy the log into the file, end the session. Safe to repeat."""
        if not self._closing:
            self._hand_over()
            self._closing = True
            self._queue.put([])
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join)

    @property
    def waiting(self) -> int:
        """Commands that are not done yet."""
        return self._open

    # --- the loop's side ------------------------------------------------------------------------

    def put(self, call: Callable[[A], T], argument: A, *, bounded: bool = False) -> Pending[T]:
        """Run ``call(argument)`` in the next transaction; known after its flush.

        ``call`` belongs to the ledger, knows of its buffers, and raises a FiresteelError only
        before it has changed anything. ``bounded``: fails at once with StoreUnavailable when the
        queue is full.
        """
        pending: Pending[T] = Pending()
        if self._lost is not None or self._closing:
            pending.reject(StoreUnavailable("the store is closed"))
        elif bounded and self._open >= self._queue_limit:
            overloaded = StoreUnavailable("the store does not keep up", code="overloaded")
            pending.reject(overloaded)
        else:
            self._gather((pending, call, argument))
        return pending

    def post(self, call: Callable[[A], object], argument: A) -> None:
        """As ``put``, where nobody waits for the answer: tried again until the store takes it."""
        self._gather((None, call, argument))

    def submit(self, work: Work[T]) -> Pending[T]:
        """Run ``work(connection)`` in the next transaction, in a savepoint: if it raises, what it
        wrote is undone and the error is the caller's; nobody else is touched. It sees everything
        put before it, and must not begin, commit or roll back itself."""
        return self.put(self._work, work)

    async def empty_log(self) -> bool:
        """Copy the write-ahead log into the file and cut it to nothing, behind the next commit.
        False: a reader still needs it, and the writer waits for nobody. Raises StoreUnavailable."""
        emptied: Pending[bool] = Pending()
        await self.put(self._told_when_empty.append, emptied)
        return await emptied

    def _gather(self, command: _Command) -> None:
        """All commands of one turn of the loop go to the thread at once, at its end: it would
        want the interpreter's lock for the first one while the loop still makes the next."""
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(command)
        self._open += 1

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    def _complete(
        self, commands: Sequence[_Command], answers: Sequence[Any], claims: Sequence[Any]
    ) -> None:
        """Claims first: an attempt begins a little earlier, and whoever is told next takes time.
        Nothing can come of a claim before this turn of the loop ends."""
        self._open -= len(commands)
        if claims and self._on_claims is not None:
            self._on_claims(claims)
        for (pending, _, _), answer in zip(commands, answers, strict=True):
            if pending is None:
                continue
            if type(answer) is _Refused:
                pending.reject(answer.error)
            else:
                pending.resolve(answer)

    def _tell_lost(self, error: BaseException) -> None:
        """The thread has ended: nobody else takes what is in the queue or still comes to it."""
        self._hand_over()
        waiting = self._left
        while not self._queue.empty():
            waiting += self._queue.get_nowait()
        self._complete(
            waiting, [_Refused(StoreUnavailable("the store is lost"))] * len(waiting), ()
        )
        if self._on_lost is not None:
            self._on_lost(error)

    # --- the thread's side ----------------------------------------------------------------------

    def _main(self, started: asyncio.Future[None]) -> None:
        try:
            self._connection = open_writer(self._path)
            self._connection.execute("BEGIN IMMEDIATE")
            self._ledger.open(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  # told to whoever awaits start()
            self._call(started.set_exception, _as_error(error))
            return
        self._call(started.set_result, None)
        while (commands := self._take()) is not None:
            if not self._apply(commands):
                return
        self._end()

    def _call(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            # The loop is closed: nobody is left to be told.
            self._closing = True

    def _take(self) -> list[_Command] | None:
        """All commands that are there, those first that were kept; waits for the first, or until
        something is due."""
        queue, commands = self._queue, self._left
        if not commands:
            if self._closing and queue.empty():
                return None
            try:
                commands = queue.get(timeout=self._wait_s())
            except Empty:
                commands = []
        if self._kept:
            commands, self._kept = self._kept + commands, []
        while len(commands) < _BATCH and not queue.empty():
            commands += queue.get_nowait()
        self._left = commands[_BATCH:]
        return commands[:_BATCH]

    def _wait_s(self) -> float | None:
        if self._kept:
            return max(self._back_off_s, _FIRST_BACK_OFF_S)
        wake_in_s = self._ledger.wake_in_s()
        return None if wake_in_s is None else max(wake_in_s, self._back_off_s)

    def _apply(self, commands: list[_Command]) -> bool:
        """One transaction. False: the store is lost."""
        began_s = time.perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._ledger.begin()
            answers = [self._answer(call, argument) for _, call, argument in commands]
            claims = self._ledger.finish()
        except Replaced as error:
            return self._lose(commands, error)
        except Exception as error:  # noqa: BLE001  # rolled back, and told to every caller
            return self._undo(commands, error)
        try:
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # also one for want of memory
            if _is_full(error):
                return self._undo(commands, error)
            return self._lose(commands, error)
        self._back_off_s = 0.0
        self.meter.committed(time.perf_counter() - began_s, len(commands))
        self._call(self._complete, commands, answers, claims)
        if self._told_when_empty:
            self._empty_log()
        return True

    def _empty_log(self) -> None:
        told, self._told_when_empty = self._told_when_empty, []
        emptied = empty_log_unless_busy(self._connection)
        for pending in told:
            self._call(pending.resolve, emptied)

    def _answer(self, call: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return call(argument)
        except FiresteelError as refused:
            return _Refused(refused)

    def _work(self, work: Work[T]) -> T:
        connection = self._connection
        self._ledger.flush()
        connection.execute("SAVEPOINT work")
        try:
            result = work(connection)
        except Exception as error:
            if not connection.in_transaction or _is_of_the_disk(error):
                raise
            connection.execute("ROLLBACK TO work")
            connection.execute("RELEASE work")
            raise _as_error(error) from error
        connection.execute("RELEASE work")
        return result

    def _undo(self, commands: list[_Command], error: Exception) -> bool:
        """Roll back. One command's defect must not fail its neighbours: each again, alone."""
        self.meter.fail()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._ledger.reload()
        except Exception as worse:  # noqa: BLE001  # nobody knows what runs: the store is lost
            return self._lose(commands, worse)
        of_the_store = _is_of_the_store(error)
        if not of_the_store and len(commands) > 1:
            return self._apply_singly(commands)
        if of_the_store or not commands:
            doubled_s = max(2 * self._back_off_s, _FIRST_BACK_OFF_S)
            self._back_off_s = min(doubled_s, _LONGEST_BACK_OFF_S)
        self._refuse(commands, _as_error(error))
        return True

    def _apply_singly(self, commands: list[_Command]) -> bool:
        for index, command in enumerate(commands):
            if not self._apply([command]):
                self._refuse(commands[index + 1 :], StoreUnavailable("the store is lost"))
                return False
        return True

    def _lose(self, commands: list[_Command], error: Exception) -> bool:
        self._lost = error
        self.meter.fail()
        told: FiresteelError = OutcomeUnknown("the commit failed: the call may have been stored")
        if isinstance(error, Replaced):
            self._connection.close()
            told = StoreUnavailable("the store was taken over by another process")
        told.__cause__ = error
        self._call(self._tell_lost, error)
        self._refuse(commands, told)
        return False

    def _refuse(self, commands: list[_Command], error: BaseException) -> None:
        if self._lost is None and not self._closing:
            self._kept += [command for command in commands if command[0] is None]
            commands = [command for command in commands if command[0] is not None]
        self._call(self._complete, commands, [_Refused(error)] * len(commands), ())

    def _end(self) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._ledger.close()
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            self._call(self._tell_lost, error)
        finally:
            connection.close()


def _is_full(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _is_of_the_disk(error: BaseException) -> bool:
    """Full, or an I/O error (its extended codes have it in the low byte), or what SQLite takes for
    damage."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR) or is_damaged(error)


def _is_of_the_store(error: BaseException) -> bool:
    """Not the command's own."""
    return isinstance(error, sqlite3.OperationalError) or is_damaged(error)


def _as_error(error: BaseException) -> BaseException:
    """The error as callers of the store know it."""
    if isinstance(error, FiresteelError) or not isinstance(error, Exception):
        return error
    if _is_of_the_store(error):
        told: FiresteelError = StoreUnavailable("the store cannot commit now")
    else:
        told = InternalError("the store could not apply this command")
    told.__cause__ = error
    return told
