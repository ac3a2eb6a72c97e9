"""Turns what was tried into the shapes of the REST API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firesteel.admin import shapes_trials as shapes
from firesteel.admin import views
from firesteel.admin.long_payload import payload_of
from firesteel.admin.shapes import ResponseShape

if TYPE_CHECKING:
    from firesteel.engine.trials import TriedStep
    from firesteel.model import frames
    from firesteel.model.trials import Function

_TEMPLATES = ("data_processing", "template")


def previewed(answer: frames.Previewed, what: dict[str, Any]) -> shapes.PreviewedShape:
    """What came of a preview of ``what``."""
    asked = any(key in what for key in _TEMPLATES)
    faulty = any(fault.code not in ("name_unknown", "step_unknown") for fault in answer.faults)
    response = answer.response
    return shapes.PreviewedShape(
        value=answer.value.decode() if answer.value else None,
        size_bytes=answer.size_bytes,
        undefined=asked and not answer.value and not faulty,
        response=None
        if response is None
        else ResponseShape(
            status=response.status,
            headers=list(response.headers),
            body=payload_of(response.body),
        ),
        faults=[
            shapes.PlacedFaultShape(
                pointer=fault.pointer,
                code=fault.code,
                detail=fault.detail,
                line=fault.line,
                column=fault.column,
            )
            for fault in answer.faults
        ],
        missing=answer.missing,
        sees=json.loads(answer.sees) if answer.sees else None,
    )


def tried(step: str, done: TriedStep) -> shapes.TriedShape:
    """How a step went. Whoever tried it may see all of it: the data is their own."""
    answer = done.answer
    outcome = "failed" if answer.failure else "left_out" if answer.left_out else "succeeded"
    return shapes.TriedShape(
        step=step,
        outcome=outcome,
        value=answer.value.decode() if answer.value else None,
        size_bytes=answer.size_bytes,
        failure=views.failure(answer.failure, payloads=True),
        logs=answer.logs,
        took_ms=round(answer.took_s * 1000),
        acted=done.acted,
        rolled_back=done.rolled_back,
    )


def functions(found: frames.FunctionsFound) -> shapes.FunctionsShape:
    """The functions that are deployed."""
    return shapes.FunctionsShape(
        functions=[_function(item) for item in found.functions],
        faults=[
            shapes.ModuleFaultShape(file=fault.file, detail=fault.detail) for fault in found.faults
        ],
    )


def _function(item: Function) -> shapes.FunctionShape:
    return shapes.FunctionShape(
        reference=item.reference,
        kind=item.kind,
        description=item.description,
        takes_input=item.takes_input,
        takes_message=item.takes_message,
        input_schema=json.loads(item.input_schema) if item.input_schema else None,
    )
