"""The ``python`` step: a function of the project, called with the document's arguments."""

from __future__ import annotations

import dataclasses
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticSchemaGenerationError,
    ValidationError,
    validate_call,
)

from firesteel.authoring import Message, Response, current_execution
from firesteel.model.execution import Failure
from firesteel.worker.failures import StepError
from firesteel.worker.functions import annotations_of, input_faults
from firesteel.worker.mapping import compile_document
from firesteel.worker.sql_values import received
from firesteel.worker.steps.run import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.steps import PythonStep
    from firesteel.worker.mapping import Template
    from firesteel.worker.steps.scope import Scope


_MESSAGE = (Message, Message | None)


class PythonWork(Work):
    """A mapping of arguments is passed by name, a list in order, anything else alone."""

    kind = "python"
    journaled = True

    def __init__(self, step: PythonStep) -> None:
        self._reference = step.function
        self._arguments: Template | None = None
        if step.arguments is not None:
            self._arguments = compile_document(step.arguments)

    async def do(self, scope: Scope, place: str) -> Any:
        """What the function returns, JSON-like."""
        found = await scope.attempt.surroundings.find_function(self._reference)
        args, kwargs = self._passed(scope, found.function)
        call = partial(checked(found.function), *args, **kwargs)
        scope.attempt.journal.check_lease()
        token = current_execution.set(scope.attempt.python.within(place))
        try:
            if found.is_async:
                value = await call()
            else:
                value = await scope.attempt.surroundings.threads.run(call)
        except ValidationError as error:
            raise _refused(error, found.function) from error
        finally:
            current_execution.reset(token)
        return json_like(value)

    def _passed(
        self, scope: Scope, function: Callable[..., Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args: tuple[Any, ...] = ()
        kwargs: dict[str, Any] = {}
        if self._arguments is not None:
            value = self._arguments.evaluate(scope.context)
            if isinstance(value, dict):
                kwargs = value
            else:
                args = tuple(value) if isinstance(value, list) else (value,)
        if takes_message(function):
            kwargs = {"message": scope.attempt.message} | kwargs
        return args, kwargs


def json_like(value: Any) -> Any:
    """What a function returned, as expressions see it: models and data classes as objects."""
    if isinstance(value, Response):
        return json_like(value.body)
    if isinstance(value, BaseModel):
        return received(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return received(dataclasses.asdict(value))
    if isinstance(value, list | tuple):
        return [json_like(item) for item in value]
    if isinstance(value, dict):
        return {str(key): json_like(item) for key, item in value.items()}
    return received(value)


@lru_cache(maxsize=1000)
def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its annotated arguments checked and converted, as a workflow's input is."""
    if not annotations_of(function, function.__name__):
        return function
    try:
        return validate_call(config=ConfigDict(arbitrary_types_allowed=True))(function)
    except PydanticSchemaGenerationError:
        return function


@lru_cache(maxsize=1000)
def takes_message(function: Callable[..., Any]) -> bool:
    """Whether the function asks for the message, by that name and annotation."""
    return annotations_of(function, function.__name__).get("message") in _MESSAGE


def _refused(error: ValidationError, function: Callable[..., Any]) -> StepError | ValidationError:
    """An error of the arguments is told with every fault; the function's own stays what it is."""
    if error.title != function.__name__:
        return error
    faults = input_faults(error)
    text = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:5])
    detail = f"the arguments do not fit: {text}"
    return StepError(Failure("permanent", "arguments_invalid", detail, None, faults))
