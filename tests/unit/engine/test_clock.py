"""The engine's clock: what it measures by, and its ids."""

from __future__ import annotations

import time

import pytest

from firesteel.engine.clock import SystemClock

HOUR_NS = 3600 * 10**9


@pytest.mark.parametrize("jump_ns", [25 * HOUR_NS, -25 * HOUR_NS])
def test_p32_a_jump_of_the_wall_clock_is_no_time_that_passed(
    jump_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    before_us, real = clock.steady_us(), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + jump_ns)
    assert abs(clock.now_us() - before_us) > 24 * HOUR_NS // 1000
    assert 0 <= clock.steady_us() - before_us < HOUR_NS // 1000


def test_ids_are_uuids_of_version_7_and_never_the_same() -> None:
    clock = SystemClock()
    ids = [clock.new_id() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    assert all(len(id) == 32 and id[12] == "7" and id[16] in "89ab" for id in ids)
