"""Retention's clock never runs ahead of the time that has passed (P32)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.retention_clock import ClockState, RetentionClock
from firesteel.store.sqlite.store import open_store
from tests.support.hand import Hand

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


def begun_again(world: World, saved: ClockState) -> RetentionClock:
    """In a new life of the node."""
    clock = RetentionClock(world.clocks)
    clock.go_on_from(saved)
    return clock


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
    clock = begun_again(world, saved)
    assert clock.now_us(RETENTION_US) == START_US + DAY_US
    saved = clock.state(RETENTION_US)
    world.true_us += HOUR_US
    clock = begun_again(world, saved)
    assert clock.now_us(RETENTION_US) == START_US + DAY_US + HOUR_US
    world.true_us += 31 * DAY_US
    assert clock.now_us(RETENTION_US) == world.true_us


def test_a_jump_before_it_is_read_for_the_first_time_is_seen() -> None:
    world = World()
    saved = RetentionClock(world.clocks).state(RETENTION_US)
    new, again = RetentionClock(world.clocks), RetentionClock(world.clocks)
    world.offset_us = 40 * DAY_US
    again.go_on_from(saved)
    assert new.now_us(RETENTION_US) == START_US
    assert again.now_us(RETENTION_US) == START_US


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
            clock = begun_again(world, clock.state(RETENTION_US))
        else:
            clock.now_us(RETENTION_US)
    assert clock.now_us(RETENTION_US) <= world.true_us + world.offset_us


async def test_p32_a_jump_in_the_first_life_is_seen_by_the_next_before_anything_was_purged(
    tmp_path: Path,
) -> None:
    world, path = World(), tmp_path / "store.db"
    clocks = {"wall_us": world.clocks.wall_us, "monotonic_s": world.clocks.monotonic_s}
    first = await open_store(path, **clocks)  # type: ignore[arg-type]  # as they are named
    hand = Hand(first.journal, first.catalog)
    trigger_no = await hand.trigger()
    await first.journal.append(hand.new(trigger_no, record_only=True))
    world.offset_us = 400 * DAY_US
    await first.close()
    second = await open_store(path, **clocks)  # type: ignore[arg-type]  # as they are named
    assert await second.history.purge(default_history_s=RETENTION_US / 1e6) == 0
    await second.close()
