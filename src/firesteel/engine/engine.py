"""The engine: accepts calls, answers those that wait, and lets people act on executions.

It owns all state and runs no user's code. The way of a message is in docs/explanation; this class
is what the gateway and the admin port see of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from firesteel.engine.agreement import Agreement
from firesteel.engine.answers import cancelled_response, skipped_response
from firesteel.engine.backups import Backups
from firesteel.engine.bulk import BulkRunner
from firesteel.engine.calls import Acceptance, NodeStopping, fingerprint
from firesteel.engine.key_rotation import KeyRotation
from firesteel.engine.pausing import Pausing
from firesteel.engine.replays import edit_of
from firesteel.engine.route import Routes
from firesteel.engine.trials import Trials
from firesteel.errors import CallerError, OperatorError, StoreUnavailable
from firesteel.model.execution import State
from firesteel.model.message import Message, encode_request
from firesteel.model.redaction.places import Unredactable
from firesteel.release import release
from firesteel.store.journal import Accepted, Duplicate, Ended, Idempotency, NewMessage
from firesteel.store.nodes import LivingNode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from firesteel.engine.calls import BodyKeys, Call, Caller
    from firesteel.engine.parts import Parts
    from firesteel.engine.pool import PoolFigures
    from firesteel.engine.replays import Changes
    from firesteel.engine.route import Route
    from firesteel.model.execution import Failure, InputFault, MessageStatus, Response
    from firesteel.pending import Pending
    from firesteel.store.history import ExecutionDetail
    from firesteel.store.journal import Actor, Appended


class Engine:
    """Made by ``node``; used from the event loop's thread only. ``workspace``: that of the project
    of this node, before all others in the console."""

    def __init__(self, parts: Parts) -> None:
        self.routes = Routes()
        self.settings = parts.settings
        self.public = parts.public
        self.keyring = parts.keyring.ring
        self.catalog = parts.catalog
        self.history = parts.history
        self.journal = parts.journal
        self.trials = Trials(parts)
        self.figures = parts.figures
        self.traffic = parts.traffic
        self.meter = parts.traffic.meter
        self.feed = parts.dispatcher.feed
        self.bulk = BulkRunner(self, parts)
        self.key_rotation = KeyRotation(self, parts)
        self.pausing = Pausing(parts)
        self.agreement = Agreement(parts)
        self.backups = Backups(parts)
        self.archive = parts.archive
        self.refusal: str | None = None
        self.starting = False
        self.leaving: Callable[[], bool] = lambda: False
        self.gateways = 1
        self.name = parts.name or socket.gethostname()
        self.workspace = ""
        self._parts = parts
        self._clock = parts.clock
        self._begun_us = parts.clock.now_us()
        self._waiters = parts.waiters
        self._used_keys: dict[int, int] = {}
        self._recalling: set[asyncio.Task[None]] = set()
        self._refreshing = asyncio.Lock()

    # accepting and answering

    @property
    def accepting(self) -> bool:
        """False while calls get 503 with the code in ``refusal``."""
        return self.refusal is None

    @property
    def unready(self) -> str | None:
        """Why balancers had better send no calls: the code in ``refusal``; ``node_stopping`` while
        the node still takes calls, but not for long; ``node_starting`` while the project folder is
        applied, when routes of the store are served, but not all."""
        if self.refusal is None and self.leaving():
            return "node_stopping"
        return self.refusal or ("node_starting" if self.starting else None)

    def refuse_while(self, code: str, reason: bool) -> bool:
        """Refuse calls with that code while there is reason to, unless they are refused for another
        one already; True where that has changed."""
        refused = self.refusal == code
        if reason and self.refusal is None:
            self.refusal = code
        elif refused and not reason:
            self.refusal = None
        return refused != (self.refusal == code)

    def accept(self, call: Call, caller: Caller) -> None:
        """Store the call; it is committed and flushed when ``caller.accepted`` is called. It is
        refused with CallerError ``lane_full`` or ``idempotency_mismatch``, StoreUnavailable,
        NodeStopping, or OutcomeUnknown."""
        if self.refusal is not None:
            caller.refused(_refusal(self.refusal))
            return
        new = self._new_message(call)
        tell = partial(self._appended, caller, new)
        if self.feed.open:
            tell = partial(self._appended_live, new.trigger_no, tell)
        self.journal.append(new).then(tell)

    def wait(self, acceptance: Acceptance, timeout_s: float, caller: Caller) -> None:
        """Tell the caller the final response (of a failure too), that the time is over (the
        execution goes on), or that the node stops first."""
        waits = self._waiters.add(acceptance.execution_no, timeout_s, caller, acceptance.trigger_no)
        if waits and acceptance.stored:
            task = asyncio.get_running_loop().create_task(self._recall(acceptance, caller))
            self._recalling.add(task)
            task.add_done_callback(self._recalling.discard)

    def forget(self, acceptance: Acceptance, caller: Caller) -> None:
        """The caller has gone: it is told nothing more. Safe to repeat."""
        self._waiters.forget(acceptance.execution_no, caller)

    async def status(self, message_id: str) -> MessageStatus | None:
        """Of the message's latest execution; None if unknown."""
        return await self.history.status(message_id)

    async def response(self, execution_no: int) -> Response | None:
        """The stored response; None while there is none."""
        return await self.history.response(execution_no)

    async def read_body(
        self, route: Route, content_type: str | None, body: bytes, paths: list[str]
    ) -> BodyKeys:
        """A body that is too big for the event loop, checked and read in a worker."""
        mode = route.trigger.body
        encoded = msgspec.json.encode(mode if isinstance(mode, str) else {"schema": mode.schema_})
        return await self._parts.questions.read_body(encoded, content_type or "", body, paths)

    async def redact(self, redact: Sequence[str], content_type: str | None, body: bytes) -> bytes:
        """A body that is too big for the event loop, without what ``redact`` lists. Raises
        Unredactable."""
        redacted = await self._parts.questions.redact(redact, content_type or "", body)
        if redacted.body is None:
            raise Unredactable(redacted.what)
        return redacted.body

    async def fetch_keys(self, url: str) -> bytes:
        """The document with the public keys of an issuer of tokens. Raises OperatorError."""
        return await self._parts.questions.fetch_keys(url, list(self.settings.outgoing_allow))

    def backlog(self, trigger_no: int) -> tuple[int, int]:
        """Waiting and running executions of a trigger."""
        return self.journal.backlog(trigger_no)

    def count_refused(self, trigger_no: int, code: str) -> None:
        """A call of a trigger was refused with that problem, and nothing of it stored."""
        self.traffic.refused(trigger_no, code)

    def used_key(self, key_no: int) -> None:
        """Note a key's use; written in batches by the housekeeper."""
        self._used_keys[key_no] = self._clock.now_us()

    def take_used_keys(self) -> dict[int, int]:
        """The uses noted since the last call."""
        used, self._used_keys = self._used_keys, {}
        return used

    @property
    def waiting_callers(self) -> int:
        """Callers that wait for a response now."""
        return len(self._waiters)

    def now_us(self) -> int:
        """The wall clock, in microseconds since 1970."""
        return self._clock.now_us()

    # acts of people

    async def cancel(self, message_id: str, run: int | None, actor: Actor) -> Ended:
        """End an execution that waits or runs (``run`` None: the latest). A running attempt is
        ended first, so that nothing of it goes on when the lane does."""
        detail = await self._execution(message_id, run)
        execution_no = detail.summary.execution_no
        response = cancelled_response(message_id)
        ended = await self._parts.dispatcher.cancel(execution_no, actor, response)
        self.feed.changed(detail.trigger_no, execution_no)
        return ended

    async def erase(self, workspace: str, message_id: str, actor: Actor) -> None:
        """Erase what a message held. Raises CallerError ``not_terminal`` where an execution of it
        has not ended, or a lane stands at it."""
        executions = await self._executions(message_id)
        if not await self.history.erase([message_id], actor):
            detail = "the message has not ended, or its lane stands at it"
            raise CallerError(detail, code="not_terminal")
        for execution in executions:
            summary = execution.summary
            self._parts.dispatcher.feed.changed(execution.trigger_no, summary.execution_no)
        await self.history.forget(workspace, None)

    async def skip(self, message_id: str, run: int | None, actor: Actor) -> Ended:
        """Skip an execution that waits, or the failed head at which a lane is paused."""
        detail = await self._execution(message_id, run)
        execution_no = detail.summary.execution_no
        response = skipped_response(message_id)
        ended = await self.journal.skip(execution_no, actor, response)
        if ended.changed:
            self._waiters.answer(execution_no, response)
            self.feed.changed(detail.trigger_no, execution_no)
        return ended

    async def retry_now(self, message_id: str, run: int | None, actor: Actor) -> Ended:
        """Let an execution that waits for its retry start now. One that has failed is replayed:
        at its place where its lane is paused at it, else at the tail."""
        detail = await self._execution(message_id, run)
        summary = detail.summary
        if summary.state is State.FAILED:
            execution_no, _ = await self.replay(message_id, run, actor)
            return Ended(execution_no, State.WAITING, changed=True)
        ended = await self.journal.retry_now(summary.execution_no, actor)
        self.feed.changed(detail.trigger_no, summary.execution_no)
        return ended

    async def replay(
        self,
        message_id: str,
        run: int | None,
        actor: Actor,
        *,
        original_version: bool = False,
        changes: Changes | None = None,
    ) -> tuple[int, str]:
        """A new execution under the version published now, or the one of the acceptance; of what
        that run ran on, or of what is ``changes`` of it. Raises CallerError ``not_terminal``,
        ``payload_purged``, ``invalid_request``."""
        executions = await self._executions(message_id)
        detail = _chosen(executions, run)
        if detail.message is None:
            raise CallerError(code="payload_purged")
        edit = None if changes is None else edit_of(detail, detail.message, changes)
        version_no = executions[0].version_no
        if not original_version:
            version_no = self.version_now(detail.trigger_no, version_no)
        replayed = await self.journal.replay(
            detail.summary.execution_no, version_no, actor, edit, latest=run is None
        )
        self.feed.changed(detail.trigger_no, replayed[0])
        return replayed

    def version_now(self, trigger_no: int, otherwise: int) -> int:
        """The version that is published; of a removed integration, the one given."""
        route = self.routes.of_trigger(trigger_no)
        return otherwise if route is None else route.version_no

    async def pause(self, trigger_no: int, lane_key: str | None, actor: Actor) -> None:
        """Start nothing more of a lane (None: of the whole trigger); what runs ends."""
        await self.journal.pause(trigger_no, lane_key, actor)
        self.feed.much_changed()

    async def resume(self, trigger_no: int, lane_key: str | None, actor: Actor) -> None:
        """Take back a pause; a lane that stands at a failed message goes on behind it."""
        await self.journal.resume(trigger_no, lane_key, actor)
        self.feed.much_changed()

    async def check_document(self, workspace: str, document: dict[str, object]) -> list[InputFault]:
        """Faults that only a worker can find: expressions and Python functions."""
        return await self._parts.questions.check(workspace, document)

    async def probe(self, workspace: str, connection: str) -> Failure | None:
        """Try a connection; None where it works."""
        return await self._parts.questions.probe(workspace, connection)

    async def refresh_routes(self) -> None:
        """Take over what the catalog says now; calls see it at once, workers import its code."""
        publications, keyring = self._parts.publications, self._parts.keyring
        async with self._refreshing:  # or what was read first might be taken over last
            routes, ring = await publications.routes(keyring)
            # In one moment: the digests of routes are those of the ring.
            keyring.use(ring)
            self.routes, self.keyring = routes, ring
            self._parts.pool.import_functions(publications.functions)

    async def connections_changed(self, workspace: str) -> None:
        """Send the workspace's connections to every worker that uses them."""
        async with self._refreshing:
            if not await self._parts.connections.reload(workspace):
                return
        frame = self._parts.connections.frame(workspace)
        for link in self._parts.pool.links:
            if workspace in link.workspaces:
                link.send(frame)

    async def restart_workers(self) -> None:
        """New worker processes after the old ones' attempts have ended (code has changed)."""
        self._parts.pool.drain_all()

    async def nodes(self) -> list[LivingNode]:
        """Who works on the store: this node alone, where others cannot. Raises StoreUnavailable."""
        living = await self._parts.nodes.living()
        running = sum(len(link.running) for link in self._parts.pool.links)
        alone = LivingNode(
            self.name, self.settings.role, release(), self._begun_us, math.inf, running
        )
        return living or [alone]

    def workers(self) -> list[dict[str, int | bool]]:
        """The connected worker processes: pid, attempts running, whether it takes more."""
        return [
            {"pid": link.pid, "running": len(link.running), "ready": not link.draining}
            for link in self._parts.pool.links
        ]

    @property
    def without_workers_s(self) -> float:
        """For how long no worker has taken attempts; 0 while one does, and on a gateway."""
        return self._parts.pool.without_workers_s if self.settings.runs_attempts else 0.0

    def pool_figures(self) -> PoolFigures:
        """Of the worker processes together."""
        return self._parts.pool.figures()

    # inside

    def _appended(self, caller: Caller, new: NewMessage, pending: Pending[Appended]) -> None:
        """Tell the caller what the journal has made of the call."""
        try:
            appended = pending.result()
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller is told
            caller.refused(error)
            return
        if type(appended) is Accepted:
            received_at_us = new.message.received_at_us
            self.traffic.accepted(new.trigger_no, received_at_us, settled=new.record_only)
            caller.accepted(
                Acceptance(
                    appended.message_id,
                    appended.sequence,
                    appended.execution_no,
                    stored=new.record_only,
                    trigger_no=new.trigger_no,
                )
            )
        elif isinstance(appended, Duplicate):
            if appended.same:
                known = (appended.message_id, appended.sequence, appended.execution_no)
                caller.accepted(
                    Acceptance(*known, duplicate=True, stored=True, trigger_no=new.trigger_no)
                )
            else:
                caller.refused(CallerError(code="idempotency_mismatch"))
        else:
            caller.refused(CallerError(code="lane_full"))

    def _appended_live(
        self,
        trigger_no: int,
        tell: Callable[[Pending[Appended]], None],
        pending: Pending[Appended],
    ) -> None:
        """The caller first, then those who watch."""
        tell(pending)
        with contextlib.suppress(Exception):  # the caller has been told of it
            appended = pending.result()
            if type(appended) is Accepted:
                self.feed.changed(trigger_no, appended.execution_no)

    async def _recall(self, acceptance: Acceptance, caller: Caller) -> None:
        """Answer from the store, where the response may stand already, or no more."""
        try:
            response = await self._kept_response(acceptance)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller is told
            if self._waiters.forget(acceptance.execution_no, caller):
                caller.refused(error)
        else:
            if response is not None and self._waiters.forget(acceptance.execution_no, caller):
                caller.answered(response)

    async def _kept_response(self, acceptance: Acceptance) -> Response | None:
        """None while there is none. Raises CallerError ``response_gone`` where it is kept no more:
        a key may be remembered for longer."""
        response = await self.history.response(acceptance.execution_no)
        if response is not None:
            return response
        status = await self.history.status(acceptance.message_id)
        if status is not None and not status.state.terminal:
            return None
        # It may have ended in between.
        response = await self.history.response(acceptance.execution_no)
        if response is None:
            raise CallerError(code="response_gone")
        return response

    def _new_message(self, call: Call) -> NewMessage:
        route = call.route
        message = Message(
            self._clock.new_id(),
            0,
            self._clock.now_us(),
            call.consumer,
            encode_request(call.request),
            call.body,
        )
        return NewMessage(
            route.trigger_no,
            route.version_no,
            message,
            call.lane_key,
            self._idempotency(call, message.received_at_us) if call.idempotency_key else None,
            call.search,
            route.integration.workflow is None,
        )

    def _idempotency(self, call: Call, now_us: int) -> Idempotency:
        rule = call.route.trigger.idempotency
        window_s = rule.window_s if rule else 0.0
        return Idempotency(
            call.idempotency_key or "",
            call.fingerprint or fingerprint(call),
            now_us + int(window_s * 1e6),
        )

    async def _executions(self, message_id: str) -> list[ExecutionDetail]:
        executions = await self.history.executions(message_id)
        if not executions:
            raise CallerError(code="unknown_message")
        return executions

    async def _execution(self, message_id: str, run: int | None) -> ExecutionDetail:
        return _chosen(await self._executions(message_id), run)


def _chosen(executions: list[ExecutionDetail], run: int | None) -> ExecutionDetail:
    """The run of that number; None: the latest."""
    if run is None:
        return executions[-1]
    for detail in executions:
        if detail.summary.run == run:
            return detail
    raise CallerError(code="unknown_execution")


def _refusal(code: str) -> OperatorError:
    return (
        NodeStopping("the node stops") if code == "node_stopping" else StoreUnavailable(code=code)
    )
