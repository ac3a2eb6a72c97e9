"""The lines of the log about executions: how attempts and executions end, and what workflows say.

Each has the same ids, so that all that concerns a message is found by one. Never a text of a
failure, which may hold what was sent: the console and the REST API show it to those with the right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from firesteel.engine.definitions import Plan
    from firesteel.model.execution import Failure
    from firesteel.settings import Settings
    from firesteel.store.journal import Claim

log = structlog.get_logger(__name__)


class ExecutionLog:
    """``successes``: executions that succeed are told too, which costs something each time."""

    def __init__(self, settings: Settings) -> None:
        self.successes = settings.log_level == "debug"
        self._workflows = settings.log_workflows == "on"

    def succeeded(self, claim: Claim, plan: Plan | None) -> None:
        """The execution has ended well."""
        log.debug("execution_succeeded", **ids(claim, plan))

    def failed(self, claim: Claim, plan: Plan | None, failure: Failure | None) -> None:
        """The execution has finally failed."""
        log.warning("execution_failed", **ids(claim, plan), **_of(failure))

    def retried(self, claim: Claim, plan: Plan | None, failure: Failure, *, delay_s: float) -> None:
        """An attempt has failed; the next one is made after ``delay_s``."""
        delay_s = round(delay_s, 3)
        log.info("attempt_failed", **ids(claim, plan), **_of(failure), retry_in_s=delay_s)

    def said(self, claim: Claim, plan: Plan | None, text: str) -> None:
        """What the workflow printed and logged in an attempt, a line each, where that is wanted."""
        if self._workflows:
            known = ids(claim, plan)
            for line in text.splitlines():
                log.info("workflow_said", **known, line=line)


def ids(claim: Claim, plan: Plan | None) -> dict[str, Any]:
    """What every line about an execution has. ``plan`` None: its version is not in memory."""
    found: dict[str, Any] = {
        "message_id": claim.message.id,
        "execution_id": claim.execution,
        "attempt": claim.attempt,
    }
    if plan is not None:
        found["workspace"] = plan.definition.workspace
        found["integration"] = plan.name
    return found


def _of(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    return {"code": failure.code, "kind": failure.kind, "step": failure.step}
