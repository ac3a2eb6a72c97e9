"""The one thread of a node that writes the journal on PostgreSQL: many commands, one transaction.

The event loop gathers commands, and the thread takes all that are there, as on SQLite. What is
different is that the database may go and come back, while the engine lives on:

- A command is refused by a rule: its own error; the others are not touched.
- The transaction fails before its COMMIT was sent, or the connection is lost then: nothing of it
  is stored, all of it fails with StoreUnavailable. So does what comes until the thread is connected
  again, which it tries every so often.
- The connection is lost behind the COMMIT: nobody knows. On the next connection the session's row
  tells which of its transactions was the last: the callers are told as if nothing had happened, or
  fail with StoreUnavailable. Whoever waits for an acceptance is told OutcomeUnknown after 3 s.
- The server would lose what it commits (``safety``), after a restart, a fail-over, or a reload of
  its settings, which each renewal of the lease looks for: as if it were gone, and ``unsafe`` says
  why.
- The server does not answer: the loop cuts the connection after 3 s, so the thread is woken.
- The session has ended, since its lease lapsed and another node took over from it (P14): nothing
  is written, ``on_lost`` is told, the thread ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from firesteel.errors import FiresteelError, InternalError, OutcomeUnknown, StoreUnavailable
from firesteel.pending import Pending
from firesteel.store.journal import Claim
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session
from firesteel.store.postgresql.failures import is_conflict, is_for_now, is_refused, translated
from firesteel.store.postgresql.ledger import Command, Done, Kind, Refused, SharedLedger
from firesteel.store.postgresql.mirror import NotHeld
from firesteel.store.postgresql.pen import meaning
from firesteel.store.postgresql.safety import Unsafe, connect_to_write
from firesteel.store.postgresql.sessions import LEASE_S, Replaced
from firesteel.telemetry.meter import CommitMeter

# Commands in one transaction at most, and bytes of bodies, and acts, each of which asks much.
_BATCH: Final = 1000
_BATCH_BYTES: Final = 16 * 1024 * 1024
_ACTS: Final = 50
QUEUE_LIMIT: Final = 20_000

# Of the 5 s within which callers are promised an answer (P36); a busy machine may take the rest.
LATE_S: Final = 3.0
WATCH_S: Final = 0.25
_RETRIES_S: Final = (0.1, 0.2, 0.5, 1.0)
_TRIES: Final = 3
# What a session surely holds ends a little before its lease: clocks do not run alike.
_MARGIN_S: Final = 1.0

_SESSION: Final = Session(LATE_S, plans="force_generic_plan")
# Each statement of the journal finds its rows by an index, also while the server thinks that the
# tables are small: it would walk through them all, and go on so while they grow.
_PLANS: Final = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET enable_bitmapscan = off"
)


class Writer:
    """The writer's thread and its queue. ``put`` and ``post`` are called from the event loop's
    thread; what they return completes in the order in which they were called."""

    def __init__(
        self, address: Address, ledger: SharedLedger, *, queue_limit: int = QUEUE_LIMIT
    ) -> None:
        self.meter = CommitMeter()
        self._address = address
        self._ledger = ledger
        self._queue_limit = queue_limit
        self._gathered: list[Command] = []
        self._open = 0
        self._closing = False
        self._lost: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._on_claims: Callable[[Sequence[Claim]], None] | None = None
        self._on_lost: Callable[[BaseException], None] | None = None
        self._on_done: Callable[[Done], None] | None = None
        self.holds_until_s = 0.0
        self.unsafe = ""
        # Shared by both threads, under the lock.
        self._lock = threading.Condition()
        self._queue: deque[Command] = deque()
        self._heard: dict[int, None] = {}
        self._batch: list[Command] = []
        self._in_doubt: list[Command] = []
        self._busy = False
        self._began_s = 0.0
        self._connection: PostgresqlConnection | None = None
        # The thread's own.
        self._unknown: tuple[list[Command], Done] | None = None
        self._failures = 0
        self._next_try_s = 0.0

    def listen(
        self,
        on_claims: Callable[[Sequence[Claim]], None],
        on_lost: Callable[[BaseException], None],
    ) -> None:
        """Whom to give the claims of a commit, and whom to tell that the session is over."""
        self._on_claims = on_claims
        self._on_lost = on_lost

    def listen_to_done(self, on_done: Callable[[Done], None]) -> None:
        """Whom to tell what a commit means to other nodes."""
        self._on_done = on_done

    async def start(self) -> None:
        """Connect in the thread and begin a session. Raises what that raises."""
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._main, args=(started,), name="firesteel-writer", daemon=True
        )
        self._thread.start()
        await started
        self._watch()

    async def close(self) -> None:
        """Do all that was put, as far as the database is there, and end the session. Safe to
        repeat."""
        if not self._closing:
            self._hand_over()
            with self._lock:
                self._closing = True
                self._lock.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    @property
    def lost(self) -> bool:
        """Whether another node has ended the session."""
        return self._lost is not None

    @property
    def waiting(self) -> int:
        """Commands that are not done yet."""
        return self._open

    # --- the loop's side ------------------------------------------------------------------------

    def put(self, kind: Kind, argument: Any, *, in_time: bool = False) -> Pending[Any]:
        """Do it in the next transaction; known after its flush. ``in_time``: told within a few
        seconds, whatever happens. An append fails at once where the queue is full."""
        pending: Pending[Any] = Pending()
        if self._lost is not None or self._closing:
            pending.reject(StoreUnavailable("the store is closed"))
        elif kind is Kind.APPEND and self._open >= self._queue_limit:
            pending.reject(StoreUnavailable("the store does not keep up", code="overloaded"))
        else:
            late_s = time.monotonic() + LATE_S if in_time else 0.0
            self._gather(Command(pending, kind, argument, late_s))
        return pending

    def post(self, kind: Kind, argument: Any) -> None:
        """As ``put``, where nobody waits for the answer."""
        if self._lost is None and not self._closing:
            self._gather(Command(None, kind, argument))

    def hint(self, triggers: Sequence[int]) -> None:
        """Another node says that these have something to run. Who has no slot does nothing: such
        news come with most of the others' commits."""
        with self._lock:
            self._heard.update(dict.fromkeys(triggers))
            self._lock.notify()

    def _gather(self, command: Command) -> None:
        """All commands of one turn of the loop go to the thread at once, at its end."""
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(command)
        self._open += 1

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            with self._lock:
                self._queue += gathered
                self._lock.notify()

    def _complete(self, commands: Sequence[Command], done: Done) -> None:
        """Claims first, as on SQLite."""
        self._open -= len(commands)
        if done.claims and self._on_claims is not None:
            self._on_claims(done.claims)
        for command, answer in zip(commands, done.answers, strict=True):
            pending = command.pending
            if pending is None or pending.known:
                continue
            if type(answer) is Refused:
                pending.reject(answer.error)
            else:
                pending.resolve(answer)
        if self._on_done is not None:
            self._on_done(done)

    def _watch(self) -> None:
        """Tell those who have waited too long, and wake a thread that nobody answers."""
        if self._thread is None or self._lost is not None:
            return
        now_s = time.monotonic()
        with self._lock:
            unheard = [c for c in self._queue if 0 < c.late_s < now_s]
            if unheard:
                self._queue = deque(c for c in self._queue if not 0 < c.late_s < now_s)
            uncertain = [c for c in self._batch + self._in_doubt if 0 < c.late_s < now_s]
            if self._busy and self._connection is not None and now_s > self._began_s + LATE_S:
                self._connection.abort()
        self._open -= len(unheard)
        for commands, error in (
            (unheard, StoreUnavailable("the store did not answer in time")),
            (uncertain, OutcomeUnknown("the store did not say whether it has committed")),
        ):
            for command in commands:
                if command.pending is not None and not command.pending.known:
                    command.pending.reject(error)
        self._loop.call_later(WATCH_S, self._watch)

    def _tell_lost(self, error: BaseException) -> None:
        """The thread has ended: nobody else takes what is in the queue or still comes to it."""
        self._hand_over()
        with self._lock:
            waiting = list(self._queue)
            self._queue.clear()
        lost = Refused(StoreUnavailable("the store is lost"))
        self._complete(waiting, Done([lost] * len(waiting)))
        if self._on_lost is not None:
            self._on_lost(error)

    # --- the thread's side ----------------------------------------------------------------------

    def _main(self, started: asyncio.Future[None]) -> None:
        try:
            self._open_session()
        except BaseException as error:  # noqa: BLE001  # told to whoever awaits start()
            self._disconnect()
            self._call(started.set_exception, _as_error(error))
            return
        self._call(started.set_result, None)
        while (commands := self._take()) is not None:
            try:
                lives = self._serve(commands)
            except BaseException as error:  # noqa: BLE001  # nobody knows what is stored
                lives = self._lose(commands, error)
            if not lives:
                self._disconnect()
                return
        self._end()

    def _call(self, call: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(call, *arguments)

    def _take(self) -> list[Command] | None:
        """Commands that are there; waits for the first, or until something is due by itself."""
        with self._lock:
            self._busy = False
            while not self._queue and not self._heard:
                if self._closing:
                    return None
                wait_s = self._wait_s()
                if wait_s <= 0 or not self._lock.wait(wait_s):
                    break
            heard, self._heard = self._heard, {}
            self._ledger.heard(heard)
            queue, bytes_left, acts_left = self._queue, _BATCH_BYTES, _ACTS
            commands: list[Command] = []
            while queue and len(commands) < _BATCH and bytes_left > 0 and acts_left > 0:
                command = queue.popleft()
                commands.append(command)
                bytes_left -= _bytes_of(command)
                if command.kind is Kind.ACT:
                    acts_left -= 1
            self._begin_work(commands)
            return commands

    def _join(self, commands: list[Command]) -> None:
        """Take along what came while the triggers were waited for: it would wait for them again,
        in a transaction of its own."""
        bytes_left = _BATCH_BYTES - sum(_bytes_of(command) for command in commands)
        with self._lock:
            queue, first = self._queue, len(commands)
            while queue and len(commands) < _BATCH and bytes_left > 0:
                if not self._ledger.joins(queue[0]):
                    break
                commands.append(queue.popleft())
                bytes_left -= _bytes_of(commands[-1])
        self._ledger.join(commands[first:])

    def _begin_work(self, commands: list[Command]) -> None:
        """Under the lock. Also without commands, the thread looks around: the loop watches it."""
        self._batch, self._busy, self._began_s = commands, True, time.monotonic()

    def _wait_s(self) -> float:
        if self._connection is None:
            return self._next_try_s - time.monotonic()
        return self._ledger.wake_in_s()

    def _serve(self, commands: list[Command], *, joining: bool = True) -> bool:
        """Apply them. False: the session is over."""
        if self._connection is None:
            try:
                self._reconnect()
            except Replaced as error:
                return self._lose(commands, error)
        if self._connection is None:
            self._refuse(commands, self._why_not())
            return True
        return self._apply(commands, joining=joining)

    def _why_not(self) -> StoreUnavailable:
        """Nothing is written now."""
        if self.unsafe:
            return StoreUnavailable(self.unsafe, code="store_unsafe")
        return StoreUnavailable("the store does not answer now")

    def _apply(self, commands: list[Command], *, joining: bool) -> bool:
        for tries_left in reversed(range(_TRIES)):
            if self._connection is None:
                return self._fail(commands, StoreUnavailable("the store has lost the connection"))
            try:
                done = self._transact(commands, joining=joining)
            except Replaced as error:
                return self._lose(commands, error)
            except Unsafe as error:
                return self._keep_away(commands, error)
            except NotHeld as error:
                self._undo(error)
                self._ledger.need(error.trigger_no)
            except Exception as error:  # noqa: BLE001  # told to every caller
                self._undo(error)
                if tries_left and is_conflict(error):
                    continue
                return self._fail(commands, error)
            else:
                self._finished()
                if done is not None:
                    self._call(self._complete, commands, done)
                return True
        return self._fail(commands, InternalError("a transaction needs ever more triggers"))

    def _transact(self, commands: list[Command], *, joining: bool) -> Done | None:
        """One transaction; None where there is nothing to do. ``joining``: more commands may be
        added to these."""
        connection, ledger = self._connection, self._ledger
        assert connection is not None
        asked_s = time.monotonic()
        ledger.look_around()
        plan = ledger.plan(commands)
        if not commands and not plan.required and not plan.free:
            return None
        with connection.raw.pipeline():
            ledger.begin(plan)
            if joining:
                self._join(commands)
            answers = [ledger.answer(command) for command in commands]
            done = ledger.finish(answers)
            self._unknown = (commands, done)
            commit = connection.committing()
        flushed = connection.committed(commit)
        self._unknown = None
        self.meter.committed(time.monotonic() - asked_s, max(len(commands), 1))
        ledger.committed()
        if ledger.renewed:
            self.holds_until_s = asked_s + LEASE_S - _MARGIN_S
        if not flushed:
            _doubt(commands, done)
        return done

    def _undo(self, error: Exception) -> None:
        """Roll back and believe the tables; where the connection is lost, later. Behind the COMMIT
        only the server can say that nothing of it is stored: a connection that seems to live says
        nothing."""
        connection = self._connection
        if connection is None:
            return
        if self._unknown is not None and is_refused(error):
            self._unknown = None
        try:
            if self._unknown is not None:
                connection.close()
            elif not connection.broken:
                connection.rollback()
                self._ledger.reload()
        except psycopg.Error:
            connection.close()
        if connection.broken:
            self._disconnect()

    def _fail(self, commands: list[Command], error: Exception) -> bool:
        """One command's defect must not fail its neighbours: each again, alone."""
        self.meter.fail()
        if self._unknown is not None:
            with self._lock:  # they are told when it is known
                self._batch, self._in_doubt = [], self._unknown[0]
            return True
        error = meaning(error) if isinstance(error, psycopg.Error) else error
        of_the_store = isinstance(error, psycopg.Error) and is_for_now(error)
        if not of_the_store and len(commands) > 1 and self._connection is not None:
            return self._apply_singly(commands)
        self._refuse(commands, _as_error(error))
        return True

    def _keep_away(self, commands: list[Command], error: Unsafe) -> bool:
        """Write nothing there until the server has been set right: it is seen by connecting."""
        self.meter.fail()
        self.unsafe = str(error)
        self._disconnect()
        self._refuse(commands, self._why_not())
        return True

    def _apply_singly(self, commands: list[Command]) -> bool:
        for index, command in enumerate(commands):
            with self._lock:
                self._begin_work(commands[index:])
            if not self._serve([command], joining=False):
                self._refuse(commands[index + 1 :], StoreUnavailable("the store is lost"))
                return False
        return True

    def _lose(self, commands: list[Command], error: BaseException) -> bool:
        """The session is over, for another node's sake or by a defect of ours."""
        self._lost = error
        replaced = isinstance(error, Replaced)
        told = StoreUnavailable(
            "the session was taken over by another node" if replaced else "the store is lost"
        )
        told.__cause__ = error
        self._call(self._tell_lost, error)
        self._refuse_unknown()
        self._refuse(commands, told)
        return False

    def _refuse_unknown(self) -> None:
        """Nobody will learn any more what became of the transaction under way."""
        unknown, self._unknown = self._unknown, None
        if unknown is not None:
            told = OutcomeUnknown("the store did not say whether it has committed")
            self._refuse(unknown[0], told)

    def _refuse(self, commands: list[Command], error: BaseException) -> None:
        self._ledger.keep_grants(commands)
        self._finished()
        if commands:
            self._call(self._complete, commands, Done([Refused(error)] * len(commands)))

    def _finished(self) -> None:
        with self._lock:
            self._batch = []

    # --- connections ----------------------------------------------------------------------------

    def _open_session(self) -> None:
        connection = self._connect()
        connection.begin()
        try:
            self._ledger.sessions.begin()
        except BaseException:
            connection.rollback()
            raise
        asked_s = time.monotonic()
        connection.commit()
        self.holds_until_s = asked_s + LEASE_S - _MARGIN_S
        self._ledger.reload()

    def _connect(self) -> PostgresqlConnection:
        connection = connect_to_write(self._address, _SESSION)
        try:
            connection.command(_PLANS)
        except psycopg.Error as error:
            connection.close()
            raise translated(error) from error
        with self._lock:
            self._connection = connection
        self._ledger.connect(connection)
        return connection

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _reconnect(self) -> None:
        """Try to, if it is time; learn what became of the transaction that was under way. Raises
        Replaced."""
        if time.monotonic() < self._next_try_s:
            return
        asked_s = time.monotonic()
        try:
            connection = self._connect()
            connection.begin()
            resumed = self._ledger.sessions.resume()
            flushed = connection.commit()
            self._resolve(resumed, flushed=flushed)
            self._ledger.reload()
        except (StoreUnavailable, Unsafe, psycopg.Error) as error:
            unsafe = isinstance(error, StoreUnavailable) and error.code == "store_unsafe"
            self.unsafe = str(error) if unsafe or isinstance(error, Unsafe) else ""
            self._disconnect()
            self._next_try_s = (
                time.monotonic() + _RETRIES_S[min(self._failures, len(_RETRIES_S) - 1)]
            )
            self._failures += 1
            return
        self._failures, self.unsafe = 0, ""
        self.holds_until_s = asked_s + LEASE_S - _MARGIN_S

    def _resolve(self, resumed: tuple[int, bool] | None, *, flushed: bool) -> None:
        """``flushed``: what was committed until now surely is on the synchronous standbys too."""
        unknown, self._unknown = self._unknown, None
        with self._lock:
            self._in_doubt = []
        lives = resumed is not None and resumed[1]
        if unknown is not None:
            commands, done = unknown
            if resumed is None:
                self._refuse(commands, OutcomeUnknown("the session is over"))
            elif resumed[0] == self._ledger.sessions.transactions:
                if not lives:
                    done.claims = ()  # somebody else has them
                if not flushed:
                    _doubt(commands, done)
                self._finished()
                self._call(self._complete, commands, done)
            else:
                self._refuse(commands, StoreUnavailable("the store has lost the connection"))
        if not lives:
            raise Replaced("the session has ended")

    def _end(self) -> None:
        with self._lock:
            self._begin_work([])
        self._refuse_unknown()
        connection = self._connection
        try:
            if connection is not None:
                connection.begin()
                self._ledger.sessions.end()
                connection.commit()
        except psycopg.Error as error:
            self._call(self._tell_lost, error)
        finally:
            self._disconnect()


def _bytes_of(command: Command) -> int:
    """Of the body that it brings."""
    return len(command.argument.message.body) if command.kind is Kind.APPEND else 0


def _doubt(commands: list[Command], done: Done) -> None:
    """A standby did not confirm the commit: whoever is told of an acceptance cannot rely on it."""
    doubt = Refused(OutcomeUnknown("a standby did not confirm the commit"))
    for index, command in enumerate(commands):
        if command.kind is Kind.APPEND:
            done.answers[index] = doubt


def _as_error(error: BaseException) -> BaseException:
    """The error as callers of the store know it."""
    if isinstance(error, FiresteelError) or not isinstance(error, Exception):
        return error
    if isinstance(error, psycopg.Error):
        told: FiresteelError = translated(error)
    else:
        told = InternalError("the store could not apply this command")
    told.__cause__ = error
    return told
