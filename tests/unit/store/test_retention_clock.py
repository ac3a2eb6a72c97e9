"""Retention's clock never runs ahead of the time that has passed (P32)."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from firesteel.store.sqlite.clock import Clocks
from firesteel.store.sqlite.retention_clock import RetentionClock

HOUR_US = 3600 * 1_000_000
DAY_US = 24 * HOUR_US
RETENTION_US = 30 * DAY_US
START_US = 1_700_000_000_000_000


@dataclass
class World:
    """True time, and a wall clock that is wrong by ``offset_us``."""

    true_us: int = START_US
    offset_us: int = 0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.true_us + self.offset_us, lambda: self.true_us / 1e6)


def test_while_the_clocks_agree_it_is_the_wall_clock() -> None:
    world = World()
    clock = RetentionClock(world.clocks)
    for _ in range(100):
        world.true_us += DAY_US
        world.offset_us += 1_000_000  # a clock that is slewed, one second a day
        assert clock.now_us(RETENTION_US) == world.true_us + world.offset_us


def test_after_a_jump_ahead_it_goes_on_until_all_from_before_is_old() -> None:
    world = World()
    clock = RetentionClock(world.clocks)
    world.offset_us = 400 * DAY_US
    for _ in range(29):
        world.true_us += DAY_US
        assert clock.now_us(RETENTION_US) <= world.true_us
    world.true_us += 2 * DAY_US
    assert clock.now_us(RETENTION_US) == world.true_us + world.offset_us


def test_a_clock_that_comes_back_is_believed_at_once() -> None:
    world = World()
    clock = RetentionClock(world.clocks)
    world.offset_us = DAY_US
    assert clock.now_us(RETENTION_US) == world.true_us
    world.offset_us = 0
    world.true_us += HOUR_US
    assert clock.now_us(RETENTION_US) == world.true_us
    world.offset_us = -DAY_US
    assert clock.now_us(RETENTION_US) == world.true_us - DAY_US


def test_a_restart_counts_as_a_day_at_most() -> None:
    world = World()
    saved = RetentionClock(world.clocks).state(RETENTION_US)
    world.true_us += 90 * DAY_US
    clock = RetentionClock(world.clocks, saved)
    assert clock.now_us(RETENTION_US) == START_US + DAY_US
    saved = clock.state(RETENTION_US)
    world.true_us += HOUR_US
    clock = RetentionClock(world.clocks, saved)
    assert clock.now_us(RETENTION_US) == START_US + DAY_US + HOUR_US
    world.true_us += 31 * DAY_US
    assert clock.now_us(RETENTION_US) == world.true_us


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * DAY_US), st.integers(-50, 50), st.booleans()), max_size=30
    )
)
def test_it_ages_nothing_faster_than_time_passes_since_the_last_jump(
    steps: list[tuple[int, int, bool]],
) -> None:
    world = World()
    clock = RetentionClock(world.clocks)
    stamped: list[tuple[int, int]] = []  # by the wall clock, in truth
    for passed_us, offset_days, restarts in steps:
        stamped.append((world.true_us + world.offset_us, world.true_us))
        world.true_us += passed_us
        world.offset_us = offset_days * DAY_US
        if restarts:
            clock = RetentionClock(world.clocks, clock.state(RETENTION_US))
        else:
            clock.now_us(RETENTION_US)
    assert clock.now_us(RETENTION_US) <= world.true_us + world.offset_us
