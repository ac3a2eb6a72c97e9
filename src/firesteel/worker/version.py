"""A version of an integration, compiled: its parameters, data processing, workflow and response."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from firesteel.authoring import current_execution
from firesteel.model.document import parse_document
from firesteel.model.json_exact import dumps, loads
from firesteel.model.parameters import compile_parameters
from firesteel.worker.expressions import compile_expression
from firesteel.worker.functions import FunctionInvalid, inspect_workflow
from firesteel.worker.mapping import (
    compile_response,
    data_processing_context,
    render_response,
    result_of_steps,
)
from firesteel.worker.steps.compile import compile_steps
from firesteel.worker.steps.python import json_like
from firesteel.worker.steps.scope import Scope, Surrounded

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from firesteel.authoring import Message
    from firesteel.model import frames
    from firesteel.model.execution import Response
    from firesteel.worker.attempt import Attempt
    from firesteel.worker.functions import WorkflowFunction
    from firesteel.worker.message import ReceivedMessage
    from firesteel.worker.steps.scope import Surroundings


class Version:
    """Raises AuthorError for a document that cannot be run."""

    def __init__(self, define: frames.Define) -> None:
        self.workspace = define.workspace
        integration = parse_document(json.loads(define.document))
        self.name = integration.name
        self.parameters = compile_parameters(integration.trigger)
        processing = integration.data_processing
        self._processing = None if processing is None else compile_expression(processing)
        workflow = integration.workflow
        self._reference = workflow.python if workflow is not None else None
        steps = workflow.steps if workflow is not None else None
        self._steps = None if steps is None else compile_steps(steps)
        self._response = compile_response(integration.response)
        self._function: WorkflowFunction | None = None

    async def perform(self, attempt: Attempt) -> Response:
        """Data processing, workflow, response. Raises what any of them raises."""
        message = attempt.message
        bare = self._steps is None and self._response is None and self._processing is None
        if bare and not attempt.run_frame.given_input:
            return render_response(None, {}, await self._simply(attempt))
        context = data_processing_context(message)
        input_ = self._input(attempt, context)
        context = context | {"input": input_, "steps": {}, "attempt": message.attempt}
        if self._steps is not None:
            result = result_of_steps(await self._steps.run(self._scope(attempt, context)))
        elif self._reference is not None:
            function = self._function or await self._found(attempt.surroundings)
            result = await _called_by(attempt, function, input_)
        else:
            result = None
        return render_response(self._response, context, result)

    async def run_inside(self, scope: Scope, input_: Any) -> Any:
        """See ``steps.scope.Called``."""
        if self._steps is not None:
            return await self._steps.run(scope)
        if self._reference is None:
            return None
        attempt = scope.attempt
        function = await self._found(attempt.surroundings)
        token = current_execution.set(attempt.python.within(scope.prefix.removesuffix("/")))
        try:
            result = await _called(function, input_, attempt.message, attempt.surroundings)
        finally:
            current_execution.reset(token)
        return json_like(result)

    async def _simply(self, attempt: Attempt) -> Any:
        """A Python workflow on what was received, with no expression anywhere: the fast way."""
        if self._reference is None:
            return None
        function = self._function or await self._found(attempt.surroundings)
        input_ = self.default_input(attempt.message) if function.takes_input else None
        return await _called_by(attempt, function, input_)

    async def _found(self, surroundings: Surroundings) -> WorkflowFunction:
        if self._function is None:
            reference = self._reference or ""
            found = await surroundings.find_function(reference)
            self._function = inspect_workflow(found, reference)
        return self._function

    def _input(self, attempt: Attempt, context: dict[str, Any]) -> Any:
        """What a person gave for this replay, or what data processing makes."""
        given = attempt.run_frame.given_input
        if given:
            attempt.input = given
            return loads(given)
        if self._processing is None:
            return self.default_input(attempt.message)
        value = self._processing.evaluate(context)
        attempt.input = dumps(value)
        return value

    def default_input(self, message: ReceivedMessage) -> dict[str, Any]:
        """``{"query": query, "body": body}``."""
        return {"query": message.read_query().values, "body": message.parsed_body()}

    def _scope(self, attempt: Attempt, context: dict[str, Any]) -> Scope:
        surrounded = Surrounded(
            attempt.surroundings,
            attempt.connections,
            attempt.journal,
            attempt.python,
            self.workspace,
            attempt.run_frame.execution,
            attempt.message.request,
            attempt.message,
            attempt.deadline,
            attempt.spans,
        )
        return Scope(surrounded, context, "", (self.name,))


def _called_by(attempt: Attempt, function: WorkflowFunction, input_: Any) -> Awaitable[Any]:
    """The workflow of an attempt itself, whose code is noted with it. Raises LeaseLost."""
    attempt.code_hash = function.found.code_hash
    attempt.journal.check_lease()
    return _called(function, input_, attempt.message, attempt.surroundings)


async def _called(
    function: WorkflowFunction, input_: Any, message: Message, surroundings: Surroundings
) -> Any:
    args, kwargs = function.arguments(input_, message)
    found = function.found
    if found.is_async:
        return await found.function(*args, **kwargs)
    result = await surroundings.threads.run(partial(found.function, *args, **kwargs))
    if hasattr(result, "__await__"):
        raise FunctionInvalid("a plain function returned a coroutine: write async def")
    return result
