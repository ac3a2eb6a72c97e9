"""What follows an attempt that did not succeed: another one, when, or the end.

The three kinds of errors (docs/reference/integration-file.md): *transient* ones are retried until
``give_up_after`` and do not use up attempts; *permanent* ones never; *unknown* ones until
``attempts`` are used up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.execution import Failure
    from firesteel.model.integration import Integration, Retry

JITTER = 0.2
GIVE_UP_AFTER_S = 24 * 3600.0
ATTEMPT_TIMEOUT_S = 60.0
_DEFAULT_EXPONENT_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after ``delay_s``; ``counts``: this attempt uses up one of ``attempts``."""

    delay_s: float
    counts: bool


@dataclass(frozen=True, slots=True)
class Tries:
    """Where an execution stands: ``attempt`` of all, ``counted`` of those that count (both
    including the one that just ended), ``elapsed_s`` since its first attempt began."""

    attempt: int
    counted: int
    elapsed_s: float


def decide(
    failure: Failure,
    tries: Tries,
    *,
    retry: Retry,
    give_up_after_s: float,
    chance: Callable[[], float],
) -> Again | None:
    """The next attempt, or None where the execution has finally failed. ``chance`` yields a
    number in [0, 1) for the jitter."""
    if failure.kind == "permanent":
        return None
    counts = failure.kind == "unknown"
    if counts and tries.counted >= retry.attempts:
        return None
    if failure.after_s is not None:
        delay_s = failure.after_s
    else:
        delay_s = backoff_s(retry, tries.counted if counts else tries.attempt, chance())
    if not counts and tries.elapsed_s + delay_s > give_up_after_s:
        return None
    return Again(delay_s, counts)


def backoff_s(retry: Retry, attempt: int, chance: float) -> float:
    """``first_delay * factor^(attempt-1)``, at most ``max_delay``, jitter of 20 % either way."""
    exponent = min(max(attempt - 1, 0), _DEFAULT_EXPONENT_LIMIT)
    plain_s = min(retry.first_delay_s * retry.factor**exponent, retry.max_delay_s)
    return plain_s * (1 - JITTER + 2 * JITTER * chance)


def attempt_timeout_s(integration: Integration) -> float:
    """Of one attempt: the workflow's, else 60 s or the Request-Response time-out if longer."""
    workflow, waiting = integration.workflow, integration.trigger.request_response
    if workflow is not None and workflow.timeout_s is not None:
        return workflow.timeout_s
    return max(ATTEMPT_TIMEOUT_S, waiting.timeout_s if waiting else 0.0)


def give_up_after_s(integration: Integration) -> float:
    """How long transient errors are retried: as written, else 24 h, with Request-Response its
    time-out (nobody waits for the answer any longer)."""
    workflow, waiting = integration.workflow, integration.trigger.request_response
    if workflow is not None and workflow.retry.give_up_after_s is not None:
        return workflow.retry.give_up_after_s
    return waiting.timeout_s if waiting else GIVE_UP_AFTER_S
