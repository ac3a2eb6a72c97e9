"""What a rule tells: the first at once, then gathered; states once, and that they are over."""

from __future__ import annotations

import pytest

from firesteel.engine.alerts.facts import Fact, Failed
from firesteel.engine.alerts.gathering import (
    BURST,
    State,
    Told,
    compare_facts,
    gather_failures,
    read_state,
    write_state,
)
from firesteel.model.alert import AlertItem
from firesteel.model.alerts import AlertRule

S = 1_000_000
START_US = 1_700_000_000 * S
RULE = AlertRule(event="execution_failed", group_s=600.0)
PAUSED = AlertRule(event="lane_paused", group_s=600.0)


def failed(integration: str = "Orders", at_us: int = START_US, message_id: str = "m1") -> Failed:
    return Failed(integration, message_id, at_us, "http_status", "send")


def gather(state: State, *failures: Failed, at_s: float = 0, silenced: bool = False) -> Told:
    now_us = START_US + int(at_s * S)
    return gather_failures(state, RULE, failures, now_us, silenced=silenced)


def compare(state: State, at_s: float = 0, *, silenced: bool = False, **degrees: int) -> Told:
    facts = {
        name: Fact(name, degree, AlertItem(integration=name, lanes=degree))
        for name, degree in degrees.items()
    }
    now_us = START_US + int(at_s * S)
    return compare_facts(state, PAUSED, facts, now_us, silenced=silenced)


def test_the_first_failure_is_told_at_once_and_those_after_it_together() -> None:
    state = State("execution_failed")
    (first,) = gather(state, failed()).firing
    assert (first.count, first.first and first.first.message) == (1, "m1")
    for second in range(1, 37):
        at_us = START_US + second * S
        assert (
            gather(state, failed(at_us=at_us, message_id=f"m{second + 1}"), at_s=second) == Told()
        )
    assert gather(state, at_s=599.9) == Told()
    (later,) = gather(state, at_s=600).firing
    assert later.first is not None
    assert (later.count, later.within_s, later.first.message) == (36, 35, "m2")
    assert gather(state, at_s=5000) == Told()


def test_another_integration_is_told_at_once_although_the_first_is_gathered() -> None:
    state = State("execution_failed")
    gather(state, failed("A"))
    told = gather(state, failed("A"), failed("B"), failed("C"), at_s=1).firing
    assert [(item.integration, item.count) for item in told] == [("B", 1), ("C", 1)]


def test_a_rule_makes_no_more_than_so_many_alerts_in_its_time() -> None:
    state = State("execution_failed")
    alerts = sum(bool(gather(state, failed(f"I{n}"), at_s=n).firing) for n in range(50))
    assert alerts == BURST
    rest = gather(state, at_s=600).firing
    assert len(rest) == 50 - BURST


def test_what_fails_while_the_rule_is_silenced_is_told_by_nobody() -> None:
    state = State("execution_failed")
    assert gather(state, failed(), silenced=True) == Told()
    assert gather(state, at_s=1) == Told()
    assert len(gather(state, failed(), at_s=2).firing) == 1


@pytest.mark.parametrize("back_s", [1, 100_000])
def test_a_clock_that_was_set_back_makes_nobody_wait(back_s: float) -> None:
    state = State("execution_failed")
    gather(state, failed())
    assert len(gather(state, failed(), at_s=-back_s).firing) == 1


def test_a_state_is_told_once_and_that_it_is_over_once() -> None:
    state = State("lane_paused")
    assert [item.integration for item in compare(state, A=1, B=1).firing] == ["A", "B"]
    assert compare(state, 1, A=1, B=1) == Told()
    over = compare(state, 2, B=1)
    assert ([item.integration for item in over.resolved], over.firing) == (["A"], [])
    assert compare(state, 3, B=1) == Told()


def test_a_state_that_grows_is_told_again_after_the_time() -> None:
    state = State("lane_paused")
    compare(state, A=1)
    assert compare(state, 1, A=3) == Told()
    assert compare(state, 599, A=4) == Told()
    assert [item.lanes for item in compare(state, 600, A=4).firing] == [4]
    assert compare(state, 1300, A=2) == Told()


def test_a_state_that_comes_and_goes_is_told_at_most_twice_in_the_time() -> None:
    state = State("lane_paused")
    told = [compare(state, at, **({"A": 1} if at % 2 == 0 else {})) for at in range(100)]
    assert sum(len(item.firing) for item in told) == 1
    assert sum(len(item.resolved) for item in told) == 1


def test_a_state_that_began_in_silence_is_told_when_the_silence_is_over() -> None:
    state = State("lane_paused")
    assert compare(state, A=1, B=1, silenced=True) == Told()
    assert compare(state, 1, A=1, silenced=True) == Told()
    assert [item.integration for item in compare(state, 2, A=1).firing] == ["A"]
    assert [item.integration for item in compare(state, 3, silenced=True).resolved] == ["A"]


def test_a_state_is_the_same_after_it_was_stored() -> None:
    state = State("execution_failed")
    gather(state, failed("A"), failed("B"))
    gather(state, failed("A"), at_s=1)
    text = write_state(state)
    assert write_state(read_state(text, "execution_failed")) == text
    assert read_state(text, "lane_paused") == State("lane_paused")
    assert read_state("", "lane_paused") == State("lane_paused")
