"""The Python functions of the project's workflows folder, with what they take."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import TypeAdapter, create_model

from firesteel.authoring import STEP_MARK, WORKFLOW_MARK, StepDefinition
from firesteel.errors import AuthorError
from firesteel.model.python_files import python_files
from firesteel.model.trials import Function, FunctionKind, ModuleFault
from firesteel.worker.functions import (
    annotations_of,
    import_module,
    inspect_workflow,
    is_of_project,
    plain_function,
)
from firesteel.worker.steps.python import takes_message

MODULES_LIMIT: Final = 500
DESCRIPTION_CHARACTERS: Final = 300


def list_functions(folder: Path | None) -> tuple[list[Function], list[ModuleFault]]:
    """All of them by reference, those of modules that can be imported; ``folder``: the project's,
    on whose path of modules its workflows folder stands."""
    if folder is None:
        return [], []
    root = (folder / "workflows").resolve()
    functions: list[Function] = []
    faults: list[ModuleFault] = []
    for file in python_files(root)[:MODULES_LIMIT]:
        name = _module_name(file.relative_to(root))
        if name is None:
            continue
        try:
            module = import_module(name)
        except AuthorError as error:
            faults.append(ModuleFault(str(file.relative_to(root)), error.detail))
            continue
        for found in _functions(module, name, root):
            if isinstance(found, Function):
                functions.append(found)
            else:
                faults.append(ModuleFault(str(file.relative_to(root)), found))
    return sorted(functions, key=lambda item: item.reference), faults


def _module_name(file: Path) -> str | None:
    """``sub.pricing`` of ``sub/pricing.py``; None for what nobody imports by name."""
    parts = [*file.parts[:-1], file.stem]
    if parts[-1] == "__init__":
        parts.pop()
    usable = parts and all(part.isidentifier() for part in parts)
    return ".".join(parts) if usable and "__pycache__" not in parts else None


def _functions(module: ModuleType, name: str, root: Path) -> list[Function | str]:
    """Those that the module defines itself and a document may name; a text says what is wrong with
    one."""
    own = is_of_project(module, root)
    found: list[Function | str] = []
    for attribute, value in list(vars(module).items()):
        definition = getattr(value, STEP_MARK, None)
        plain = definition.function if isinstance(definition, StepDefinition) else value
        if attribute.startswith("_") or not inspect.isfunction(plain):
            continue
        if plain.__module__ != module.__name__ or not (own or _is_marked(value)):
            continue
        try:
            found.append(_described(plain, f"{name}:{attribute}", _kind(value)))
        except AuthorError as error:
            found.append(error.detail)
    return found


def _is_marked(value: Any) -> bool:
    return hasattr(value, STEP_MARK) or getattr(value, WORKFLOW_MARK, False)


def _kind(value: Any) -> FunctionKind:
    if hasattr(value, STEP_MARK):
        return "step"
    return "workflow" if getattr(value, WORKFLOW_MARK, False) else "function"


def _described(function: Any, reference: str, kind: FunctionKind) -> Function:
    description = (inspect.getdoc(function) or "")[:DESCRIPTION_CHARACTERS]
    if kind == "workflow":
        taken = inspect_workflow(plain_function(function), reference)
        schema = _schema(_input_annotation(function, reference)) if taken.takes_input else b""
        takes = (taken.takes_input, taken.message is not None)
        return Function(reference, kind, description, *takes, schema)
    plain_function(function)
    hints = annotations_of(function, reference)
    message = takes_message(function)
    parameters = [
        item
        for item in inspect.signature(function).parameters.values()
        if not (message and item.name == "message")
    ]
    schema = _arguments_schema(function.__name__, parameters, hints)
    return Function(reference, kind, description, bool(parameters), message, schema)


def _input_annotation(function: Any, reference: str) -> Any:
    first = next(iter(inspect.signature(function).parameters.values()))
    return annotations_of(function, reference).get(first.name, first.annotation)


def _schema(annotation: Any) -> bytes:
    """JSON Schema of a type; empty where it says nothing, or has none."""
    if annotation in (inspect.Parameter.empty, Any, object):
        return b""
    try:
        return json.dumps(TypeAdapter(annotation).json_schema()).encode()
    except Exception:  # noqa: BLE001  # a type of the user's own may raise anything
        return b""


def _arguments_schema(
    name: str, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> bytes:
    """JSON Schema of an object with the arguments by name."""
    fields: dict[str, Any] = {}
    for item in parameters:
        if item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD, item.POSITIONAL_ONLY):
            continue
        default = ... if item.default is item.empty else item.default
        fields[item.name] = (hints.get(item.name, Any), default)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a default that JSON does not have is left out
            return json.dumps(create_model(name, **fields).model_json_schema()).encode()
    except Exception:  # noqa: BLE001  # as above
        return b""
