"""The one dispatcher: from claims to workers, from outcomes to settlements.

Claims come from the journal after the commit that made them; each goes to a worker. An outcome
becomes a settlement or a postponement (``model.retry`` decides); when it is committed, the waiting
callers are answered. While the store cannot commit, outcomes are kept and offered again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from firesteel.engine.answers import failure_response
from firesteel.engine.pool import Work
from firesteel.errors import FiresteelError, StoreUnavailable
from firesteel.model import frames
from firesteel.model.execution import Failure, State
from firesteel.model.retry import Again, Tries, decide
from firesteel.store.journal import Postponement, Settlement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from firesteel.engine.clock import Clock
    from firesteel.engine.connections import Connections
    from firesteel.engine.definitions import Definitions, Plan
    from firesteel.engine.link import Link
    from firesteel.engine.pool import Pool
    from firesteel.engine.waiters import Waiters
    from firesteel.model.execution import Response
    from firesteel.store.journal import Claim, Journal

STORE_RETRY_S = 0.25
DEFINITION_RETRY_S = 1.0

log = structlog.get_logger(__name__)


class Dispatcher:
    """Implements ``pool.Attempts``. ``asked`` is where frames that are no attempt's end go."""

    def __init__(
        self,
        journal: Journal,
        definitions: Definitions,
        connections: Connections,
        *,
        waiters: Waiters,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._definitions = definitions
        self._connections = connections
        self._waiters = waiters
        self._clock = clock
        self._pool: Pool | None = None
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._stopping = False
        self.answer_to: Callable[[Link, frames.Frame], None] = lambda _link, _frame: None

    def use(self, pool: Pool) -> None:
        """The pool to give attempts to; claims come from the journal from here on."""
        self._pool = pool

    # from the journal

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Start what was claimed; a version that is not in memory is read first."""
        for claim in claims:
            plan = self._definitions.known(claim.version_no)
            if plan is None or not self._connections.ready(plan.definition.workspace):
                self._spawn(self._prepare(claim))
            else:
                self._start(claim, plan)

    async def _prepare(self, claim: Claim) -> None:
        try:
            plan = await self._definitions.load(claim.version_no)
            await self._connections.load(plan.definition.workspace)
        except FiresteelError as error:
            log.error("execution_not_startable", execution=claim.execution, code=error.code)
            self._postpone(
                Postponement(claim.execution_no, claim.epoch, DEFINITION_RETRY_S, counts=False)
            )
            return
        self._start(claim, plan)

    def _start(self, claim: Claim, plan: Plan) -> None:
        if self._stopping or self._pool is None:
            self.hand_back(claim)
            return
        connections = self._connections.frame(plan.definition.workspace)
        self._pool.assign(Work(claim, plan.definition, plan.timeout_s, connections))

    # from the pool

    def capacity(self, slots: int) -> None:
        """Grant the journal what the workers can take."""
        if not self._stopping:
            self._journal.grant(slots)

    def asked(self, link: Link, frame: frames.Frame) -> None:
        """Pass on what is no attempt's end."""
        self.answer_to(link, frame)

    def recorded(self, link: Link, record: frames.Record) -> None:
        """Journal a step; its worker starts the next one when this is committed."""

        def reply(accepted: bool) -> None:
            link.send(
                frames.Recorded(record.execution_no, record.epoch, record.entry.step, accepted)
            )

        self._commit(
            lambda: self._journal.record(record.execution_no, record.epoch, record.entry), reply
        )

    def ended(self, claim: Claim, outcome: frames.Outcome) -> None:
        """The attempt has an outcome: settle, or try again later."""
        if outcome.response is not None:
            self._settle(claim, outcome, State.SUCCEEDED, outcome.response)
            return
        failure = outcome.failure or Failure("unknown", "no_outcome", "the worker sent no outcome")
        again = self._again(claim, failure)
        if again is None:
            response = failure_response(failure, claim.message.id)
            self._settle(claim, outcome, State.FAILED, response)
            return
        self._postpone(
            Postponement(
                claim.execution_no,
                claim.epoch,
                again.delay_s,
                counts=again.counts,
                alone=claim.alone,
                failure=failure,
                entries=outcome.entries,
                logs=outcome.logs,
            )
        )

    def crashed(self, claim: Claim, failure: Failure, *, alone: bool) -> None:
        """The worker ended under the attempt. One of several is only a suspect: it runs again at
        once, by itself, and this time does not count."""
        if alone:
            lost = frames.Outcome(claim.execution_no, claim.epoch, None, failure)
            self.ended(claim, lost)
        else:
            self._postpone(
                Postponement(
                    claim.execution_no,
                    claim.epoch,
                    0.0,
                    counts=False,
                    alone=True,
                    failure=failure,
                )
            )

    # stopping

    def hand_back(self, claim: Claim) -> None:
        """Give the attempt back uncounted, to be claimed by the next session."""
        self._postpone(Postponement(claim.execution_no, claim.epoch, 0.0, counts=False))

    def stop_claiming(self) -> None:
        """Claim nothing more; what runs goes on."""
        self._stopping = True
        self._journal.grant(0)

    async def flush(self) -> None:
        """Wait for all writes and preparations that were begun."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # inside

    def _again(self, claim: Claim, failure: Failure) -> Again | None:
        plan = self._definitions.known(claim.version_no)
        if plan is None:
            return Again(DEFINITION_RETRY_S, counts=False)
        elapsed_s = (self._clock.now_us() - claim.first_started_at_us) / 1e6
        return decide(
            failure,
            Tries(claim.attempt, claim.counted, elapsed_s),
            retry=plan.retry,
            give_up_after_s=plan.give_up_after_s,
            chance=self._clock.chance,
        )

    def _settle(
        self, claim: Claim, outcome: frames.Outcome, state: State, response: Response
    ) -> None:
        settlement = Settlement(
            claim.execution_no,
            claim.epoch,
            state,  # type: ignore[arg-type]  # SUCCEEDED or FAILED, as the two callers say
            response,
            outcome.failure,
            outcome.entries,
            outcome.input,
            outcome.logs,
            outcome.code_hash,
        )

        def settled(accepted: bool) -> None:
            if accepted:
                self._waiters.answer(claim.execution_no, response)

        self._commit(lambda: self._journal.settle(settlement), settled)

    def _postpone(self, postponement: Postponement) -> None:
        self._commit(lambda: self._journal.postpone(postponement), lambda _accepted: None)

    def _commit(self, write: Callable[[], Awaitable[bool]], then: Callable[[bool], None]) -> None:
        """Write, again and again while the store is unavailable, and go on when committed. The
        first try costs no task."""
        future = asyncio.ensure_future(write())
        self._tasks.add(future)

        def done(ended: asyncio.Future[bool]) -> None:
            self._tasks.discard(ended)
            if ended.cancelled():
                return
            error = ended.exception()
            if error is None:
                then(ended.result())
            elif isinstance(error, StoreUnavailable):
                self._loop.call_later(STORE_RETRY_S, self._commit, write, then)
            else:
                log.error("write_failed", error=type(error).__name__)

        future.add_done_callback(done)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep(self._loop.create_task(work))

    def _keep(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
