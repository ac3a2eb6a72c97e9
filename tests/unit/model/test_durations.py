"""Durations by classes: each has one, and percentiles are near the truth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.durations import begins_at_us, class_of, merged, percentile_s

DURATIONS = st.integers(0, 10**13)


@given(DURATIONS)
def test_a_duration_lies_in_its_class(duration_us: int) -> None:
    number = class_of(duration_us)

    assert begins_at_us(number) <= duration_us < begins_at_us(number + 1)


@given(st.lists(DURATIONS.map(lambda us: us + 100), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_within_a_quarter_of_the_truth(durations: list[int], share: float) -> None:
    histogram = merged(*({class_of(us): 1} for us in durations))
    rank = max(-(-share * len(durations) // 1), 1)
    truth = sorted(durations)[min(int(rank), len(durations)) - 1] / 1e6

    found = percentile_s(histogram, share)

    assert found is not None
    assert truth * 0.79 <= found <= truth * 1.26


def test_none_have_no_percentile() -> None:
    assert percentile_s({}, 0.5) is None


@pytest.mark.parametrize("duration_us", [-5, 0])
def test_a_clock_that_was_set_back_makes_the_shortest_class(duration_us: int) -> None:
    assert class_of(duration_us) == 0
