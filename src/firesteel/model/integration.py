"""The integration document: its shape, its defaults, and what each key means.

One class a mapping of the file; `docs/reference/integration-file.md` is the reference. The same
document, as JSON, is what files, REST and console edit, what a version stores and what a worker
runs. Field names end in their unit; the file's key is the alias.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from firesteel.model.quantities import Duration, Rate, Size

Json = Any  # a JSON document, expressions included

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ParameterType = Literal["string", "integer", "number", "boolean", "date"]


class Document(BaseModel):
    """Base of every mapping in the file: unknown keys are faults, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ApiKeyAuth(Document):
    label: str
    value: str | None = None
    expires: str | None = None


class Authentication(Document):
    api_key: ApiKeyAuth


class OrderedDelivery(Document):
    """``key`` None: one lane for the trigger."""

    key: str | None = None
    on_failure: Literal["continue", "pause"] = "continue"


class RequestResponse(Document):
    timeout_s: Duration = Field(30.0, alias="timeout")
    on_timeout: Literal["error", "accepted"] = "error"


class QueryParameter(Document):
    name: str
    type: ParameterType = "string"
    required: bool = False
    default: Json = None
    enum: list[Json] | None = None
    many: bool = False
    description: str | None = None


class RateLimit(Document):
    rate: Rate
    burst: int | None = None
    per: Literal["consumer", "trigger"] = "consumer"


class Idempotency(Document):
    key: str = "headers.idempotency-key"
    window_s: Duration = Field(96 * 3600.0, alias="window")


class BodySchema(Document):
    schema_: Json = Field(alias="schema")


class Trigger(Document):
    """The public endpoint's rules. ``ordered_delivery``, ``request_response``, ``idempotency``
    are None where the file says false, and a filled object where it says true."""

    methods: list[Method] = ["GET", "POST"]
    authentication: list[Authentication] = []
    ordered_delivery: OrderedDelivery | None = None
    request_response: RequestResponse | None = None
    query_parameters: list[QueryParameter] = []
    undeclared: Literal["keep", "reject"] = "keep"
    body: Literal["any", "json", "xml", "form"] | BodySchema = "any"
    max_body_bytes: Size = Field(10 * 1024 * 1024, alias="max_body")
    concurrency: Annotated[int, Field(ge=1)] = 10
    rate_limit: RateLimit | None = None
    max_waiting: Annotated[int, Field(ge=1)] = 1_000_000
    idempotency: Idempotency | None = Idempotency()


class Retry(Document):
    attempts: Annotated[int, Field(ge=1)] = 5
    first_delay_s: Duration = Field(1.0, alias="first_delay")
    factor: float = 2.0
    max_delay_s: Duration = Field(300.0, alias="max_delay")
    give_up_after_s: Duration | None = Field(None, alias="give_up_after")


class Statement(Document):
    statement: str
    parameters: dict[str, Json] = {}
    result: Literal["one", "all", "count"] = "all"


class SqlStep(Document):
    """Either one statement or a ``transaction`` of several."""

    connection: str
    statement: str | None = None
    parameters: dict[str, Json] = {}
    result: Literal["one", "all", "count"] = "all"
    transaction: list[Statement] | None = None
    once: bool = False


class HttpStep(Document):
    connection: str | None = None
    url: str | None = None
    method: str = "GET"
    path: str | None = None
    query: dict[str, Json] = {}
    headers: dict[str, Json] = {}
    json_: Json = Field(None, alias="json")
    form: dict[str, Json] | None = None
    text: str | None = None
    base64: str | None = None
    expect: list[str] = ["200-299"]
    result: Literal["body", "response"] = "body"


class PythonStep(Document):
    """In the file either ``python: module:function`` beside ``arguments``, or a mapping."""

    function: str
    arguments: Json = None


class Branch(Document):
    """``when`` None is the ``otherwise`` branch."""

    when: str | None = None
    steps: list["Step"]


class ForEachStep(Document):
    items: Json
    steps: list["Step"]
    concurrency: int = 1


class CallStep(Document):
    integration: str
    input: Json = None


class FailStep(Document):
    message: str
    permanent: bool = True


class Step(Document):
    """``name`` and exactly one kind (all other kind fields None)."""

    name: str
    when: str | None = None
    timeout_s: Duration | None = Field(None, alias="timeout")
    retry: Retry | None = None
    sql: SqlStep | None = None
    http: HttpStep | None = None
    map: Json = None
    python: PythonStep | None = None
    choose: list[Branch] | None = None
    for_each: ForEachStep | None = None
    call: CallStep | None = None
    fail: FailStep | None = None


class Workflow(Document):
    """Either ``python`` (module:function) or ``steps``."""

    python: str | None = None
    steps: list[Step] | None = None
    timeout_s: Duration | None = Field(None, alias="timeout")
    retry: Retry = Retry()


class ResponseTemplate(Document):
    """One of ``body`` and ``text``; ``status`` is a number or an expression."""

    status: int | str = 200
    headers: dict[str, Json] = {}
    body: Json = None
    text: str | None = None


class Retention(Document):
    history_s: Duration | None = Field(None, alias="history")
    payloads_s: Duration | None = Field(None, alias="payloads")


class Integration(Document):
    name: str
    description: str | None = None
    enabled: bool = True
    trigger: Trigger = Trigger()
    data_processing: str | None = None
    workflow: Workflow | None = None
    response: ResponseTemplate | None = None
    search: dict[str, str] = {}
    redact: list[str] = []
    retention: Retention | None = None
