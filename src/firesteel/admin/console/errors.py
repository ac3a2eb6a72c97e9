"""Errors as pages for people: what happened, and what to do next. Codes are the REST API's."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from firesteel.admin.console.page import fragment, from_htmx, render
from firesteel.admin.refusing import tell_refused
from firesteel.errors import FiresteelError
from firesteel.model.problem import PROBLEMS

if TYPE_CHECKING:
    from starlette.requests import Request

_BY_STATUS: Final = {404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}
_NEXT: Final = {
    403: "Ask an administrator for the right, or go back.",
    404: "It may have been removed or renamed. The navigation leads to everything there is.",
    409: "Look at what is there now, and try again.",
    412: "Look at what is there now, and try again.",
    503: "Try again in a moment. What was accepted is safe.",
}
_TITLES: Final = {"not_found": "There is no such page"}

log = structlog.get_logger(__name__)


def answer_errors(app: FastAPI) -> None:
    """Let every error of the console be answered as a page."""
    app.add_exception_handler(FiresteelError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, FiresteelError)
    if error.code not in PROBLEMS:
        return await _unexpected(request, error)
    await tell_refused(request.scope, request.app.state.accounts, error)
    faults = [fault.detail for fault in getattr(error, "faults", ())]
    return await _page(request, error.code, error.detail, faults=faults)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{item['loc'][-1]}: {item['msg']}" for item in error.errors()]
    return await _page(request, "invalid_request", "", faults=faults)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return await _page(request, _BY_STATUS.get(error.status_code, "invalid_request"), "")


async def _unexpected(request: Request, error: Exception) -> Response:
    instance = f"urn:uuid:{uuid.uuid4()}"
    log.error("page_failed", instance=instance, exc_info=error)
    return await _page(request, "internal_error", f"The log names it {instance}.")


async def _page(
    request: Request, code: str, detail: str, *, faults: list[str] | None = None
) -> Response:
    kind = PROBLEMS[code]
    values: dict[str, Any] = {
        "code": code,
        "status_code": kind.status,
        "heading": _TITLES.get(code, kind.title),
        "detail": detail,
        "faults": faults or [],
        "next_step": _NEXT.get(kind.status, ""),
    }
    if from_htmx(request):
        answer: Response = fragment(request, "error/note.html", **values)
        answer.status_code = kind.status
        answer.headers.update({"hx-retarget": "#notes", "hx-reswap": "innerHTML show:top"})
        return answer
    return await render(request, "error/page.html", status=kind.status, **values)
