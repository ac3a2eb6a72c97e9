"""Growth is told from peaks, from chance and from new starts."""

from __future__ import annotations

import random

import pytest

from tests.soak.samples import Sample, lives
from tests.soak.slope import FEWEST, Point, slope

MINUTES = [n / 60 for n in range(60)]


def life(
    per_hour: float, *, noise: float = 2.0, start: float = 100.0, seed: int = 1
) -> list[Point]:
    chance = random.Random(seed)
    return [(at, start + per_hour * at + chance.gauss(0, noise)) for at in MINUTES]


def test_a_figure_that_only_trembles_is_flat() -> None:
    found = slope([life(0.0, seed=seed) for seed in range(4)])
    assert found is not None
    assert abs(found.per_hour) < 1
    assert found.verdict(4) == "flat"


def test_a_leak_is_found_although_each_process_begins_anew() -> None:
    found = slope([life(10.0, seed=seed) for seed in range(4)])
    assert found is not None
    assert found.per_hour == pytest.approx(10, abs=2)
    assert found.verdict(4) == "grows"


def test_ever_lower_starts_do_not_hide_a_leak() -> None:
    found = slope([life(10.0, start=400.0 - 100 * n, seed=n) for n in range(4)])
    assert found is not None
    assert found.verdict(4) == "grows"


def test_ever_higher_starts_are_no_leak_of_a_process() -> None:
    found = slope([life(0.0, start=100.0 + 100 * n, seed=n) for n in range(4)])
    assert found is not None
    assert found.verdict(4) == "flat"


def test_a_peak_is_no_growth() -> None:
    peaked = [(at, value + (500 if 30 <= n < 36 else 0)) for n, (at, value) in enumerate(life(0.0))]
    found = slope([peaked])
    assert found is not None
    assert found.verdict(4) == "flat"


def test_steps_within_minutes_are_not_told_and_as_much_as_an_hour_allows_is() -> None:
    """Such as caches and the memory of threads: 0.6 MiB with every fifth minute of twenty."""
    steps = [(at, value + 0.6 * (n // 5)) for n, (at, value) in enumerate(life(0.0, noise=0.05))]
    some = slope([steps[:20]])
    assert some is not None
    assert some.least > 4
    assert some.verdict(4) == "not told"
    much = slope([life(20.0, noise=0.05)[:20]])
    assert much is not None
    assert much.verdict(4) == "grows"
    assert much.verdict(4, told_h=2.0) == "not told"


def test_a_slow_leak_is_told_by_those_who_watch_for_an_hour() -> None:
    hour = slope([life(6.0, noise=0.5)])
    assert hour is not None
    assert hour.verdict(4) == "grows"
    half = slope([life(6.0, noise=0.5)[:30]])
    assert half is not None
    assert half.verdict(4) == "not told"


def test_too_few_samples_tell_neither() -> None:
    found = slope([life(10.0, noise=20.0)[:FEWEST]])
    assert found is not None
    assert found.verdict(4) == "not told"
    assert slope([life(10.0)[: FEWEST - 1]]) is None


def test_what_never_changes_is_flat_to_the_bound_of_nought() -> None:
    found = slope([[(at, 35.0) for at in MINUTES]])
    assert found is not None
    assert (found.per_hour, found.verdict(0)) == (0, "flat")


def test_lives_are_told_apart_and_their_beginnings_left_out() -> None:
    samples = [
        Sample(who, pid, at, {"MiB": at})
        for who, pid in (("engine", 1), ("engine", 2), ("worker", 3))
        for at in (0.0, 0.5, 1.0)
    ]
    assert lives(samples, "engine", "MiB", warm_up_h=0.5) == [[(0.5, 0.5), (1.0, 1.0)]] * 2
    assert lives(samples, "engine", "threads", warm_up_h=0) == []
