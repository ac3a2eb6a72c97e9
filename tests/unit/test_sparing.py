"""Lines that would fill the log come once a minute."""

from __future__ import annotations

from firesteel.sparing import BETWEEN_S, Sparing


def test_a_line_comes_at_once_and_then_once_a_minute_with_how_often() -> None:
    now_s = 5.0
    sparing = Sparing(lambda: now_s)
    assert sparing.times("answers") == 1
    assert [sparing.times("answers") for _ in range(3)] == [0, 0, 0]
    assert sparing.times("catalog") == 1
    now_s += BETWEEN_S
    assert sparing.times("answers") == 4
    assert sparing.times("answers") == 0
