"""The steps that are made of other steps, and the pure ones: map, choose, for_each, call, fail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from firesteel.errors import AuthorError
from firesteel.model.execution import Failure
from firesteel.worker.failures import StepError
from firesteel.worker.mapping import as_text, compile_document
from firesteel.worker.steps.run import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firesteel.model.steps import CallStep, FailStep
    from firesteel.worker.expressions import Expression
    from firesteel.worker.steps.run import StepList
    from firesteel.worker.steps.scope import Scope

DEPTH_LIMIT = 8
ITEMS_LIMIT = 100_000


class CallRefused(AuthorError):
    """An integration cannot be called from here."""

    code = "call_refused"


class MapWork(Work):
    """The value of an expression or document."""

    kind = "map"

    def __init__(self, document: Any) -> None:
        self._template = compile_document(document)

    async def do(self, scope: Scope, place: str) -> Any:
        """The value."""
        return self._template.evaluate(scope.context)


class ChooseWork(Work):
    """The steps of the first branch whose ``when`` is true; they add to the same results."""

    kind = "choose"

    def __init__(self, branches: list[tuple[Expression | None, StepList]]) -> None:
        self._branches = branches

    async def do(self, scope: Scope, place: str) -> Any:
        """The last result of the branch taken, None where none was."""
        for when, steps in self._branches:
            if when is None or when.evaluate(scope.context):
                return await steps.run(scope)
        return None


class ForEachWork(Work):
    """The steps for each item; the result is the list of their last results."""

    kind = "for_each"

    def __init__(self, items: Any, steps: StepList, concurrency: int) -> None:
        self._items = compile_document(items)
        self._steps = steps
        self._concurrency = concurrency

    async def do(self, scope: Scope, place: str) -> Any:
        """A list, in the order of the items."""
        items = self._items.evaluate(scope.context)
        if items is None:
            return []
        if not isinstance(items, list):
            items = [items]  # JSONata makes no difference between a value and a list of one
        if len(items) > ITEMS_LIMIT:
            raise CallRefused(f"for_each takes {ITEMS_LIMIT} items at most", code="items_limit")
        results: list[Any] = [None] * len(items)
        left = iter(list(enumerate(items)))
        if self._concurrency == 1:
            await self._take(left, results, scope, place)
            return results
        count = min(self._concurrency, len(items))
        takers = [
            asyncio.ensure_future(self._take(left, results, scope, place)) for _ in range(count)
        ]
        try:
            await asyncio.gather(*takers)
        finally:
            for taker in takers:
                taker.cancel()
            await asyncio.gather(*takers, return_exceptions=True)
        return results

    async def _take(
        self, left: Iterator[tuple[int, Any]], results: list[Any], scope: Scope, place: str
    ) -> None:
        for index, item in left:
            results[index] = await self._steps.run(scope.for_item(item, index, place))


class CallWork(Work):
    """Another integration's workflow, inside this execution."""

    kind = "call"
    journaled = True

    def __init__(self, step: CallStep) -> None:
        self._integration = step.integration
        self._input = compile_document(step.input)

    async def do(self, scope: Scope, place: str) -> Any:
        """The result of the called workflow."""
        name = self._integration
        if name in scope.callers:
            chain = " -> ".join((*scope.callers, name))
            raise CallRefused(
                f"integrations call each other in a circle: {chain}", code="call_cycle"
            )
        if len(scope.callers) > DEPTH_LIMIT:
            raise CallRefused(
                f"integrations call each other {DEPTH_LIMIT} deep at most", code="call_depth"
            )
        input_ = self._input.evaluate(scope.context)
        called = await scope.attempt.surroundings.find_integration(scope.attempt.workspace, name)
        if called is None:
            raise CallRefused(f"there is no integration {name}", code="integration_unknown")
        try:
            return await called.run_inside(scope.for_call(name, input_, place), input_)
        except StepError as error:
            if error.failure.code != "input_invalid":
                raise
            # Not the fault of who called the outer integration, and so no 422.
            failure = msgspec.structs.replace(error.failure, code="call_input_invalid")
            raise StepError(failure) from error


class FailWork(Work):
    """Ends the attempt; callers see the text of a permanent error."""

    kind = "fail"

    def __init__(self, step: FailStep) -> None:
        self._message = compile_document(step.message)
        self._permanent = step.permanent

    async def do(self, scope: Scope, place: str) -> Any:
        """Never returns."""
        text = as_text(self._message.evaluate(scope.context))
        if self._permanent:
            raise StepError(Failure("permanent", "permanent_error", text, step=place))
        raise StepError(Failure("unknown", "step_failed", text, step=place))
