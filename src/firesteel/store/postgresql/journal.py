"""The journal port on PostgreSQL: one writer thread a node, a trigger's row as its monitor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from firesteel.model.execution import JournalEntry
from firesteel.pending import Pending
from firesteel.store.bulletin import Bulletin, Missed, News, Ready, Settled
from firesteel.store.journal import (
    Actor,
    Appended,
    Claim,
    NewMessage,
    Postponement,
    Settlement,
)
from firesteel.store.ledger.journal import LedgerJournal
from firesteel.store.postgresql.connection import Address
from firesteel.store.postgresql.ledger import Act, Done, Kind, SharedLedger
from firesteel.store.postgresql.sessions import Identity
from firesteel.store.postgresql.writer import QUEUE_LIMIT, Writer
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import Reading
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.lanes import LaneReader
from firesteel.telemetry.meter import CommitMeter

# What is ready and left to others is told at once, and then gathered for so long.
_TELL_S: Final = 0.005


class PostgresqlJournal(LedgerJournal):
    """Implements ``store.journal.Journal``."""

    def __init__(
        self, writer: Writer, ledger: SharedLedger, reading: Reading, bulletin: Bulletin
    ) -> None:
        super().__init__(ledger.acts, LaneReader(POSTGRESQL), reading, dialect=POSTGRESQL)
        self.writer = writer
        self._ledger = ledger
        self._bulletin = bulletin
        self._loop = asyncio.get_running_loop()
        self._ready: dict[int, None] = {}
        self._told_s = 0.0
        writer.listen_to_done(self._done)
        bulletin.listen(self._hear)

    async def close(self) -> None:
        """Do what was put, end the session. Safe to repeat."""
        await self.writer.close()
        self._tell()

    def rules_changed(self, trigger_no: int) -> None:
        """The trigger's row is changed in a transaction that is not committed yet; called from any
        thread. What may start then starts behind that commit."""
        self._loop.call_soon_threadsafe(self._look_at, [trigger_no])

    # --- the port -------------------------------------------------------------------------------

    def listen(
        self,
        on_claims: Callable[[Sequence[Claim]], None],
        on_lost: Callable[[BaseException], None],
    ) -> None:
        self.writer.listen(on_claims, on_lost)

    def steady_us(self) -> int:
        return self._ledger.mirror.steady.now_us()

    def holds_until_s(self) -> float:
        return self.writer.holds_until_s

    @property
    def lost(self) -> bool:
        """Whether another node has taken over, so that the session could not be ended in order."""
        return self.writer.lost

    def unsafe(self) -> str:
        return self.writer.unsafe

    def grant(self, slots: int) -> None:
        self.writer.post(Kind.GRANT, slots)

    def append(self, message: NewMessage) -> Pending[Appended]:
        return self.writer.put(Kind.APPEND, message, in_time=True)

    def record(self, execution_no: int, epoch: int, entry: JournalEntry) -> Pending[bool]:
        return self.writer.put(Kind.RECORD, (execution_no, epoch, entry))

    def settle(self, settlement: Settlement) -> Pending[bool]:
        return self.writer.put(Kind.SETTLE, settlement)

    def postpone(self, postponement: Postponement) -> Pending[bool]:
        return self.writer.put(Kind.POSTPONE, postponement)

    def pause(self, trigger_no: int, lane_key: str | None, actor: Actor) -> Pending[None]:
        pause = partial(self._ledger.acts.pause, trigger_no, lane_key, actor)
        return self.writer.put(Kind.ACT, Act(pause, triggers=(trigger_no,)), in_time=True)

    def resume(self, trigger_no: int, lane_key: str | None, actor: Actor) -> Pending[None]:
        resume = partial(self._ledger.acts.resume, trigger_no, lane_key, actor)
        return self.writer.put(Kind.ACT, Act(resume, triggers=(trigger_no,)), in_time=True)

    def renew(self) -> Pending[bool]:
        return self.writer.put(Kind.ACT, Act(self._ledger.renew))

    def recover(self) -> Pending[int]:
        return self.writer.put(Kind.ACT, Act(self._ledger.recover, recovers=True))

    @property
    def meter(self) -> CommitMeter:
        return self.writer.meter

    def unwritten(self) -> int:
        return self.writer.waiting

    def backlog(self, trigger_no: int) -> tuple[int, int]:
        return self._ledger.mirror.backlog(trigger_no)

    def _act(self, act: partial[Any]) -> Pending[Any]:
        """Of the execution that is its first argument."""
        return self.writer.put(Kind.ACT, Act(act, executions=act.args[:1]), in_time=True)

    # --- other nodes ----------------------------------------------------------------------------

    def _look_at(self, triggers: Iterable[int]) -> None:
        self.writer.post(Kind.ACT, Act(_nothing, triggers=tuple(triggers)))

    def _hear(self, news: News) -> None:
        if isinstance(news, Ready):
            self.writer.hint(news.triggers)
        elif isinstance(news, Missed):
            self.writer.post(Kind.ACT, Act(self._ledger.look_soon))

    def _done(self, done: Done) -> None:
        """News for others, gathered for a moment where they are many."""
        if not self._ledger.others or not (done.settled or done.ready):
            return
        if done.settled:
            self._bulletin.tell(Settled(tuple(done.settled)))
        if done.ready and not self._ready:
            rest_s = self._told_s + _TELL_S - self._loop.time()
            self._loop.call_later(max(rest_s, 0.0), self._tell)
        self._ready.update(dict.fromkeys(done.ready))

    def _tell(self) -> None:
        ready, self._ready = self._ready, {}
        if ready:
            self._told_s = self._loop.time()
            self._bulletin.tell(Ready(tuple(ready)))


def _nothing() -> None:
    """The triggers of the act are held, and looked at for what may start."""


async def open_journal(  # noqa: PLR0913  # what a journal stands on
    address: Address,
    clocks: Clocks,
    identity: Identity,
    reading: Reading,
    bulletin: Bulletin,
    *,
    own_clock: bool = False,
    queue_limit: int = QUEUE_LIMIT,
) -> PostgresqlJournal:
    """Begin a session on a database that is migrated. ``own_clock``: the wall clock of ``clocks``
    takes the place of the database's. At most ``queue_limit`` commands wait for the writer; past it
    ``append`` fails at once. Raises StoreUnavailable, and OperatorError ``store_half_moved``.
    """
    ledger = SharedLedger(clocks, identity, own_clock=own_clock)
    writer = Writer(address, ledger, queue_limit=queue_limit)
    await writer.start()
    return PostgresqlJournal(writer, ledger, reading, bulletin)
