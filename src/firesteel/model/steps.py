"""The steps of a workflow: one class a kind, and what each may hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    model_serializer,
)

from firesteel.model.quantities import Duration, between
from firesteel.model.section import (
    ConnectionName,
    Count,
    ExpressionText,
    FunctionText,
    Identifier,
    IntegrationName,
    Json,
    Section,
    Text,
    expression_or,
    refuse,
)

if TYPE_CHECKING:
    from pydantic_core.core_schema import SerializerFunctionWrapHandler

ResultKind = Literal["one", "all", "count"]
HttpMethod = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
StepKind = Literal["sql", "http", "map", "python", "choose", "for_each", "call", "fail"]

STEP_KINDS: tuple[StepKind, ...] = (
    "sql",
    "http",
    "map",
    "python",
    "choose",
    "for_each",
    "call",
    "fail",
)

_STATUSES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", re.ASCII)

Timeout = Annotated[Duration, between("1ms", "24h")]
Delay = Annotated[Duration, between("0s", "30d")]


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


class Retry(Section):
    """How often and how late an attempt is repeated; delays have a jitter of 20 % either way."""

    attempts: Count = 5
    """How many attempts may end with an error of unknown kind; transient errors do not count."""
    first_delay_s: Delay = Field(default=1.0, alias="first_delay")
    """Before the second attempt."""
    factor: Annotated[float, Field(ge=1, le=100), PlainSerializer(_whole)] = 2.0
    """By which the delay grows."""
    max_delay_s: Delay = Field(default=300.0, alias="max_delay")
    """The longest delay."""
    give_up_after_s: Delay | None = Field(default=None, alias="give_up_after")
    """How long transient errors are retried; 24h, with Request-Response its timeout."""


class Statement(Section):
    """One SQL statement; values are always bound."""

    statement: Text
    """SQL with ``:name`` for each parameter."""
    parameters: dict[str, Json] = Field(default_factory=dict)
    """Values by name."""
    result: ResultKind = "all"
    """The first row or null, all rows, or the number of rows touched."""


class SqlStep(Section):
    """Either one statement, or a ``transaction`` of several."""

    connection: ConnectionName
    """A connection of connections.yaml."""
    statement: Text | None = None
    """SQL with ``:name`` for each parameter."""
    parameters: dict[str, Json] = Field(default_factory=dict)
    """Values by name."""
    result: ResultKind = "all"
    """The first row or null, all rows, or the number of rows touched."""
    transaction: Annotated[list[Statement], Field(min_length=1)] | None = None
    """Statements in one database transaction."""
    once: bool = False
    """The effect happens exactly once, by a marker row in the same transaction."""


def _expected(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _statuses(value: str) -> str:
    match = _STATUSES.fullmatch(value)
    if match is None or (match.group(2) and match.group(2) < match.group(1)):
        raise refuse("status_invalid", "must be a status or a range of them", "such as 200-299")
    return value


def _expected_written(value: str) -> int | str:
    return int(value) if value.isdigit() else value


ExpectedStatus = Annotated[
    str,
    BeforeValidator(_expected, json_schema_input_type=int | str),
    AfterValidator(_statuses),
    PlainSerializer(_expected_written),
]


class HttpStep(Section):
    """A call of another system: ``connection`` or ``url``, and at most one kind of body."""

    connection: ConnectionName | None = None
    """A connection of connections.yaml."""
    url: Text | None = None
    """The whole address, instead of a connection."""
    method: HttpMethod = "GET"
    """The method."""
    path: Text | None = None
    """Below the connection's address."""
    query: dict[str, Json] = Field(default_factory=dict)
    """Query parameters by name; a list sends one several times."""
    headers: dict[str, Json] = Field(default_factory=dict)
    """Headers by name, beside those of the connection."""
    json_: Json = Field(default=None, alias="json")
    """A body of JSON."""
    form: dict[str, Json] | None = None
    """A body of form fields."""
    text: str | None = None
    """A body of text."""
    base64: str | None = None
    """A body of bytes, as base64."""
    expect: Annotated[list[ExpectedStatus], Field(min_length=1)] = Field(default=["200-299"])
    """Statuses that are a success; any other is an error."""
    result: Literal["body", "response"] = "body"
    """The parsed body, or ``{status, headers, body}``."""


