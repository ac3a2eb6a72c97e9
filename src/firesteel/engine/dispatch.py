"""The one dispatcher: from claims to workers, from outcomes to settlements.

Claims come from the journal after the commit that made them; each goes to a worker. An outcome
becomes a settlement or a postponement (``model.retry`` decides); when it is committed, the waiting
callers are answered. While the store cannot commit, outcomes are kept and offered again.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from firesteel.engine.answers import cancelled_response, failure_response
from firesteel.engine.cancelling import Elsewhere
from firesteel.engine.commits import Commits
from firesteel.engine.execution_log import ExecutionLog, ids
from firesteel.engine.live import Feed
from firesteel.engine.long_bodies import LongBodies, is_long
from firesteel.engine.pool import Work
from firesteel.errors import CallerError, OutcomeUnknown, StoreUnavailable
from firesteel.model import frames
from firesteel.model.document import InvalidDocument
from firesteel.model.execution import Failure, State
from firesteel.model.integration import Retry
from firesteel.model.retry import GIVE_UP_AFTER_S, Again, Tries, decide
from firesteel.store.journal import Postponement, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from firesteel.engine.clock import Clock
    from firesteel.engine.connections import Connections
    from firesteel.engine.definitions import Definitions, Plan
    from firesteel.engine.link import Link
    from firesteel.engine.pool import Blame, Pool
    from firesteel.engine.traffic import Traffic
    from firesteel.engine.waiters import Waiters
    from firesteel.model.execution import Response
    from firesteel.store.bulletin import Bulletin
    from firesteel.store.journal import Actor, Claim, Ended, Journal

DEFINITION_RETRY_S = 1.0
LEASE_RETRY_S = 1.0
RUNNING_LIMIT_BYTES = 256 * 1024 * 1024
LEASE_LOST = "lease_lost"
VERSION_UNUSABLE = Failure("unknown", "version_unusable", "the stored version cannot be read")
BODY_UNREADABLE = Failure("unknown", "body_unreadable", "the stored body cannot be read")
NO_OUTCOME = Failure("unknown", "no_outcome", "the worker sent no outcome")
OUTCOME_UNUSABLE = Failure("permanent", "outcome_invalid", "the outcome cannot be stored")

# Looked up once: in Python 3.11 that takes 0.24 us each time.
_SUCCEEDED: Final = State.SUCCEEDED
_FAILED: Final = State.FAILED

log = structlog.get_logger(__name__)


class Dispatcher:
    """Implements ``pool.Attempts``. ``asked`` is where frames that are no attempt's end go;
    ``feed`` tells those who watch lists what has changed."""

    def __init__(  # noqa: PLR0913  # all but three are named at the call
        self,
        journal: Journal,
        definitions: Definitions,
        connections: Connections,
        *,
        waiters: Waiters,
        clock: Clock,
        bulletin: Bulletin,
        told: ExecutionLog,
        running_limit_bytes: int = RUNNING_LIMIT_BYTES,
    ) -> None:
        self._journal = journal
        self._elsewhere = Elsewhere(journal, bulletin)
        self._told = told
        self._definitions = definitions
        self._connections = connections
        self._waiters = waiters
        self._clock = clock
        self._traffic: Traffic | None = None
        self._pool: Pool | None = None
        self._on_defect: Callable[[], None] = lambda: None
        self.feed = Feed()
        self._commits = Commits()
        self._preparing: dict[int, Claim] = {}
        self._long = LongBodies(journal, self._commits, self, limit_bytes=running_limit_bytes)
        self._stopping = False
        self._held = False
        self._slots = 0
        self.answer_to: Callable[[Link, frames.Frame], None] = lambda _link, _frame: None

    def use(self, pool: Pool, on_defect: Callable[[], None], traffic: Traffic) -> None:
        """The pool to give attempts to; claims come from the journal from here on. ``on_defect``:
        the journal refused to end an execution; only a new session can. ``traffic`` counts."""
        self._pool = pool
        self._long.use(pool)
        self._traffic = traffic
        self._on_defect = on_defect

    # from the journal

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Start what was claimed; a version that is not in memory is read first."""
        if self.feed.open:
            for claim in claims:
                self.feed.changed(claim.trigger_no, claim.execution_no)
        for claim in claims:
            plan = self._definitions.known(claim.version_no)
            if plan is None or not self._connections.ready(plan.definition.workspace):
                self._preparing[claim.execution_no] = claim
                self._commits.run(self._prepare(claim))
            else:
                self._start(claim, plan)
        # Callers are told next, which takes the loop a while: workers begin meanwhile.
        if self._pool is not None:
            self._pool.flush()

    async def _prepare(self, claim: Claim) -> None:
        try:
            plan = await self._definitions.load(claim.version_no)
            await self._connections.load(plan.definition.workspace)
        except (StoreUnavailable, InvalidDocument) as error:
            if isinstance(error, InvalidDocument):  # of a newer release, whose nodes can read it
                log.warning("version_not_understood", **ids(claim, None))
            self._postpone(
                claim,
                Postponement(claim.execution_no, claim.epoch, DEFINITION_RETRY_S, counts=False),
            )
        except Exception as error:  # noqa: BLE001  # whatever it is, the attempt must end
            log.error("version_unusable", **ids(claim, None), error=type(error).__name__)
            if self._preparing.get(claim.execution_no) is claim:
                self.crashed(claim, VERSION_UNUSABLE, "sure")
        else:
            if self._preparing.get(claim.execution_no) is claim:
                self._start(claim, plan)
        finally:
            if self._preparing.get(claim.execution_no) is claim:
                del self._preparing[claim.execution_no]

    def _start(self, claim: Claim, plan: Plan) -> None:
        if self._stopping or self._pool is None:
            self.hand_back(claim)
            return
        connections = self._connections.frame(plan.definition.workspace)
        work = Work(claim, plan.definition, plan.timeout_s, connections)
        if is_long(claim):
            self._long.start(work)
        else:
            self._pool.assign(work)

    def unreadable(self, claim: Claim, error: Exception) -> None:
        """The store does not give a long body now; or it never will, and the attempt has failed."""
        if not isinstance(error, StoreUnavailable):
            plan = self._definitions.known(claim.version_no)
            log.error("body_unreadable", **ids(claim, plan), error=type(error).__name__)
            self.crashed(claim, BODY_UNREADABLE, "sure")
            return
        self._long.ended(claim.execution_no)
        again = Postponement(claim.execution_no, claim.epoch, DEFINITION_RETRY_S, counts=False)
        self._postpone(claim, again)

    # from the pool

    def capacity(self, slots: int) -> None:
        """Grant the journal what the workers can take."""
        self._slots = slots
        if not self._stopping:
            self._journal.grant(0 if self._held else slots)

    def hold(self, held: bool) -> None:
        """Whether nothing is to be started until further notice; what runs ends. Safe to
        repeat."""
        if held != self._held:
            self._held = held
            self.capacity(self._slots)

    def asked(self, link: Link, frame: frames.Frame) -> None:
        """Pass on what is no attempt's end."""
        self.answer_to(link, frame)

    def recorded(self, link: Link, record: frames.Record) -> None:
        """Journal a step; its worker starts the next one when this is committed."""

        def reply(accepted: bool) -> None:
            link.send(
                frames.Recorded(record.execution_no, record.epoch, record.entry.step, accepted)
            )

        self._commits.write(
            lambda: self._journal.record(record.execution_no, record.epoch, record.entry),
            reply,
            lambda: reply(False),
        )

    def ended(self, claim: Claim, outcome: frames.Outcome) -> None:
        """The attempt has an outcome: settle, or try again later."""
        if self._long.known:
            self._long.ended(claim.execution_no)
        if outcome.logs:
            self._told.said(claim, self._definitions.known(claim.version_no), outcome.logs)
        if outcome.response is not None:
            self._settle(claim, outcome, _SUCCEEDED, outcome.response)
            return
        failure = outcome.failure or NO_OUTCOME
        again = self._again(claim, failure)
        if self._traffic is not None:
            self._traffic.failed(claim.trigger_no, failure.kind)
        if again is None:
            response = failure_response(failure, claim.message.id)
            self._settle(claim, outcome, _FAILED, response)
            return
        plan = self._definitions.known(claim.version_no)
        self._told.retried(claim, plan, failure, delay_s=again.delay_s)
        if self._traffic is not None:
            self._traffic.retried(claim.trigger_no)
        self._postpone(
            claim,
            Postponement(
                claim.execution_no,
                claim.epoch,
                again.delay_s,
                counts=again.counts,
                alone=claim.alone,
                failure=failure,
                entries=outcome.entries,
                logs=outcome.logs,
            ),
        )

    def crashed(self, claim: Claim, failure: Failure, blame: Blame) -> None:
        """The worker ended under the attempt. One that is not surely to blame runs again at once,
        and this time does not count; a suspect runs by itself."""
        if self._long.known:
            self._long.ended(claim.execution_no)
        if blame == "sure":
            lost = frames.Outcome(claim.execution_no, claim.epoch, None, failure)
            self.ended(claim, lost)
        else:
            self._postpone(
                claim,
                Postponement(
                    claim.execution_no,
                    claim.epoch,
                    0.0,
                    counts=False,
                    alone=blame == "suspect" or claim.alone,
                    failure=failure,
                ),
            )

    # stopping

    def hand_back(self, claim: Claim) -> None:
        """Give the attempt back uncounted, to be claimed by the next session."""
        left = Postponement(claim.execution_no, claim.epoch, 0.0, counts=False)
        self._postpone(claim, left)

    def stop_claiming(self) -> None:
        """Claim nothing more; what runs goes on."""
        self._stopping = True
        self._journal.grant(0)
        for claim in self._long.withdraw():
            self.hand_back(claim)

    async def flush(self) -> None:
        """Wait for all writes and preparations that were begun."""
        await self._commits.flush()

    # acts of people

    async def cancel(self, execution_no: int, actor: Actor, response: Response) -> Ended:
        """End an execution that waits or runs. A running attempt is ended first, wherever it is
        on its way, so that nothing of it goes on when its lane does. Goes on if its caller goes.
        """
        work = self._cancel(execution_no, actor, response)
        return await asyncio.shield(self._commits.run(work))

    def cancel_asked(self, execution_no: int, actor: Actor) -> None:
        """Another node asks to end an execution that may run here."""
        claim = self._preparing.get(execution_no) or self._long.claim_of(execution_no)
        if claim is None and self._pool is not None:
            claim = self._pool.claim_of(execution_no)
        if claim is not None:
            response = cancelled_response(claim.message.id)
            self._commits.run(self._cancel_as_asked(execution_no, actor, response))

    async def _cancel_as_asked(self, execution_no: int, actor: Actor, response: Response) -> None:
        """Whoever asked sees in the store what came of it, and asks again where nothing did."""
        with contextlib.suppress(CallerError, StoreUnavailable, OutcomeUnknown):
            await self._cancel(execution_no, actor, response)

    async def _cancel(self, execution_no: int, actor: Actor, response: Response) -> Ended:
        while True:
            ended = await self._journal.cancel(execution_no, actor, response)
            if ended.elsewhere:
                ended = await self._elsewhere.cancel(execution_no, actor, response)
            epoch = ended.running_epoch
            if epoch is None:
                break
            self._preparing.pop(execution_no, None)
            self._long.drop(execution_no)
            if self._pool is not None:
                await self._pool.cancel(execution_no)
            self._long.ended(execution_no)
            ended = await self._commits.insist(
                partial(self._journal.end_running, execution_no, epoch, actor, response)
            )
            # It was ended by a try whose answer was lost.
            ended = replace(ended, changed=ended.changed or ended.state is State.CANCELLED)
            # Between the two it may have been postponed, and waits again.
            if ended.changed or ended.state.terminal:
                break
        if ended.changed:
            self._waiters.answer(execution_no, response)
        return ended

    # inside

    def _again(self, claim: Claim, failure: Failure) -> Again | None:
        if failure.code == LEASE_LOST:  # no attempt's fault; if the epoch is over, nothing happens
            return Again(LEASE_RETRY_S, counts=False)
        plan = self._definitions.known(claim.version_no)
        elapsed_s = (self._journal.steady_us() - claim.first_started_at_us) / 1e6
        return decide(
            failure,
            Tries(claim.attempt, claim.counted, elapsed_s),
            retry=plan.retry if plan else Retry(),
            give_up_after_s=plan.give_up_after_s if plan else GIVE_UP_AFTER_S,
            chance=self._clock.chance,
        )

    def _settle(
        self, claim: Claim, outcome: frames.Outcome, state: State, response: Response
    ) -> None:
        failure = None if state is _SUCCEEDED else outcome.failure or NO_OUTCOME
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

        self._commits.write(
            partial(self._journal.settle, settlement),
            partial(self._settled, claim, failure, response),
            partial(self._settle_bare, claim),
        )

    def _settled(
        self, claim: Claim, failure: Failure | None, response: Response, accepted: bool
    ) -> None:
        if not accepted:
            return
        answered = self._waiters.answer(claim.execution_no, response)
        if self._traffic is not None:
            self._traffic.settled(claim, succeeded=failure is None, answered=answered)
        if self.feed.open:
            self.feed.changed(claim.trigger_no, claim.execution_no)
        if failure is not None:
            self._told.failed(claim, self._definitions.known(claim.version_no), failure)
        elif self._told.successes:
            self._told.succeeded(claim, self._definitions.known(claim.version_no))

    def _settle_bare(self, claim: Claim) -> None:
        """What the attempt left cannot be stored: settle it as failed, without it."""
        response = failure_response(OUTCOME_UNUSABLE, claim.message.id)
        settlement = Settlement(
            claim.execution_no, claim.epoch, _FAILED, response, OUTCOME_UNUSABLE
        )

        self._commits.write(
            partial(self._journal.settle, settlement),
            partial(self._settled, claim, OUTCOME_UNUSABLE, response),
            self._on_defect,
        )

    def _postpone(self, claim: Claim, postponement: Postponement) -> None:
        bare = Postponement(
            postponement.execution_no, postponement.epoch, postponement.delay_s, postponement.counts
        )
        self._commits.write(
            lambda: self._journal.postpone(postponement),
            partial(self._postponed, claim),
            lambda: self._commits.write(
                lambda: self._journal.postpone(bare),
                partial(self._postponed, claim),
                self._on_defect,
            ),
        )

    def _postponed(self, claim: Claim, accepted: bool) -> None:
        """The journal claims it when it is due."""
        if accepted and self.feed.open:
            self.feed.changed(claim.trigger_no, claim.execution_no)
