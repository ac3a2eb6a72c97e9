"""What follows a failed attempt: the three kinds of errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.execution import Failure
from firesteel.model.integration import Integration, RequestResponse, Retry, Trigger, Workflow
from firesteel.model.retry import (
    Again,
    Tries,
    attempt_timeout_s,
    backoff_s,
    decide,
    give_up_after_s,
)

HOUR_S = 3600.0
RETRY = Retry()


def middle() -> float:
    return 0.5


def decided(failure: Failure, tries: Tries, give_up_s: float = 24 * HOUR_S) -> Again | None:
    return decide(failure, tries, retry=RETRY, give_up_after_s=give_up_s, chance=middle)


def test_a_permanent_error_ends_the_execution_at_once() -> None:
    failure = Failure("permanent", "permanent_error", "no")
    assert decided(failure, Tries(1, 1, 0.0)) is None


@pytest.mark.parametrize(("counted", "delay_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0)])
def test_an_unknown_error_is_tried_five_times(counted: int, delay_s: float) -> None:
    failure = Failure("unknown", "workflow_error", "x")
    assert decided(failure, Tries(counted, counted, 0.0)) == Again(delay_s, counts=True)
    assert decided(failure, Tries(5, 5, 0.0)) is None


def test_a_transient_error_does_not_use_up_attempts() -> None:
    failure = Failure("transient", "step_failed", "connection refused")
    again = decided(failure, Tries(40, 1, 23 * HOUR_S))
    assert again == Again(300.0, counts=False)


def test_a_transient_error_is_given_up_when_the_next_try_would_come_too_late() -> None:
    failure = Failure("transient", "step_failed", "connection refused")
    assert decided(failure, Tries(40, 1, 24 * HOUR_S - 299)) is None


def test_retry_later_is_obeyed() -> None:
    failure = Failure("transient", "retry_later", "", after_s=17.0)
    assert decided(failure, Tries(1, 1, 0.0)) == Again(17.0, counts=False)


@given(attempt=st.integers(1, 10**9), chance=st.floats(0, 1, exclude_max=True))
def test_the_delay_stays_within_its_bounds(attempt: int, chance: float) -> None:
    assert 0.8 * RETRY.first_delay_s <= backoff_s(RETRY, attempt, chance) <= 1.2 * RETRY.max_delay_s


def test_request_response_bounds_how_long_transient_errors_are_retried() -> None:
    waiting = Trigger(request_response=RequestResponse(timeout=90.0))
    integration = Integration(name="a", trigger=waiting, workflow=Workflow(python="a:b"))
    assert give_up_after_s(integration) == 90.0
    assert attempt_timeout_s(integration) == 90.0
    assert give_up_after_s(Integration(name="a")) == 24 * HOUR_S
    assert attempt_timeout_s(Integration(name="a")) == 60.0
