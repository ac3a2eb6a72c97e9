"""What the Journal port is on either database: acts on executions, and what people see of lanes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TypeVar

from firesteel.model.execution import Response
from firesteel.pending import Pending
from firesteel.store.journal import Actor, Edit, Ended, LaneStatus, TriggerCounts
from firesteel.store.ledger.acts import Acts
from firesteel.store.sql.bodies import BodyReader
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, Reading
from firesteel.store.sql.dialects import Dialect
from firesteel.store.sql.lanes import LaneReader

T = TypeVar("T")


class LedgerJournal(ABC):
    """The parts of ``store.journal.Journal`` that need no more than the ledger's acts and a way to
    read."""

    def __init__(
        self, acts: Acts, lanes: LaneReader, reading: Reading, *, dialect: Dialect
    ) -> None:
        self._acts = acts
        self._lanes = lanes
        self._bodies = BodyReader(dialect)
        self._reading = reading

    @abstractmethod
    def _act(self, act: partial[T]) -> Pending[T]:
        """Do it in the next transaction; its first argument is the execution it is about."""

    def cancel(self, execution_no: int, actor: Actor, response: Response) -> Pending[Ended]:
        return self._act(partial(self._acts.cancel, execution_no, actor, response))

    def end_running(
        self, execution_no: int, epoch: int, actor: Actor, response: Response
    ) -> Pending[Ended]:
        return self._act(partial(self._acts.end_running, execution_no, epoch, actor, response))

    def skip(self, execution_no: int, actor: Actor, response: Response) -> Pending[Ended]:
        return self._act(partial(self._acts.skip, execution_no, actor, response))

    def retry_now(self, execution_no: int, actor: Actor) -> Pending[Ended]:
        return self._act(partial(self._acts.retry_now, execution_no, actor))

    def replay(
        self,
        execution_no: int,
        version_no: int,
        actor: Actor,
        edit: Edit | None = None,
        *,
        latest: bool = False,
    ) -> Pending[tuple[int, str]]:
        replay = partial(self._acts.replay, execution_no, version_no, actor, edit, latest=latest)
        return self._act(replay)

    async def body(self, execution_no: int) -> bytes | None:
        return await self._reading.read(
            self._bodies.body(execution_no), timeout_s=LONG_READ_TIMEOUT_S
        )

    async def lanes(self, trigger_no: int | None = None, limit: int = 100) -> list[LaneStatus]:
        lanes = self._lanes.lanes(trigger_no, limit)
        return await self._reading.read(lanes, timeout_s=LONG_READ_TIMEOUT_S)

    async def counts(self, trigger_no: int) -> TriggerCounts:
        counts = self._lanes.counts(trigger_no)
        return await self._reading.read(counts, timeout_s=LONG_READ_TIMEOUT_S)

    async def totals(self, trigger_no: int) -> tuple[int, int]:
        return await self._reading.read(self._lanes.totals(trigger_no))

    async def oldest_waiting_us(self, trigger_no: int) -> int | None:
        return await self._reading.read(self._lanes.oldest_waiting_us(trigger_no))
