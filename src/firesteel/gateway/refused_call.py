"""The error by which a check of the gateway ends a call, and what callers are told of any error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

from firesteel.errors import CallerError, FiresteelError
from firesteel.model.parameters import InvalidParameters
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.gateway.exchange import Exchange

_GET_ONLY: Final = (("allow", "GET"),)

log = structlog.get_logger(__name__)


class CallRefused(CallerError):
    """The call gets this problem; nothing was stored."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, code=problem.code)
        self.problem = problem


def check_get(exchange: Exchange) -> None:
    """Raises CallRefused for any other method."""
    if exchange.method != "GET":
        raise CallRefused(Problem("method_not_allowed", headers=_GET_ONLY))


def too_large(limit_bytes: int) -> CallRefused:
    """413: the body is over the trigger's limit."""
    detail = f"The body is over the trigger's max_body of {limit_bytes} bytes."
    return CallRefused(Problem("body_too_large", detail))


def problem_of(error: Exception, known: Callable[[], dict[str, Any]]) -> Problem:
    """What a caller is told of an error; one that is ours is logged, with what is ``known``."""
    if isinstance(error, CallRefused):
        return error.problem
    if isinstance(error, InvalidParameters):
        return Problem(error.code, errors=error.faults)
    if not isinstance(error, FiresteelError):
        log.error("call_failed", **known(), exc_info=error)
        return Problem("internal_error")
    problem = Problem.of(error)
    if problem.code == "internal_error":
        log.error("call_failed", **known(), code=error.code)
    return problem
