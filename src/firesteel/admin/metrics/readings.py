"""What one scrape has read, family by family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from firesteel.admin.metrics.families import FAMILIES
from firesteel.model.durations import class_of
from firesteel.telemetry.meter import Distribution

_TYPES: Final[Mapping[str, Any]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
    "info": InfoMetricFamily,
}
# Bounds are powers of two, of microseconds: what was counted is told without a rounding.
COMMITS: Final = range(7, 25)
ACCEPTED: Final = range(8, 26)
SIZES: Final = range(11)
OUTCOMES: Final = (*range(10, 27), *range(28, 38, 2))


class Readings(Collector):
    """Filled by ``add`` and its like, then collected once. ``name`` without ``firesteel_``."""

    def __init__(self) -> None:
        self._families: dict[str, Any] = {
            family.name: _TYPES[family.kind](family.name, family.text, labels=family.labels)
            for family in FAMILIES
        }

    def add(self, name: str, value: float, *labels: str) -> None:
        """One sample."""
        self._families[f"firesteel_{name}"].add_metric(labels, value)

    def add_info(self, name: str, values: Mapping[str, str]) -> None:
        """The one sample of an info, whose labels say it all."""
        self._families[f"firesteel_{name}"].add_metric([], dict(values))

    def add_distribution(
        self,
        name: str,
        counted: Distribution,
        exponents: Sequence[int],
        *labels: str,
        per_unit: float = 1.0,
    ) -> None:
        """A histogram; a bucket for each exponent of two. ``per_unit``: how many of what was
        counted are one of what is shown."""
        below, buckets, at = 0, [], 0
        for exponent in exponents:
            below += sum(counted.counts[at : exponent + 1])
            at = exponent + 1
            buckets.append((_bound(2**exponent / per_unit), below))
        buckets.append(("+Inf", below + sum(counted.counts[at:])))
        family = self._families[f"firesteel_{name}"]
        family.add_metric(labels, buckets, counted.total / per_unit)

    def add_durations(
        self, name: str, counted: Mapping[int, int], total_us: int, *labels: str
    ) -> None:
        """A histogram of classes of ``model.durations``."""
        numbers = sorted(counted)
        below, buckets, at = 0, [], 0
        for exponent in OUTCOMES:
            end = class_of(2**exponent)
            while at < len(numbers) and numbers[at] < end:
                below += counted[numbers[at]]
                at += 1
            buckets.append((_bound(2**exponent / 1e6), below))
        buckets.append(("+Inf", below + sum(counted[number] for number in numbers[at:])))
        self._families[f"firesteel_{name}"].add_metric(labels, buckets, total_us / 1e6)

    def collect(self) -> Iterable[Metric]:
        """All families, those without samples too."""
        return list(self._families.values())


def _bound(value: float) -> str:
    """As Prometheus writes it: 1.0, 0.000256."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if value < 1 else repr(float(value))
