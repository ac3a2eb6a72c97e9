"""Every error of the REST API as a problem (RFC 9457), and how OpenAPI describes them."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from firesteel.admin.bodies.exact_json import BodyInvalid
from firesteel.admin.refusing import tell_refused
from firesteel.errors import FiresteelError
from firesteel.model.execution import InputFault
from firesteel.model.problem import MEDIA_TYPE, PROBLEMS, Problem

if TYPE_CHECKING:
    from starlette.requests import Request

_PARAMETER = re.compile(r"\{[^}]*\}")
_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}
_MOST_ERRORS = 100
_ANYWHERE = ("unauthorized", "forbidden", "invalid_request", "store_unavailable", "internal_error")

log = structlog.get_logger(__name__)

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "urn:firesteel:<code>, stable."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names this occurrence, also in the log."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, into the body."},
                    "parameter": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def answer_errors(app: FastAPI) -> None:
    """Let every error of the application be answered as a problem."""
    app.add_exception_handler(FiresteelError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """What a route adds to OpenAPI: its own problems beside those that every route has."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in (*_ANYWHERE, *codes):
        kind = PROBLEMS[code]
        described = found.setdefault(kind.status, {"description": "", "content": {}})
        text = f"`{code}`: {kind.meaning}"
        described["description"] = f"{described['description']} {text}".strip()
        content = described["content"].setdefault(MEDIA_TYPE, _content())
        content["examples"][code] = {"value": _example(code)}
    return found


def _content() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}


def _example(code: str) -> dict[str, Any]:
    kind = PROBLEMS[code]
    return {
        "type": f"urn:firesteel:{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.meaning,
        "instance": "urn:uuid:6f1c2a52-53bb-4c1e-9a0e-0d6f3f0f8a11",
    }


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, FiresteelError)
    code = error.code
    if code not in PROBLEMS:
        return await _unexpected(request, error)
    await tell_refused(request.scope, request.app.state.accounts, error)
    faults = getattr(error, "faults", ())
    retry_after_s = getattr(error, "retry_after_s", None)
    errors = list(faults)[:_MOST_ERRORS]
    return _response(Problem(code, error.detail, errors=errors, retry_after_s=retry_after_s))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = []
    for item in error.errors()[:_MOST_ERRORS]:
        place, *rest = item["loc"]
        pointer = "".join(f"/{part}" for part in rest)
        faults.append(
            InputFault(
                pointer if place == "body" else f"/{place}{pointer}", item["type"], item["msg"]
            )
        )
    return _response(Problem("invalid_request", errors=faults))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "invalid_request")
    if code == "method_not_allowed":
        detail = "There is something at this address, but not by this method; see Allow."
        return _response(Problem(code, detail, headers=(("allow", _allowed(request)),)))
    headers = tuple((error.headers or {}).items())
    faults = error.faults if isinstance(error, BodyInvalid) else ()
    return _response(Problem(code, headers=headers, errors=faults))


def _allowed(request: Request) -> str:
    """The methods of all routes at this address: Starlette tells those of the first one only. The
    path of which most is written out counts before others, as OpenAPI has it."""
    found: dict[tuple[int, int], set[str]] = {}
    for context in iter_route_contexts(request.app.routes):
        path = context.path or ""
        pattern, _, _ = compile_path(path)
        if pattern.match(request.scope["path"]):
            parameters = _PARAMETER.findall(path)
            written_out = len(path) - sum(map(len, parameters))
            found.setdefault((len(parameters), -written_out), set()).update(context.methods or ())
    return ", ".join(sorted(found[min(found)])) if found else ""


async def _unexpected(_request: Request, error: Exception) -> Response:
    problem, instance = Problem("internal_error"), f"urn:uuid:{uuid.uuid4()}"
    log.error("request_failed", instance=instance, exc_info=error)
    return _response(problem, instance)


def _response(problem: Problem, instance: str | None = None) -> Response:
    body = problem.body(instance or f"urn:uuid:{uuid.uuid4()}")
    headers = {name: value for name, value in problem.all_headers() if name != "content-type"}
    return Response(body, problem.status, headers, media_type=MEDIA_TYPE)
