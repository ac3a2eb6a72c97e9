"""Durations counted by classes: a few small numbers that give percentiles of any number of calls.

Four classes to each doubling, from a microsecond up: a class is at most a quarter wider than its
beginning, so a percentile read from it is wrong by an eighth at most.
"""

from __future__ import annotations

from collections.abc import Mapping

_PARTS_BITS = 2
_PARTS = 1 << _PARTS_BITS

Histogram = Mapping[int, int]
"""Class to how many durations fell into it."""


def class_of(duration_us: int) -> int:
    """The class of a duration in microseconds; those below 4 µs, and negative ones, have class 0
    to 3."""
    if duration_us < _PARTS:
        return max(duration_us, 0)
    doublings = duration_us.bit_length() - _PARTS_BITS - 1
    return (doublings << _PARTS_BITS) + (duration_us >> doublings)


def begins_at_us(number: int) -> int:
    """The shortest duration of a class; the next one's is where it ends."""
    if number < 2 * _PARTS:
        return number
    doublings, part = (number >> _PARTS_BITS) - 1, number & (_PARTS - 1)
    return (_PARTS + part) << doublings


def percentile_s(histogram: Histogram, share: float) -> float | None:
    """The duration in seconds that ``share`` (0 to 1) of all do not exceed; None of none."""
    total = sum(histogram.values())
    if not total:
        return None
    wanted, before = share * total, 0
    for number in sorted(histogram):
        count = histogram[number]
        if before + count >= wanted:
            begin, end = begins_at_us(number), begins_at_us(number + 1)
            return (begin + (end - begin) * (wanted - before) / count) / 1e6
        before += count
    raise AssertionError("unreachable: all of them together are the whole")


def merged(*histograms: Histogram) -> dict[int, int]:
    """All of them in one."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for number, count in histogram.items():
            total[number] = total.get(number, 0) + count
    return total
