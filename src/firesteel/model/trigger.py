"""The webhook trigger of an integration: who may call, how, and what is kept in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WrapSerializer,
)

from firesteel.model.authentication import (
    NETWORKS_MOST,
    Authentication,
    HandshakeName,
    MetaHandshake,
    NetworkText,
)
from firesteel.model.cors import Cors
from firesteel.model.quantities import Duration, Rate, Size, between
from firesteel.model.section import (
    Count,
    Json,
    PathText,
    Section,
    Text,
    refuse,
)

if TYPE_CHECKING:
    from pydantic_core.core_schema import SerializerFunctionWrapHandler

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
ParameterType = Literal["string", "integer", "number", "boolean", "date"]

BodyMode = Literal["any", "json", "xml", "form"]

MAX_BODY = "100MiB"
DEFAULT_IDEMPOTENCY_KEY = "headers.idempotency-key"
WINDOW_MOST = "30d"
LANE_MOST = 100_000


class OrderedDelivery(Section):
    """Messages run one after the other; ``key`` None: one lane for the whole trigger."""

    key: PathText | None = None
    """The path whose value names the lane, such as ``body.customer_no``."""
    on_failure: Literal["continue", "pause"] = "continue"
    """When the head of a lane has finally failed: the next one starts, or the lane stops."""
    max_length: Annotated[int, Field(ge=1, le=LANE_MOST)] | None = None
    """Messages that may stand in one lane, the one that runs included; more are 429."""


class RequestResponse(Section):
    """The call waits for the workflow's response."""

    timeout_s: Annotated[Duration, between("1s", "15m")] = Field(default=30.0, alias="timeout")
    """How long a call waits, 1s to 15m."""
    on_timeout: Literal["error", "accepted"] = "error"
    """What the call gets then: 504, or 202."""


class QueryParameter(Section):
    """A declared query parameter. ``default`` and ``enum`` are values of ``type``: texts for
    string and date (YYYY-MM-DD), and a list of them where ``many``.
    """

    name: Annotated[Text, Field(max_length=200)]
    """As in the URL; case-sensitive."""
    type: ParameterType = "string"
    """integer ``-?[0-9]+``, number as in JSON, boolean ``true false 1 0``, date YYYY-MM-DD."""
    required: bool = False
    """Without it: 400."""
    default: Json = None
    """The value when the parameter is not sent; for a string as written."""
    enum: Annotated[list[Json], Field(min_length=1)] | None = None
    """The values that are taken; any other is 400."""
    many: bool = False
    """May be sent several times; the value is then always a list."""
    description: str | None = None
    """For people."""


class RateLimit(Section):
    """``burst`` None: what ``rate`` allows in one second, at least 1."""

    rate: Rate
    """Such as ``100/s``, ``20/m``, ``1000/h``."""
    burst: Count | None = None
    """How many calls may come at once."""
    per: Literal["consumer", "trigger"] = "consumer"
    """Whose calls are counted together."""


class Idempotency(Section):
    """Calls of one consumer with one key, within the window, make one execution."""

    key: PathText = DEFAULT_IDEMPOTENCY_KEY
    """The path of the key; a call without one is never a duplicate."""
    window_s: Annotated[Duration, between("1s", WINDOW_MOST)] = Field(
        default=96 * 3600.0, alias="window"
    )
    """How long a key is remembered, up to 30d."""


def _schema(value: Any) -> Any:
    if not isinstance(value, dict | bool):
        raise refuse("schema_invalid", "a JSON Schema is a mapping, true or false")
    return value


class BodySchema(Section):
    """The body must be JSON that fits a JSON Schema."""

    schema_: Annotated[Json, AfterValidator(_schema)] = Field(alias="schema")
    """A JSON Schema; ``$ref`` within itself only."""


def _switch(what: str, *, true: bool) -> BeforeValidator:
    """``false`` is None; ``true`` (where it may stand) is the mapping with its defaults."""

    def read(value: Any) -> Any:
        if value is False:
            return None
        if value is True and true:
            return {}
        if value is True or isinstance(value, str | int | float | list):
            first, hint = ("false, true", "") if true else ("false", "left out, it is on")
            raise refuse("wrong_type", f"must be {first} or {what}", hint)
        return value

    return BeforeValidator(read)


