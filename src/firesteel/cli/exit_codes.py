"""Exit codes of the command line, and the error that carries one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Documented in docs/reference/command-line.md; stable."""

    OK = 0
    FAILED = 1
    """Faults were found, or what was asked for failed."""
    USAGE = 2
    """The command was not written as it must be."""
    UNREACHABLE = 3
    """No node answers, or none runs on this machine."""
    NOT_FOUND = 4
    """There is no such integration, key, message, file, ..."""
    REFUSED = 5
    """The node refuses: no right, a conflict, something changed meanwhile."""


class CommandFailed(Exception):
    """Ends a command. ``detail`` is one line for people; ``code`` the problem's or error's stable
    code; ``errors`` its single faults, each with detail and pointer or parameter."""

    def __init__(
        self,
        detail: str,
        *,
        exit_code: Exit = Exit.FAILED,
        code: str = "command_failed",
        hint: str = "",
        errors: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.exit_code = exit_code
        self.code = code
        self.hint = hint
        self.errors = errors
