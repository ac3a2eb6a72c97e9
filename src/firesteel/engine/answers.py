"""The final answers that are not the workflow's own: failed, cancelled, skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.model.execution import Response
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.model.execution import Failure

NO_TEXT = "The workflow failed for good."
TEXT_FOR_CALLERS = frozenset({"permanent_error"})


def failure_response(failure: Failure, message_id: str) -> Response:
    """422 for an input that the workflow does not take, else 502. Callers see the author's own
    text (PermanentError, ``fail``), never that of other exceptions."""
    if failure.code == "input_invalid":
        return _response(Problem("input_invalid", errors=failure.faults, id=message_id))
    detail = failure.detail if failure.code in TEXT_FOR_CALLERS else NO_TEXT
    return _response(Problem("execution_failed", detail, id=message_id))


def cancelled_response(message_id: str) -> Response:
    """502 ``execution_cancelled``."""
    return _response(Problem("execution_cancelled", id=message_id))


def skipped_response(message_id: str) -> Response:
    """502 ``execution_skipped``."""
    return _response(Problem("execution_skipped", id=message_id))


def _response(problem: Problem) -> Response:
    body = problem.body(f"urn:firesteel:message:{problem.id}")
    return Response(problem.status, problem.all_headers(), body)