class PythonStep(Section):
    """A Python function; in a file ``python: module:function`` beside ``arguments``."""

    function: FunctionText
    """``module:function``."""
    arguments: Json = None
    """Passed to the function."""


class Branch(Section):
    """``when`` None is the ``otherwise`` branch."""

    when: ExpressionText | None = None
    """The branch is taken when this is true."""
    steps: Annotated[list[Step], Field(min_length=1)]
    """What is done then."""

    @classmethod
    def normalised(cls, written: dict[str, Any]) -> dict[str, Any]:
        """``otherwise`` becomes ``steps`` without ``when``."""
        otherwise = written.pop("otherwise", None)
        if otherwise is not None:
            written.setdefault(
                "steps", otherwise
            )  # beside when or steps: a fault of workflow_rules
        return written

    @classmethod
    def keys(cls) -> list[str]:
        """Those of both forms of a branch."""
        return ["when", "steps", "otherwise"]

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        if self.when is None and "steps" in written:
            return {"otherwise": written["steps"]}
        return written


class ForEachStep(Section):
    """Steps for each item of a list; they see ``item`` and ``index`` (from 0)."""

    items: Annotated[Json, AfterValidator(expression_or(list))]
    """An expression that yields a list, or a list."""
    steps: Annotated[list[Step], Field(min_length=1)]
    """What is done for each item; journaled per item."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 1
    """Items at once."""


class CallStep(Section):
    """The workflow of another integration of the workspace, inside this execution."""

    integration: IntegrationName
    """Its name."""
    input: Json = None
    """The input of its workflow."""


class FailStep(Section):
    """Ends the attempt with an error."""

    message: Text
    """The text of the error; callers see it where it is permanent."""
    permanent: bool = True
    """No retry; false: the execution is tried again."""


class Step(Section):
    """``name`` and exactly one kind (all other kind fields None)."""

    name: Identifier
    """Unique in the workflow; later steps see the result as ``steps.<name>``."""
    when: ExpressionText | None = None
    """The step is left out unless this is true."""
    timeout_s: Timeout | None = Field(default=None, alias="timeout")
    """Of this step, in one attempt."""
    retry: Retry | None = None
    """How this step is repeated before the attempt ends."""
    sql: SqlStep | None = None
    """Asks or changes a database."""
    http: HttpStep | None = None
    """Calls another system."""
    map: Json = None
    """An expression, or a document of expressions."""
    python: PythonStep | None = None
    """Calls a Python function."""
    choose: Annotated[list[Branch], Field(min_length=1)] | None = None
    """The first branch whose ``when`` is true."""
    for_each: ForEachStep | None = None
    """Steps for each item of a list."""
    call: CallStep | None = None
    """Another integration's workflow."""
    fail: FailStep | None = None
    """Ends the attempt with an error."""

    @property
    def kind(self) -> StepKind:
        """Which kind this step is; ValueError for an object that was made without one."""
        for kind in STEP_KINDS:
            if getattr(self, kind) is not None:
                return kind
        raise ValueError(f"the step {self.name} has no kind")

    @classmethod
    def normalised(cls, written: dict[str, Any]) -> dict[str, Any]:
        """``arguments`` goes into the python step beside which it stands."""
        arguments = written.pop("arguments", None)  # without python: a fault of workflow_rules
        if isinstance(written.get("python"), str):
            function = {"function": written["python"], "arguments": arguments}
            written["python"] = {key: value for key, value in function.items() if value is not None}
        return written

    @classmethod
    def keys(cls) -> list[str]:
        """The fields, and ``arguments`` beside ``python``."""
        return [*super().keys(), "arguments"]

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The file's form: ``arguments`` beside ``python``."""
        written: dict[str, Any] = handler(self)
        python = written.get("python")
        # pydantic runs the serializer of a class that holds itself twice: flat already.
        if isinstance(python, dict):
            written["python"] = python["function"]
            if "arguments" in python:
                written["arguments"] = python["arguments"]
        return written
