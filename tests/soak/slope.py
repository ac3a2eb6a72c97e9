"""Whether a figure grows, over the lives of processes that were ended and started again.

A process that is killed begins anew, so its memory is compared only with itself. The slope is the
median of the slopes of all pairs of samples *within one life* (Theil 1950, Sen 1968; over groups as
in Hirsch, Slack and Smith 1982, "Techniques of trend analysis for monthly water quality data"): a
peak, such as a back-up that runs, does not move it. Its interval says how far chance could.

What fills in steps, such as the memory of one more thread, is much an hour when it is seen for ten
minutes. So whoever has watched for less than an hour says *grows* only where as much has come in
that time as an hour allows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
"""Hours since any instant, and the figure."""
Verdict = Literal["flat", "grows", "not told"]

FEWEST = 10
"""Samples of a life below which it says nothing."""
Z = 1.96
"""95 % of a normal distribution lie within so many deviations."""


@dataclass(frozen=True, slots=True)
class Slope:
    """An hour's growth: of all lives together, with the least and the most that chance allows;
    ``hours``: how long the longest of them was watched."""

    per_hour: float
    least: float
    most: float
    lives: int
    samples: int
    hours: float

    def verdict(self, bound: float, told_h: float = 1.0) -> Verdict:
        """Against the growth of an hour that is allowed: ``grows`` where surely more, and more than
        is allowed in ``told_h`` where it was watched for less; ``flat`` where surely not; between
        them the samples are too few to tell."""
        if self.least > bound * max(1.0, told_h / self.hours):
            return "grows"
        return "flat" if self.most <= bound else "not told"


def slope(lives: Iterable[Sequence[Point]]) -> Slope | None:
    """Of the lives that have samples enough; None where none has."""
    told = [life for life in lives if len(life) >= FEWEST]
    slopes = sorted(
        (b - a) / (later - earlier)
        for life in told
        for (earlier, a), (later, b) in itertools.combinations(life, 2)
        if later > earlier
    )
    if not slopes:
        return None
    deviation = math.sqrt(sum(_variance(len(life)) for life in told))
    last = len(slopes) - 1
    least, most = ((last + side * Z * deviation) / 2 for side in (-1, 1))
    return Slope(
        _middle(slopes),
        slopes[max(math.floor(least), 0)],
        slopes[min(math.ceil(most), last)],
        len(told),
        sum(map(len, told)),
        max(life[-1][0] - life[0][0] for life in told),
    )


def _variance(samples: int) -> float:
    """Of Kendall's S where there is no trend."""
    return samples * (samples - 1) * (2 * samples + 5) / 18


def _middle(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2
