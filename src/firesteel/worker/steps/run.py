"""Run steps one after the other: replayed from the journal, or done, journaled and retried."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from firesteel.model.execution import Failure
from firesteel.model.retry import GIVE_UP_AFTER_S, Tries, decide
from firesteel.model.step_result import decode_result, encode_result
from firesteel.worker.failures import StepError, failure_of
from firesteel.worker.journal import LeaseLost, now_us

if TYPE_CHECKING:
    from firesteel.model.steps import Retry, StepKind
    from firesteel.worker.expressions import Expression
    from firesteel.worker.steps.scope import Scope


class Work(ABC):
    """What a step of one kind does. ``journaled``: its result is, because doing it again would
    matter."""

    kind: StepKind
    journaled = False

    @abstractmethod
    async def do(self, scope: Scope, place: str) -> Any:
        """The step's result, JSON-like. May raise anything; see ``failures``."""


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """One step, ready to run."""

    name: str
    work: Work
    when: Expression | None = None
    timeout_s: float | None = None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class StepList:
    """Steps in their order."""

    steps: tuple[CompiledStep, ...]

    async def run(self, scope: Scope) -> Any:
        """The result of the last step that was not left out, None where all were. Raises StepError,
        LeaseLost."""
        last = None
        for step in self.steps:
            place = scope.prefix + step.name
            try:
                if step.when is not None and not step.when.evaluate(scope.context):
                    continue
                last = await _result(step, scope, place)
            except (asyncio.CancelledError, LeaseLost):
                raise
            except BaseException as error:
                raise StepError(_failure(error, place)) from error
            scope.results[step.name] = last
        return last


async def _result(step: CompiledStep, scope: Scope, place: str) -> Any:
    if not step.work.journaled:
        return await _tried(step, scope, place)
    journal = scope.attempt.journal
    entry = journal.replay(place)
    if entry is not None:
        return decode_result(entry.result)
    await journal.barrier()
    started_at_us = now_us()
    value = await _tried(step, scope, place)
    journal.hold(journal.entry(place, step.work.kind, started_at_us, encode_result(value)))
    return value


async def _tried(step: CompiledStep, scope: Scope, place: str) -> Any:
    """The step's work, with a span where somebody traces."""
    spans = scope.attempt.spans
    if spans is None:
        return await _repeated(step, scope, place)
    with spans.step(place, step.work.kind):
        return await _repeated(step, scope, place)


async def _repeated(step: CompiledStep, scope: Scope, place: str) -> Any:
    """The step's work, again as its ``retry`` says while the attempt has time left."""
    if step.retry is None:
        return await _once(step, scope, place)
    started = asyncio.get_running_loop().time()
    tried = counted = 0
    while True:
        try:
            return await _once(step, scope, place)
        except (asyncio.CancelledError, LeaseLost):
            raise
        except Exception as error:
            failure = _failure(error, place)
            tried += 1
            counted += failure.kind == "unknown"
            elapsed_s = asyncio.get_running_loop().time() - started
            give_up_after_s = step.retry.give_up_after_s
            again = decide(
                failure,
                Tries(tried, counted, elapsed_s),
                retry=step.retry,
                give_up_after_s=GIVE_UP_AFTER_S if give_up_after_s is None else give_up_after_s,
                chance=random.random,
            )
            if again is None or again.delay_s >= scope.attempt.left_s():
                raise StepError(failure) from error
        await asyncio.sleep(again.delay_s)


async def _once(step: CompiledStep, scope: Scope, place: str) -> Any:
    scope.attempt.journal.check_lease()
    if step.timeout_s is None:
        return await step.work.do(scope, place)
    try:
        async with asyncio.timeout(step.timeout_s) as limit:
            return await step.work.do(scope, place)
    except TimeoutError as error:
        if not limit.expired():
            raise
        text = "the step ran over its timeout"
        raise StepError(Failure("transient", "step_timeout", text, step=place)) from error


def _failure(error: BaseException, place: str) -> Failure:
    failure = failure_of(error, step=place, code="step_failed")
    return failure if failure.step is not None else msgspec.structs.replace(failure, step=place)
