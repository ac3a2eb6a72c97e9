"""Questions of the engine: does a document compile, what does a big body hold, does a connection
work."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec

from firesteel.errors import AuthorError
from firesteel.model.body import compile_body_rule, parse_body
from firesteel.model.document import InvalidDocument, parse_document
from firesteel.model.execution import InputFault
from firesteel.model.expressions import check_expressions, steps
from firesteel.model.fault import child
from firesteel.model.findings import Findings
from firesteel.model.named_functions import WORKFLOW, named_functions
from firesteel.model.path import MISSING, Path, as_key
from firesteel.model.redaction.places import Unredactable
from firesteel.model.redaction.redaction import Redaction
from firesteel.model.section import Reading
from firesteel.model.steps import Step
from firesteel.model.trigger import Trigger
from firesteel.worker.expressions import check_expression
from firesteel.worker.failures import failure_of
from firesteel.worker.functions import inspect_workflow
from firesteel.worker.steps.compile import compile_step

if TYPE_CHECKING:
    from firesteel.model import frames
    from firesteel.model.body import ParsedBody
    from firesteel.model.execution import Failure
    from firesteel.worker.connections import WorkspaceConnections
    from firesteel.worker.steps.scope import Surroundings

PROBE_TIMEOUT_S = 10.0


async def check(data: bytes, surroundings: Surroundings) -> list[InputFault]:
    """Faults of a document that only a worker can find, by pointer.

    Expressions that do not compile or read what is never there, statements without values, Python
    functions that are not there. Of a document whose shape is wrong, such as a draft, the shape's
    faults and those of its expressions.
    """
    document = json.loads(data)
    findings = Findings()
    check_expressions(document, findings, check_expression)
    faults = [
        InputFault(found.pointer, found.code, "; ".join(filter(None, (found.detail, found.hint))))
        for found in findings.faults
    ]
    try:
        parse_document(document)
    except InvalidDocument as error:
        shape = [InputFault(fault.pointer, fault.code, fault.detail) for fault in error.faults]
        return shape + faults
    if not faults:
        faults += _statement_faults(document)
    return faults + await function_faults(document, surroundings)


def read_body(frame: frames.ReadBody) -> tuple[list[InputFault], list[str | None]]:
    """Faults of a body against the trigger's ``body``, and its key at each path."""
    trigger = Trigger.model_validate({"body": json.loads(frame.mode)}, context=Reading())
    content_type = frame.content_type or None
    faults = compile_body_rule(trigger.body).check(content_type, frame.body)
    if faults or not frame.paths:
        return faults, [None] * len(frame.paths)
    parsed = parse_body(content_type, frame.body)
    return [], [_key(Path.parse(path), parsed) for path in frame.paths]


def redact(frame: frames.Redact) -> tuple[bytes | None, str]:
    """The body without what is redacted, or None and what it is."""
    redaction = Redaction.compile(frame.redact)
    if redaction is None:
        return frame.body, ""
    try:
        return redaction.of_body(frame.content_type or None, frame.body), ""
    except Unredactable as error:
        return None, str(error)


async def probe(connections: WorkspaceConnections, name: str) -> Failure | None:
    """Why the connection does not work, or None."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await connections.probe(name)
    except TimeoutError:
        text = f"no answer within {PROBE_TIMEOUT_S:.0f} s"
        return msgspec.structs.replace(failure_of(TimeoutError()), detail=text)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return failure_of(error, code="connection_failed")
    return None


def _key(path: Path, parsed: ParsedBody) -> str | None:
    value = path.read({}, [], None, parsed.body, once_is_a_list=parsed.once_is_a_list)
    key = MISSING if value is MISSING else as_key(value)
    return key if isinstance(key, str) else None


def _statement_faults(document: dict[str, Any]) -> list[InputFault]:
    faults = []
    for pointer, step in steps(document):
        if "sql" not in step:
            continue
        try:
            compile_step(Step.model_validate(step, context=Reading()))
        except AuthorError as error:
            faults.append(InputFault(child(pointer, "sql"), error.code, error.detail))
    return faults


async def function_faults(document: dict[str, Any], surroundings: Surroundings) -> list[InputFault]:
    """Functions that are not there, cannot be imported, or cannot be called as a workflow."""
    faults = []
    for pointer, reference in named_functions(document):
        try:
            found = await surroundings.find_function(reference)
            if pointer == WORKFLOW:
                inspect_workflow(found, reference)
        except AuthorError as error:
            faults.append(InputFault(pointer, error.code, error.detail))
    return faults
