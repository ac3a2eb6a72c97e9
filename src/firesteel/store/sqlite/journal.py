"""The journal port on SQLite: one file, one writer thread, group commit."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from firesteel.model.execution import JournalEntry
from firesteel.pending import Pending
from firesteel.store.journal import (
    Actor,
    Appended,
    Claim,
    NewMessage,
    Postponement,
    Settlement,
)
from firesteel.store.ledger.journal import LedgerJournal
from firesteel.store.migrations import migrate
from firesteel.store.sql.clock import Clocks, wall_clock_us
from firesteel.store.sql.dialects import SQLITE
from firesteel.store.sql.lanes import LaneReader
from firesteel.store.sqlite.connection import StoreLock
from firesteel.store.sqlite.ledger import JournalLedger
from firesteel.store.sqlite.readers import Readers
from firesteel.store.sqlite.writer import QUEUE_LIMIT, Writer
from firesteel.telemetry.meter import CommitMeter

T = TypeVar("T")


class SqliteJournal(LedgerJournal):
    """Implements ``store.journal.Journal``. ``writer`` and ``readers`` are shared with the catalog
    and the history of the same file."""

    def __init__(
        self, writer: Writer, readers: Readers, ledger: JournalLedger, lock: StoreLock
    ) -> None:
        super().__init__(ledger.acts, LaneReader(SQLITE), readers, dialect=SQLITE)
        self.writer = writer
        self.readers = readers
        self._ledger = ledger
        self._lock = lock
        self._append = ledger.appends.append
        self._settle = ledger.outcomes.settle
        self._postpone = ledger.outcomes.postpone
        self._record = ledger.outcomes.record

    async def close(self) -> None:
        """Do what was put, end the session, give the file back. Safe to repeat."""
        await self.writer.close()
        await self.readers.close()
        self._lock.release()

    def rules_changed(self, trigger_no: int) -> None:
        """To be called inside a work of ``writer.submit`` that changed the trigger's row: its
        rules are read again at the end of that transaction."""
        self._ledger.rules_changed(trigger_no)

    # --- the port -------------------------------------------------------------------------------

    def listen(
        self,
        on_claims: Callable[[Sequence[Claim]], None],
        on_lost: Callable[[BaseException], None],
    ) -> None:
        self.writer.listen(on_claims, on_lost)

    def steady_us(self) -> int:
        return self._ledger.mirror.steady.now_us()

    def grant(self, slots: int) -> None:
        self.writer.post(self._ledger.grant, slots)

    def append(self, message: NewMessage) -> Pending[Appended]:
        return self.writer.put(self._append, message, bounded=True)

    def record(self, execution_no: int, epoch: int, entry: JournalEntry) -> Pending[bool]:
        return self.writer.put(self._record, (execution_no, epoch, entry))

    def settle(self, settlement: Settlement) -> Pending[bool]:
        return self.writer.put(self._settle, settlement)

    def postpone(self, postponement: Postponement) -> Pending[bool]:
        return self.writer.put(self._postpone, postponement)

    def pause(self, trigger_no: int, lane_key: str | None, actor: Actor) -> Pending[None]:
        return self._act(partial(self._ledger.acts.pause, trigger_no, lane_key, actor))

    def resume(self, trigger_no: int, lane_key: str | None, actor: Actor) -> Pending[None]:
        return self._act(partial(self._ledger.acts.resume, trigger_no, lane_key, actor))

    def renew(self) -> Pending[bool]:
        return self._act(self._ledger.sessions.renew)

    def holds_until_s(self) -> float:
        return math.inf

    def unsafe(self) -> str:
        return ""  # the file's settings are ours, and looked at when it is opened

    def recover(self) -> Pending[int]:
        return self._act(self._ledger.sessions.recover)

    @property
    def meter(self) -> CommitMeter:
        return self.writer.meter

    def unwritten(self) -> int:
        return self.writer.waiting

    def backlog(self, trigger_no: int) -> tuple[int, int]:
        trigger = self._ledger.mirror.triggers.get(trigger_no)
        return (0, 0) if trigger is None else (trigger.waiting, trigger.running)

    def _act(self, act: Callable[[], T]) -> Pending[T]:
        return self.writer.put(self._ledger.act, act)


async def open_journal(
    path: Path,
    *,
    wall_us: Callable[[], int] = wall_clock_us,
    monotonic_s: Callable[[], float] = time.monotonic,
    boot: str = "",
    queue_limit: int = QUEUE_LIMIT,
) -> SqliteJournal:
    """Open the store's file, made or migrated where that is needed, and begin a session.

    The clocks are those of ``clock.Clocks``. At most ``queue_limit`` commands wait for the writer;
    past it ``append`` fails at once. Raises OperatorError ``store_in_use`` where another engine has
    the file, what ``migrate`` raises, and StoreUnavailable where it cannot be written.
    """
    lock = StoreLock(path)
    lock.take()
    try:
        await asyncio.to_thread(migrate, path)
        ledger = JournalLedger(Clocks(wall_us, monotonic_s, boot))
        writer = Writer(path, ledger, queue_limit=queue_limit)
        await writer.start()
    except BaseException:
        lock.release()
        raise
    return SqliteJournal(writer, Readers(path), ledger, lock)
