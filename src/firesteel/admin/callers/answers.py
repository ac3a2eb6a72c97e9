"""What a trigger answers, as OpenAPI describes it: 202, the workflow's response, problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firesteel.admin.problems import PROBLEM_SCHEMA
from firesteel.model.problem import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX
from firesteel.model.template import OPEN, whole_expression

if TYPE_CHECKING:
    from firesteel.engine.route import Route
    from firesteel.model.integration import ResponseTemplate

_ID = "0194b1c4-6b0e-7a10-8f00-0123456789ab"
_UNABLE = (
    *("store_unavailable", "store_unsafe", "outcome_unknown"),
    *("node_stopping", "disk_full", "overloaded"),
)
_ENDED = ("execution_failed", "execution_cancelled", "execution_skipped")
_OWN_ADDRESSES = ("not_found", "internal_error", "store_unavailable")
_BEFORE_THE_RATE = ("401", "404", "405", "413")
"""What is refused before the rate is looked at, and so tells nothing of it."""

SCHEMAS: dict[str, Any] = {
    "Accepted": {
        "type": "object",
        "description": "The message is stored; its workflow runs.",
        "required": ["id", "sequence", "status_url"],
        "properties": {
            "id": {"type": "string", "description": "Id of the message."},
            "sequence": {"type": "integer", "description": "Its number in its trigger."},
            "status_url": {"type": "string", "description": "Where its state is."},
        },
    },
    "MessageStatus": {
        "type": "object",
        "description": "The state of a message.",
        "required": ["id", "sequence", "state", "received_at", "settled_at", "attempts"],
        "properties": {
            "id": {"type": "string"},
            "sequence": {"type": "integer"},
            "state": {
                "enum": ["waiting", "running", "succeeded", "failed", "cancelled", "skipped"]
            },
            "received_at": {"type": "string", "format": "date-time"},
            "settled_at": {"type": ["string", "null"], "format": "date-time"},
            "attempts": {"type": "integer"},
            "response": {
                "description": "Of the workflow; null while there is none.",
                "type": ["object", "null"],
                "properties": {"status": {"type": "integer"}, "headers": {"type": "object"}},
            },
        },
    },
    "Problem": {
        **PROBLEM_SCHEMA,
        "properties": {
            **PROBLEM_SCHEMA["properties"],
            "id": {"type": "string", "description": "Of the message, once there is one."},
            "status_url": {"type": "string", "description": "Where its state is then."},
        },
    },
}

HEADERS: dict[str, Any] = {
    "Request-Id": ("Names this call in the logs; the caller's own where it sent one.", "string"),
    "Firesteel-Message-Id": ("Id of the message.", "string"),
    "Firesteel-Sequence": ("Number of the message in its trigger.", "integer"),
    "Firesteel-Duplicate": ("`true`: the answer of an earlier call with the same key.", "string"),
    "Location": ("The same as `status_url`.", "string"),
    "Retry-After": ("Seconds after which to call again.", "integer"),
    "RateLimit-Policy": (
        "So many calls `q` may come at once, and as many again after `w` seconds.",
        "string",
    ),
    "RateLimit": (
        "So many calls `r` are left now, and there is one more in `t` seconds.",
        "string",
    ),
    "Allow": ("The methods that the trigger takes.", "string"),
}


def header_components() -> dict[str, Any]:
    """``components/headers``."""
    return {
        name: {"description": text, "schema": {"type": type_}}
        for name, (text, type_) in HEADERS.items()
    }


def call_answers(route: Route) -> dict[str, Any]:
    """Every answer of a call of the trigger, by status."""
    found: dict[str, Any] = {}
    waiting = route.trigger.request_response
    if waiting is not None:
        found |= _responses(route)
    found["202"] = _accepted(route, waits=waiting is not None)
    found |= problem_answers(call_codes(route))
    if route.trigger.rate_limit is not None:
        for status, answer in found.items():
            if status not in _BEFORE_THE_RATE:
                answer["headers"] |= _headers("RateLimit-Policy", "RateLimit")
    return found


def call_codes(route: Route) -> list[str]:
    """The codes of the problems that a call of this trigger may get."""
    trigger = route.trigger
    codes = ["bad_request", "invalid_parameters", "not_found", "method_not_allowed"]
    codes += _unknown_callers(route)
    codes += ["body_invalid"] if trigger.body != "any" else []
    codes += ["missing_key"] if route.lane_path is not None else []
    codes += ["body_too_large", *(["rate_limited"] if trigger.rate_limit else []), "lane_full"]
    codes += ["idempotency_mismatch"] if trigger.idempotency else []
    if trigger.request_response is not None:
        codes += ["input_invalid", *_ENDED]
        codes += ["response_gone"] if trigger.idempotency else []
        codes += ["response_timeout"] if trigger.request_response.on_timeout == "error" else []
    return [*codes, "internal_error", *_UNABLE]


def _unknown_callers(route: Route) -> list[str]:
    """What whoever shows no right credential gets, and after many wrong ones anybody there."""
    return [] if route.open else ["unauthorized", "attempts_limited"]


def status_answers(route: Route) -> dict[str, Any]:
    """Answers of the status route."""
    return {
        "200": {
            "description": "The state of the message.",
            "headers": _headers("Request-Id", "Firesteel-Message-Id", "Firesteel-Sequence"),
            "content": _json("MessageStatus", _STATUS_EXAMPLE),
        },
        **problem_answers([*_OWN_ADDRESSES, *_unknown_callers(route)]),
    }


def response_answers(route: Route) -> dict[str, Any]:
    """Answers of the response route."""
    return {
        "202": {
            "description": "There is no response yet.",
            "headers": _headers("Request-Id", "Retry-After"),
            "content": _json("MessageStatus", {**_STATUS_EXAMPLE, "state": "running"}),
        },
        "default": {"description": "The response itself, as the caller would have had it."},
        **problem_answers([*_OWN_ADDRESSES, *_unknown_callers(route), "response_gone"]),
    }


def problem_answers(codes: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Problems by status, each with its meaning and an example."""
    found: dict[str, Any] = {}
    for code in sorted(codes, key=lambda code: PROBLEMS[code].status):
        kind = PROBLEMS[code]
        answer = found.setdefault(str(kind.status), _problem(kind.status))
        answer["description"] = f"{answer['description']}\n\n`{code}`: {kind.meaning}".strip()
        answer["content"][MEDIA_TYPE]["examples"][code] = {
            "value": {
                "type": TYPE_PREFIX + code,
                "title": kind.title,
                "status": kind.status,
                "detail": kind.meaning,
                "instance": f"urn:firesteel:request:{_ID}",
            }
        }
    return found


