"""Python functions that documents name: found, inspected once, called with what they ask for.

A document may name functions that are meant for it: those defined in a module of the project's
``workflows`` folder, and elsewhere those marked ``@workflow`` or ``@step``. Whoever may edit a
document cannot call ``os:system`` with it.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from firesteel.authoring import STEP_MARK, WORKFLOW_MARK, Message, StepDefinition
from firesteel.errors import AuthorError
from firesteel.model.execution import Failure, InputFault
from firesteel.model.fault import child
from firesteel.worker.failures import StepError

FAULTS_LIMIT = 100

# Nothing to check, and the commonest: no time is spent on them.
_UNCHECKED: tuple[Any, ...] = (inspect.Parameter.empty, Any, object)
_DICTS: tuple[Any, ...] = (dict, dict[str, Any], Mapping, Mapping[str, Any])
_AS_JOURNALED = (
    None,
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    dict,
    list,
    dict[str, Any],
    list[Any],
)


class FunctionInvalid(AuthorError):
    """A function cannot be found, imported or called as its document says."""

    code = "function_invalid"


@dataclass(frozen=True, slots=True)
class Found:
    """A function, not wrapped, and the hash of the module that it stands in."""

    function: Callable[..., Any]
    is_async: bool
    code_hash: str


@dataclass(frozen=True, slots=True)
class WorkflowFunction:
    """A workflow. ``check`` turns the input into what its annotation says, None: any input will do.
    ``message``: the name under which it takes the message, ``""``: as the only argument."""

    found: Found
    takes_input: bool
    check: Callable[[Any], Any] | None
    message: str | None

    def arguments(self, input_: Any, message: Message) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call it with. Raises StepError ``input_invalid`` with every fault."""
        if self.takes_input and self.check is not None:
            input_ = self.check(input_)
        args = (input_,) if self.takes_input else ()
        return args, {} if self.message is None else {self.message: message}


def find_workflow(reference: str, folder: Path | None) -> WorkflowFunction:
    """The workflow ``module:function``. Raises FunctionInvalid."""
    found = find_function(reference, folder)
    return inspect_workflow(found, reference)


def find_function(reference: str, folder: Path | None) -> Found:
    """The function ``module:function``, without the wrapper of ``@step``. Imports its module, which
    may take long. Raises FunctionInvalid."""
    module_name, _, name = reference.partition(":")
    module = import_module(module_name)
    function = getattr(module, name, None)
    if function is None:
        raise FunctionInvalid(f"the module {module_name} has no function {name}")
    if not callable(function) or inspect.isclass(function):
        raise FunctionInvalid(f"{reference} is not a function")
    definition = getattr(function, STEP_MARK, None)
    marked = definition is not None or getattr(function, WORKFLOW_MARK, False)
    if not marked and not (is_of_project(module, folder) and _is_of(module, function)):
        raise FunctionInvalid(
            f"{reference} is neither defined in the project's workflows folder"
            " nor marked with @workflow or @step"
        )
    if isinstance(definition, StepDefinition):
        function = definition.function
    return plain_function(function, _hash(module))


def plain_function(function: Callable[..., Any], code_hash: str = "") -> Found:
    """A function that needs no finding. Raises FunctionInvalid for generators."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise FunctionInvalid("a workflow or step is no generator: it returns, it does not yield")
    return Found(function, inspect.iscoroutinefunction(function), code_hash)


def inspect_workflow(found: Found, reference: str) -> WorkflowFunction:
    """What a workflow takes. Raises FunctionInvalid."""
    hints = annotations_of(found.function, reference)
    takes_input, check, message = False, None, None
    for position, parameter in enumerate(_parameters(found.function)):
        annotation = hints.get(parameter.name, parameter.annotation)
        if annotation is Message or (parameter.name == "message" and position > 0):
            message = parameter.name
        elif position == 0 and parameter.kind is not parameter.KEYWORD_ONLY:
            takes_input, check = True, _checker(annotation, reference)
        elif parameter.default is parameter.empty:
            raise FunctionInvalid(
                f"{reference} asks for {parameter.name}: a workflow takes its input and message"
            )
    return WorkflowFunction(found, takes_input, check, message)


@lru_cache(maxsize=1000)
def result_adapter(function: Callable[..., Any]) -> TypeAdapter[Any] | None:
    """How a step's result is written to and read from the journal, by its return annotation; None
    where it is journaled as it is."""
    annotation = annotations_of(function, function.__name__).get("return")
    if annotation in _AS_JOURNALED or annotation is Any:
        return None
    try:
        return TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None  # a class of the user's own: encode_result says whether it can be journaled


def input_faults(error: ValidationError) -> list[InputFault]:
    """Every fault by its JSON pointer; no text holds a value of the input."""
    faults = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        pointer = child("", *(part for part in item["loc"]))
        faults.append(InputFault(pointer, item["type"], item["msg"]))
    return faults[:FAULTS_LIMIT]


def import_module(name: str) -> Any:
    """The module, imported, which may do and take anything. Raises FunctionInvalid."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name or name.startswith(f"{error.name}."):
            raise FunctionInvalid(f"there is no module {name} in the workflows folder") from error
        raise FunctionInvalid(f"{name} imports {error.name}, which is not installed") from error
    except BaseException as error:
        text = f"the module {name} cannot be imported: {type(error).__name__}: {error}"
        raise FunctionInvalid(text) from error


def is_of_project(module: Any, folder: Path | None) -> bool:
    """Whether the module's file lies in the project's workflows folder, links resolved."""
    file = getattr(module, "__file__", None)
    return folder is not None and file is not None and Path(file).resolve().is_relative_to(folder)


def _is_of(module: Any, function: Any) -> bool:
    return bool(getattr(function, "__module__", None) == module.__name__)


def _hash(module: Any) -> str:
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    signature = inspect.signature(function)
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [item for item in signature.parameters.values() if item.kind not in variable]


def annotations_of(function: Callable[..., Any], reference: str) -> dict[str, Any]:
    """The types that a function is annotated with. Raises FunctionInvalid."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise FunctionInvalid(
            f"an annotation of {reference} cannot be read: {error};"
            " import its type outside of TYPE_CHECKING"
        ) from error


def _checker(annotation: Any, reference: str) -> Callable[[Any], Any] | None:
    if annotation in _UNCHECKED:
        return None
    if annotation in _DICTS:
        return _dict
    try:
        adapter = TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        detail = f"the input of {reference} is annotated with a type that cannot be checked: "
        raise FunctionInvalid(detail + str(error).partition("\n")[0]) from error

    def check(value: Any) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise _invalid(input_faults(error)) from error

    return check


def _dict(value: Any) -> Any:
    if not isinstance(value, dict):
        raise _invalid([InputFault("", "dict_type", "Input should be a valid dictionary")])
    return value


def _invalid(faults: list[InputFault]) -> StepError:
    detail = "the workflow does not take this input"
    return StepError(Failure("permanent", "input_invalid", detail, None, faults))
