"""The error by which a check of the gateway ends a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from firesteel.model.problem import Problem


class CallRefused(CallerError):
    """The call gets this problem; nothing was stored."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail, code=problem.code)
        self.problem = problem


class CallerGone(Exception):
    """The caller closed the connection before its request was complete: nothing was stored."""
