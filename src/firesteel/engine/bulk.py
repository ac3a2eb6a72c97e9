"""Bulk acts: replay, cancel, skip or erase all that a filter finds, whoever watches.

One runs in a workspace at a time, on one of the nodes that share the store, the oldest execution
first, so that replays stand in their lanes in the order of their originals. How far it has come is
kept with every piece; after a restart it goes on from there. What was acted on before that was
noted is not found again: it has been replayed, or is in another state.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from firesteel.engine.answers import cancelled_response, skipped_response
from firesteel.engine.commits import STORE_RETRY_S
from firesteel.errors import CallerError, OutcomeUnknown, StoreUnavailable
from firesteel.model.execution import State
from firesteel.store.bulk import NewBulk, Step
from firesteel.store.history import MessageFilter
from firesteel.store.journal import Actor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.store.bulk import Act, Bulk
    from firesteel.store.history import Target

# At most 200 executions a second: the calls of the day go on beside it.
PIECE: Final = 50
PAUSE_S: Final = 0.25
COUNTED: Final = 100_000

STATES: Final[dict[Act, frozenset[State]]] = {
    "replay": frozenset({State.FAILED, State.SUCCEEDED, State.CANCELLED, State.SKIPPED}),
    "cancel": frozenset({State.WAITING, State.RUNNING}),
    "skip": frozenset({State.WAITING, State.FAILED}),
    "erase": frozenset(state for state in State if state.terminal),
}
"""In which states an execution can be acted on so; a bulk act's filter names one of them. An
erasure may name none: what has not ended by then is passed over, and counted."""

log = structlog.get_logger(__name__)


class BulkRunner:
    """Runs the bulk acts that the store has as running."""

    def __init__(self, engine: Engine, parts: Parts) -> None:
        self._engine = engine
        self._parts = parts
        self._acts = parts.bulk
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def count(self, act: Act, filter: MessageFilter) -> tuple[int, int]:
        """How many executions it would be about, COUNTED + 1 at most, and the number up to which.
        Raises CallerError ``invalid_request``."""
        selection = replace(_selection(act, filter), before_no=filter.before_no)
        return await self._parts.history.count(selection, COUNTED)

    async def begin(
        self, act: Act, filter: MessageFilter, until_no: int, *, total: int, actor: Actor
    ) -> Bulk:
        """Begin with those counted up to ``until_no``; what failed since is not touched. Raises
        CallerError ``bulk_running`` and ``invalid_request``."""
        new = NewBulk(act, _selection(act, filter), until_no, total)
        bulk = await self._acts.begin(new, actor)
        self._start(bulk)
        return bulk

    async def cancel(self, bulk: Bulk, actor: Actor) -> bool:
        """Do no more of it; what was done stays. False: it had ended."""
        ended = await self._acts.end(bulk.no, "cancelled", actor)
        task = self._tasks.get(bulk.no)
        if task is not None:
            await asyncio.wait((task,))
        return ended

    async def latest(self, workspace: str) -> list[Bulk]:
        """The latest twenty of a workspace, latest first."""
        return await self._acts.latest(workspace)

    async def show(self, workspace: str, no: int) -> Bulk | None:
        """None: the workspace has no such one."""
        return await self._acts.show(workspace, no)

    async def go_on(self) -> None:
        """Go on with those of the last life, or of a node that has left them."""
        for bulk in await self._acts.running():
            if bulk.no not in self._tasks:
                self._start(bulk)

    async def stop(self) -> None:
        """Leave off; the next life goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # inside

    def _start(self, bulk: Bulk) -> None:
        task = asyncio.get_running_loop().create_task(self._run(bulk), name=f"bulk-{bulk.no}")
        self._tasks[bulk.no] = task
        task.add_done_callback(lambda _task: self._tasks.pop(bulk.no, None))

    async def _run(self, bulk: Bulk) -> None:
        """On one node at a time; whoever gets it goes on from where it stands."""
        async with self._parts.jobs.only_here(f"bulk {bulk.no}") as mine:
            if not mine:
                return
            now = await self._as_it_stands(bulk)
            if now is not None and now.state == "running":
                await self._run_here(now)

    async def _as_it_stands(self, bulk: Bulk) -> Bulk | None:
        while True:
            try:
                return await self._acts.show(bulk.workspace, bulk.no)
            except StoreUnavailable:
                await asyncio.sleep(STORE_RETRY_S)

    async def _run_here(self, bulk: Bulk) -> None:
        at_no, goes_on = bulk.at_no, True
        while goes_on:
            try:
                at_no, goes_on = await self._piece(bulk, at_no)
            except (StoreUnavailable, OutcomeUnknown):
                await asyncio.sleep(STORE_RETRY_S)
            except Exception:  # a defect must not leave a bulk act that seems to run for ever
                log.exception("bulk_failed", bulk=bulk.no)
                await self._acts.end(bulk.no, "cancelled", Actor("firesteel", "it failed"))
                return
            else:
                await asyncio.sleep(PAUSE_S if goes_on else 0)

    async def _piece(self, bulk: Bulk, at_no: int) -> tuple[int, bool]:
        """How far it has come, and whether it goes on."""
        left = replace(bulk.filter, after_no=at_no, before_no=bulk.until_no + 1)
        targets = await self._parts.history.targets(replace(left, oldest_first=True, limit=PIECE))
        actor = Actor(bulk.started_by, bulk.why)
        if not targets:
            if bulk.act == "erase":
                await self._forget(bulk)
            await self._acts.end(bulk.no, "done", actor)
            return at_no, False
        if bulk.act == "erase":
            step = await self._erase(targets)
        else:
            step = await self._act_on(targets, bulk.act, actor)
        return step.at_no, await self._acts.step(bulk.no, step)

    async def _act_on(self, targets: Sequence[Target], act: Act, actor: Actor) -> Step:
        """The step ends before the first one that the store did not take."""
        acted = [self._act(target, act, actor) for target in targets]
        results = await asyncio.gather(*acted, return_exceptions=True)
        done, passed_over = 0, 0
        for target, result in zip(targets, results, strict=True):
            if isinstance(result, CallerError) or result is False:
                passed_over += 1
            elif isinstance(result, BaseException):
                if target is targets[0]:
                    raise result
                return Step(target.execution_no - 1, done, passed_over)
            else:
                done += 1
        return Step(targets[-1].execution_no, done, passed_over)

    async def _erase(self, targets: Sequence[Target]) -> Step:
        """Whole messages, with all their executions."""
        ids = list(dict.fromkeys(target.message_id for target in targets))
        erased = await self._parts.history.erase(ids)
        for target in targets:
            self._parts.dispatcher.feed.changed(target.trigger_no, target.execution_no)
        passed_over = sum(target.message_id not in erased for target in targets)
        return Step(targets[-1].execution_no, sum(erased.values()), passed_over)

    async def _forget(self, bulk: Bulk) -> None:
        filter = bulk.filter
        if not await self._parts.history.forget(filter.workspace or "", filter.consumer):
            log.warning("log_not_emptied", bulk=bulk.no)

    async def _act(self, target: Target, act: Act, actor: Actor) -> bool:
        parts, no = self._parts, target.execution_no
        if act == "replay":
            version_no = self._engine.version_now(target.trigger_no, target.version_no)
            number, _ = await parts.journal.replay(no, version_no, actor)
            parts.dispatcher.feed.changed(target.trigger_no, number)
            return True
        if act == "cancel":
            response = cancelled_response(target.message_id)
            ended = await parts.dispatcher.cancel(no, actor, response)
        else:
            response = skipped_response(target.message_id)
            ended = await parts.journal.skip(no, actor, response)
            if ended.changed:
                parts.waiters.answer(no, response)
        parts.dispatcher.feed.changed(target.trigger_no, no)
        return ended.changed


def _selection(act: Act, filter: MessageFilter) -> MessageFilter:
    """What the act is about: a replay leaves out what somebody has replayed already."""
    if act == "erase" and filter.state is None:
        if filter == MessageFilter(workspace=filter.workspace, before_no=filter.before_no):
            raise CallerError("say whose or which messages to erase", code="invalid_request")
    elif filter.state not in STATES[act]:
        states = ", ".join(sorted(STATES[act]))
        raise CallerError(f"to {act}, choose one state of: {states}", code="invalid_request")
    unrepeated = act == "replay" or filter.unrepeated
    whole = replace(filter, before_no=None, after_no=None, oldest_first=False)
    return replace(whole, unrepeated=unrepeated)
