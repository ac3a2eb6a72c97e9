"""A consumer's own OpenAPI 3.1 document: the triggers that its API keys may call.

It is made of the routes that the gateway uses now, so what it says is what a call meets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from firesteel.admin.callers.answers import (
    SCHEMAS,
    call_answers,
    header_components,
    response_answers,
    status_answers,
)
from firesteel.admin.callers.body_schema import as_component
from firesteel.admin.callers.samples import body_sample, parameter_sample
from firesteel.model.integration import BodySchema
from firesteel.model.quantities import format_rate

if TYPE_CHECKING:
    from firesteel.engine.public_address import PublicAddress
    from firesteel.engine.route import Route
    from firesteel.model.path import Path
    from firesteel.model.trigger import QueryParameter, RateLimit

OPENAPI_VERSION = "3.1.0"
_WITH_BODY = ("POST", "PUT", "PATCH")
_MEDIA = {"json": "application/json", "xml": "application/xml"}
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
}
_SECURITY = {
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The API key.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same API key."},
}
_DESCRIPTION = """How to call the integrations of the workspace {workspace} as {consumer}.

Send your API key as `x-api-key`, or as `Authorization: Bearer`. Every error is a problem \
(RFC 9457) with a stable `type`. Repeat a call whose outcome you do not know with the same \
`Idempotency-Key`: it is done once.
"""


def callable_by(routes: Iterable[Route], workspace: str, consumer: str, now_us: int) -> list[Route]:
    """The triggers of the workspace that are switched on and that a key of this label may call
    now, by name."""
    found = [
        route
        for route in routes
        if route.workspace == workspace
        and route.enabled
        and any(
            key.label == consumer and (key.expires_at_us is None or key.expires_at_us > now_us)
            for key in route.keys.values()
        )
    ]
    return sorted(found, key=lambda route: route.name)


def consumer_document(
    routes: list[Route], *, workspace: str, consumer: str, public: PublicAddress
) -> dict[str, Any]:
    """The document of these triggers, which all are of the workspace. Its version grows with every
    publication of one of them."""
    paths: dict[str, Any] = {}
    schemas = dict(SCHEMAS)
    for route in routes:
        paths |= trigger_paths(route)
        if isinstance(route.trigger.body, BodySchema):
            schemas[body_name(route)] = as_component(route.trigger.body.schema_, body_name(route))
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": f"{workspace}: API for {consumer}",
            "version": str(sum(route.version for route in routes)),
            "description": _DESCRIPTION.format(workspace=workspace, consumer=consumer),
        },
        "servers": [{"url": public.url}],
        "tags": [_tag(route) for route in routes],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": header_components(),
            "securitySchemes": _SECURITY,
        },
    }


def trigger_paths(route: Route) -> dict[str, Any]:
    """The trigger's path and those of its messages."""
    path = f"/{route.workspace}/{route.name}"
    return {
        path: {method.lower(): _call(route, method) for method in route.trigger.methods},
        f"{path}/messages/{{id}}": {
            "get": _about_message(route, "status", "The state of a message", status_answers(route))
        },
        f"{path}/messages/{{id}}/response": {
            "get": _about_message(
                route, "response", "The stored response of a message", response_answers(route)
            )
        },
    }


def body_name(route: Route) -> str:
    """The component of the trigger's JSON Schema."""
    return f"{route.name}.Body"


def _tag(route: Route) -> dict[str, Any]:
    text = route.integration.description
    return {"name": route.name, **({"description": text} if text else {})}


def _call(route: Route, method: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [route.name],
        "operationId": f"{route.name}.{method.lower()}",
        "summary": route.integration.description or f"Call {route.name}",
        "description": _behaviour(route),
        "parameters": [*_query(route), *_headers(route)],
        "security": _security(route),
    }
    if method in _WITH_BODY or route.trigger.body != "any":
        operation["requestBody"] = _body(route)
    operation["responses"] = call_answers(route)
    return operation


def _about_message(
    route: Route, what: str, summary: str, answers: dict[str, Any]
) -> dict[str, Any]:
    identifier = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "Id of the message, as `Firesteel-Message-Id` gave it.",
        "schema": {"type": "string"},
    }
    return {
        "tags": [route.name],
        "operationId": f"{route.name}.{what}",
        "summary": summary,
        "parameters": [identifier],
        "security": _security(route),
        "responses": answers,
    }