def _switched(value: Any, handler: SerializerFunctionWrapHandler) -> Any:
    return False if value is None else handler(value) or True


def _switched_off(value: Any, handler: SerializerFunctionWrapHandler) -> Any:
    return False if value is None else handler(value)


def _rate_alone(value: Any) -> Any:
    return {"rate": value} if isinstance(value, str | int | float) else value


def _rate_written(value: Any, handler: SerializerFunctionWrapHandler) -> Any:
    written = handler(value)
    return written["rate"] if isinstance(written, dict) and set(written) == {"rate"} else written


def _body_mode(value: Any) -> Any:
    modes = ("any", "json", "xml", "form")
    if isinstance(value, dict | BodySchema) or value in modes:
        return value
    raise refuse("not_allowed", "must be any, json, xml, form or {schema: ...}", "")


def _body_kind(value: Any) -> str:
    return "mode" if isinstance(value, str) else "mapping"


def _handshake(value: Any) -> Any:
    names = get_args(HandshakeName)
    if isinstance(value, dict | MetaHandshake) or value in names:
        return value
    hint = "such as meta: {verify_token: ${NAME}}" if value == "meta" else ""
    raise refuse("not_allowed", f"must be {', '.join(names)} or {{meta: ...}}", hint)


def _handshake_kind(value: Any) -> str:
    return "name" if isinstance(value, str) else "mapping"


class Trigger(Section):
    """The public endpoint's rules. ``ordered_delivery``, ``request_response`` and ``idempotency``
    are None where the file says false, and a filled object where it says true.
    """

    methods: Annotated[list[Method], Field(min_length=1)] = Field(default=["GET", "POST"])
    """The methods taken; any other is 405."""
    authentication: list[Authentication] = Field(default_factory=list)
    """Who may call; empty: anybody."""
    allowed_addresses: (
        Annotated[list[NetworkText], Field(min_length=1, max_length=NETWORKS_MOST)] | None
    ) = None
    """Networks from which calls may come, beside the authentication; others get the same 401."""
    handshakes: list[
        Annotated[
            Annotated[HandshakeName, Tag("name")] | Annotated[MetaHandshake, Tag("mapping")],
            Discriminator(_handshake_kind),
            BeforeValidator(_handshake),
        ]
    ] = Field(default_factory=list)
    """By which a provider confirms the URL; the node answers them, and no message is made."""
    cors: Cors | None = None
    """From which web pages browsers may call, and read the answers; none: from no page."""
    ordered_delivery: Annotated[
        OrderedDelivery | None,
        _switch("{key, on_failure}", true=True),
        WrapSerializer(_switched),
    ] = None
    """Whether messages run one after the other, in one lane or in one per key."""
    request_response: Annotated[
        RequestResponse | None,
        _switch("{timeout, on_timeout}", true=True),
        WrapSerializer(_switched),
    ] = None
    """Whether the call waits for the workflow's response."""
    query_parameters: list[QueryParameter] = Field(default_factory=list)
    """The declared query parameters."""
    undeclared: Literal["keep", "reject"] = "keep"
    """What becomes of query parameters that are not declared: kept as texts, or 400."""
    body: Annotated[
        Annotated[BodyMode, Tag("mode")] | Annotated[BodySchema, Tag("mapping")],
        Discriminator(_body_kind),
        BeforeValidator(_body_mode),
    ] = "any"
    """What the body must be; anything else is 400."""
    concurrency: Count = 10
    """Executions at once over all nodes; each lane of an ordered trigger has at most 1."""
    rate_limit: Annotated[
        RateLimit | None, BeforeValidator(_rate_alone), WrapSerializer(_rate_written)
    ] = None
    """Calls over it are 429."""
    max_body_bytes: Annotated[Size, between("1B", MAX_BODY)] = Field(
        default=10 * 1024 * 1024, alias="max_body"
    )
    """The largest body taken, up to 100MiB; above it 413."""
    max_waiting: Count = 1_000_000
    """Messages that may wait; calls over it are 429."""
    idempotency: Annotated[
        Idempotency | None,
        _switch("{key, window}", true=False),
        WrapSerializer(_switched_off),
    ] = Idempotency()
    """How duplicates are recognised; false: not at all."""
