"""Traffic as the lines of charts: a column of times, and a column of values for each line.

``frontend/src/charts`` draws them; a chart's summary says in words what a reader would see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from firesteel.admin.console.written import duration, number

if TYPE_CHECKING:
    from firesteel.admin import shapes

MOST_LINES: Final = 6
Unit = Literal["count", "rate", "seconds"]
Value = Callable[["shapes.TrafficPointShape"], float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line's name and its values, one for each step; None: a gap. ``colour``: a number that an
    integration has in every chart."""

    name: str
    values: list[float | None]
    colour: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What one figure shows; ``times``: seconds since 1970."""

    title: str
    unit: Unit
    times: list[int]
    lines: list[Line]

    @property
    def empty(self) -> bool:
        """Nothing to draw."""
        return not any(value for line in self.lines for value in line.values)

    @property
    def data(self) -> str:
        """For the script that draws it."""
        columns = [self.times, *(line.values for line in self.lines)]
        lines = [{"name": line.name, "colour": line.colour} for line in self.lines]
        return json.dumps({"unit": self.unit, "lines": lines, "columns": columns})

    @property
    def summary(self) -> str:
        """For who does not see it: the highest value of each line."""
        peaks = [
            f"{line.name} at most {self._written(max(v or 0 for v in line.values))}"
            for line in self.lines
        ]
        return f"{self.title}: {', '.join(peaks) if not self.empty else 'nothing'}"

    def _written(self, value: float) -> str:
        return duration(value) if self.unit == "seconds" else number(round(value, 1))


def charts_of(traffic: shapes.TrafficShape) -> list[Chart]:
    """The overview's: rate, duration, waiting, failures, age of what waits longest."""
    minutes = traffic.step_s / 60
    times = _times(traffic)
    return [
        Chart(
            "Accepted a minute",
            "rate",
            times,
            _by_integration(traffic, lambda point: round(point.accepted / minutes, 2), adds=True),
        ),
        Chart("Time from acceptance to the end", "seconds", times, _percentiles(traffic)),
        Chart("Waiting", "count", times, _by_integration(traffic, lambda point: point.waiting)),
        Chart("Failed", "count", times, _by_integration(traffic, lambda point: point.failed)),
        Chart(
            "Oldest waiting",
            "seconds",
            times,
            _by_integration(traffic, lambda point: point.oldest_waiting_s),
        ),
    ]


def _times(traffic: shapes.TrafficShape) -> list[int]:
    begin, end = int(traffic.begins_at.timestamp()), int(traffic.ends_at.timestamp())
    return list(range(begin, end, traffic.step_s))


def _by_integration(
    traffic: shapes.TrafficShape, value: Value, *, adds: bool = False
) -> list[Line]:
    """The busiest by name, and the rest in one line where their values can be added."""
    lines = [
        Line(one.integration, _values(traffic, one.points, value, gap=0.0), number)
        for number, one in enumerate(traffic.integrations)
    ]
    busy = sorted(lines, key=lambda line: -sum(v or 0 for v in line.values))
    shown = [line for line in busy[:MOST_LINES] if any(line.values)]
    rest = [line for line in busy[MOST_LINES:] if any(line.values)]
    if rest and adds:
        columns = zip(*(line.values for line in rest), strict=True)
        sums: list[float | None] = [sum(v or 0 for v in column) for column in columns]
        shown.append(Line("others", sums, MOST_LINES))
    return sorted(shown, key=lambda line: line.name.lower())


def _percentiles(traffic: shapes.TrafficShape) -> list[Line]:
    points = traffic.points
    wanted: list[tuple[str, Value]] = [
        ("half", lambda point: point.settled.p50_s),
        ("95 %", lambda point: point.settled.p95_s),
        ("99 %", lambda point: point.settled.p99_s),
    ]
    return [
        Line(name, _values(traffic, points, value, gap=None), number)
        for number, (name, value) in enumerate(wanted)
    ]


def _values(
    traffic: shapes.TrafficShape,
    points: Sequence[shapes.TrafficPointShape],
    value: Value,
    *,
    gap: float | None,
) -> list[float | None]:
    known = {int(point.at.timestamp()): value(point) for point in points}
    return [known.get(at, gap) for at in _times(traffic)]