def _security(route: Route) -> list[dict[str, Any]]:
    return [] if route.open else [{"api_key": []}, {"bearer": []}]


def _behaviour(route: Route) -> str:
    trigger = route.trigger
    said = []
    if trigger.request_response is None:
        said.append("Answered with 202 as soon as the message is stored; its workflow runs then.")
    else:
        wait_s = trigger.request_response.timeout_s
        said.append(f"Waits for the workflow's response, {wait_s:g} s at most.")
    if trigger.ordered_delivery is not None:
        path = trigger.ordered_delivery.key
        one = "Messages run one after the other, in the order in which they were accepted"
        said.append(f"{one}{f', for each value of `{path}`' if path else ''}.")
        most = trigger.ordered_delivery.max_length
        if most is not None:
            said.append(
                f"While {most} of them have not ended{', of one value' if path else ''}, "
                "more are refused with 429."
            )
    if trigger.rate_limit is not None:
        said.append(_rate(trigger.rate_limit))
    if trigger.undeclared == "reject":
        said.append("Query parameters that are not listed here are refused.")
    return " ".join(said)


def _rate(rule: RateLimit) -> str:
    whose = "you" if rule.per == "consumer" else "all callers together"
    return (
        f"Takes `{format_rate(rule.rate)}` of {whose}: `RateLimit` tells what is left, and one "
        "call too many is refused with 429."
    )


def _query(route: Route) -> list[dict[str, Any]]:
    declared = [_parameter(item) for item in route.trigger.query_parameters]
    names = {item["name"] for item in declared}
    path = route.lane_path
    if path is not None and path.root == "query" and path.parts[0] not in names:
        text = "Names the lane: messages of one value run in order."
        declared.append(_plain(path.parts[0], "query", text, required=True))
    return declared


def _parameter(item: QueryParameter) -> dict[str, Any]:
    schema = dict(_TYPES[item.type])
    if item.enum is not None:
        schema["enum"] = list(item.enum)
    if item.many:
        schema = {"type": "array", "items": schema}
    if item.default is not None:
        schema["default"] = item.default
    described: dict[str, Any] = {"name": item.name, "in": "query", "required": item.required}
    if item.description:
        described["description"] = item.description
    if item.many:
        described |= {"style": "form", "explode": True}
    return {**described, "schema": schema, "example": parameter_sample(item)}


def _headers(route: Route) -> list[dict[str, Any]]:
    trigger, found = route.trigger, []
    if _is_header(route.lane_path):
        text = "Names the lane: messages of one value run in order."
        found.append(_header(route.lane_path, text, required=True))
    if _is_header(route.idempotency_path):
        text = "The same value means the same call: it is done once."
        found.append(_header(route.idempotency_path, text, required=False))
    if trigger.request_response is not None:
        text = "`respond-async`: answer with 202 at once. `wait=5`: wait 5 s at most, then 202."
        found.append(_plain("Prefer", "header", text, required=False))
    return found


def _is_header(path: Path | None) -> bool:
    return path is not None and path.root == "headers"


def _header(path: Path | None, text: str, *, required: bool) -> dict[str, Any]:
    assert path is not None
    return _plain(path.parts[0].title(), "header", text, required=required)


def _plain(name: str, place: str, text: str, *, required: bool) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": text,
        "schema": {"type": "string"},
    }


def _body(route: Route) -> dict[str, Any]:
    mode = route.trigger.body
    content: dict[str, Any]
    if isinstance(mode, BodySchema):
        reference = {"$ref": f"#/components/schemas/{body_name(route)}"}
        example = body_sample(mode.schema_)
        shown = {} if example is None else {"example": example}
        content = {"application/json": {"schema": reference, **shown}}
    elif mode == "form":
        content = {media: {"schema": {"type": "object"}} for media in _FORMS}
    else:
        content = {_MEDIA.get(mode, "*/*"): {"schema": {}}}
    path = route.lane_path
    described: dict[str, Any] = {"content": content}
    if path is not None and path.root == "body":
        described["description"] = f"`{path.text}` names the lane and must be there."
    return {**described, "required": mode != "any"}