def _problem(status: int) -> dict[str, Any]:
    more = {405: ["Allow"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
    return {
        "description": "",
        "headers": _headers("Request-Id", *more),
        "content": {MEDIA_TYPE: content},
    }


def _accepted(route: Route, *, waits: bool) -> dict[str, Any]:
    text = "The message is stored durably, and its workflow runs."
    if waits:
        text += " Only where `Prefer` asks for it"
        rule = route.trigger.request_response
        late = ", or when the workflow has not answered in time."
        text += late if rule and rule.on_timeout == "accepted" else "."
    example = {
        "id": _ID,
        "sequence": 7,
        "status_url": f"/{route.workspace}/{route.name}/messages/{_ID}",
    }
    return {
        "description": text,
        "headers": _headers(*_message_headers(route), "Location"),
        "content": _json("Accepted", example),
    }


def _message_headers(route: Route) -> list[str]:
    duplicate = ["Firesteel-Duplicate"] if route.trigger.idempotency else []
    return ["Request-Id", "Firesteel-Message-Id", "Firesteel-Sequence", *duplicate]


def _responses(route: Route) -> dict[str, Any]:
    """The workflow's own response."""
    template = route.integration.response
    answer: dict[str, Any] = {
        "description": "The workflow's response.",
        "headers": _headers(*_message_headers(route)),
    }
    if template is None:
        whole = {**answer, "content": {"*/*": {}}}
        return {"200": whole, "204": {**answer, "description": "The workflow gave no result."}}
    answer["content"] = _content(template)
    if isinstance(template.status, int):
        return {str(template.status): answer}
    answer["description"] += " Its status is decided by the workflow."
    return {"2XX": answer, "default": answer}


def _content(template: ResponseTemplate) -> dict[str, Any]:
    if template.text is not None:
        media, schema = "text/plain", {"type": "string"}
    else:
        media, schema = "application/json", template_schema(template.body)
    for name, value in template.headers.items():
        if name.lower() == "content-type" and isinstance(value, str) and OPEN not in value:
            media = value
    return {media: {"schema": schema}}


def template_schema(body: Any) -> dict[str, Any]:
    """The shape of what a response's ``body`` yields; expressions may yield anything."""
    if isinstance(body, dict):
        return {
            "type": "object",
            "properties": {str(name): template_schema(inner) for name, inner in body.items()},
        }
    if isinstance(body, list):
        return {"type": "array"}
    if isinstance(body, str):
        if whole_expression(body) is not None:
            return {}
        return {"type": "string"} if OPEN in body else {"const": body}
    return {} if body is None else {"const": body}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _json(schema: str, example: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"application/json": {"schema": reference, "example": example}}


_STATUS_EXAMPLE = {
    "id": _ID,
    "sequence": 7,
    "state": "succeeded",
    "received_at": "2027-06-30T10:15:00.123456Z",
    "settled_at": "2027-06-30T10:15:00.150000Z",
    "attempts": 1,
    "response": {"status": 201, "headers": {"content-type": "application/json"}},
}
