"""The integration document: its shape, its defaults, and what each key means.

One class a mapping of the file; docs/reference/integration-file.md is the reference. The same
document, as JSON, is what files, REST and console edit, what a version stores and what a worker
runs. Field names end in their unit; the file's key is the alias. ``document.py`` reads and checks.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from firesteel.model.authentication import ApiKeyAuth, Authentication
from firesteel.model.quantities import Duration, between
from firesteel.model.section import (
    FunctionText,
    Identifier,
    IntegrationName,
    Json,
    PathText,
    Section,
    Text,
    expression_or,
    refuse,
)
from firesteel.model.steps import (
    Branch,
    CallStep,
    FailStep,
    ForEachStep,
    HttpStep,
    PythonStep,
    Retry,
    SqlStep,
    Statement,
    Step,
    Timeout,
)
from firesteel.model.trigger import (
    BodySchema,
    Idempotency,
    Method,
    OrderedDelivery,
    ParameterType,
    QueryParameter,
    RateLimit,
    RequestResponse,
    Trigger,
)

__all__ = [
    "ApiKeyAuth",
    "Authentication",
    "BodySchema",
    "Branch",
    "CallStep",
    "FailStep",
    "ForEachStep",
    "HttpStep",
    "Idempotency",
    "Integration",
    "Json",
    "Method",
    "OrderedDelivery",
    "ParameterType",
    "PythonStep",
    "QueryParameter",
    "RateLimit",
    "RequestResponse",
    "ResponseTemplate",
    "Retention",
    "Retry",
    "SqlStep",
    "Statement",
    "Step",
    "Trigger",
    "Workflow",
]

MAX_SEARCH_NAMES = 8

_KEPT = between("1h", "36500d")


class Workflow(Section):
    """Either ``python`` (module:function) or ``steps``."""

    timeout_s: Timeout | None = Field(default=None, alias="timeout")
    """Of one attempt; 60s, or the Request-Response timeout if that is longer."""
    retry: Retry = Retry()
    """How attempts are repeated."""
    python: FunctionText | None = None
    """A Python workflow, ``module:function``."""
    steps: Annotated[list[Step], Field(min_length=1)] | None = None
    """The steps, one after the other."""


def _status(value: Any) -> Any:
    checked = expression_or(int)(value)
    if isinstance(checked, int) and not 200 <= checked <= 599:
        raise refuse("status_invalid", "a status is a number from 200 to 599, or an expression")
    return checked


class ResponseTemplate(Section):
    """One of ``body`` and ``text``; ``status`` is a number or an expression."""

    status: Annotated[
        int | str,
        BeforeValidator(_status),
        Field(
            json_schema_extra={
                "anyOf": [
                    {"type": "integer", "minimum": 200, "maximum": 599},
                    {"type": "string"},
                ]
            }
        ),
    ] = 200
    """200 to 599, or an expression."""
    headers: dict[str, Json] = Field(default_factory=dict)
    """Headers by name."""
    body: Json = None
    """A document with expressions, sent as JSON."""
    text: str | None = None
    """A text with expressions, sent as text/plain."""


class Retention(Section):
    """How long messages are kept; left out: as the workspace says."""

    history_s: Annotated[Duration, _KEPT] | None = Field(default=None, alias="history")
    """Executions, their steps and outcomes, such as 30d."""
    payloads_s: Annotated[Duration, _KEPT] | None = Field(default=None, alias="payloads")
    """Bodies, inputs and responses, such as 7d."""
    archive: bool | None = None
    """Whether messages are written to the archive before they go."""


class Integration(Section):
    """One integration: webhook trigger, data processing, workflow and response."""

    name: IntegrationName
    """The last part of the URL; unique in its workspace."""
    description: str | None = None
    """For people."""
    enabled: bool = True
    """Switched off, it answers 404."""
    trigger: Trigger = Trigger()
    """The public endpoint."""
    data_processing: Text | None = None
    """JSONata, without delimiters, over method, query, headers, body, body_text, body_base64,
    body_error and message; left out: ``{"query": query, "body": body}``."""
    workflow: Workflow | None = None
    """The work; left out: messages are only recorded."""
    response: ResponseTemplate | None = None
    """What the caller gets; left out: the last step's or the function's result."""
    search: Annotated[dict[Identifier, PathText], Field(max_length=MAX_SEARCH_NAMES)] = Field(
        default_factory=dict
    )
    """Up to 8 names and paths, indexed, that filter the list of messages."""
    redact: list[Text] = Field(default_factory=list)
    """Paths and header names whose values are replaced before storing."""
    retention: Retention | None = None
    """How long messages are kept."""
