"""What ``firesteel top`` shows: figures of a node over the time between two looks at it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

Name = tuple[str, str]
"""Workspace and integration."""

SORTS: Final = ("rate", "failed", "waiting", "oldest", "name")


@dataclass(frozen=True, slots=True)
class Look:
    """One scrape: when, by the monotonic clock, and what; samples by name without ``firesteel_``,
    each with its labels."""

    at_s: float
    samples: Mapping[str, list[tuple[dict[str, str], float]]]

    @classmethod
    def read(cls, text: str) -> Look:
        """Of the text that ``/metrics`` answers with."""
        from prometheus_client.parser import text_string_to_metric_families

        samples: defaultdict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples[sample.name.removeprefix("firesteel_")].append(
                    (sample.labels, sample.value)
                )
        return cls(time.monotonic(), samples)

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples with these labels."""
        wanted = labels.items()
        return sum(value for has, value in self.samples.get(name, ()) if wanted <= has.items())

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """Of a histogram: how many are at most so long."""
        wanted, found = labels.items(), defaultdict[float, float](float)
        for has, value in self.samples.get(f"{name}_bucket", ()):
            if wanted <= has.items():
                found[float(has["le"])] += value
        return found


@dataclass(frozen=True, slots=True)
class IntegrationFigures:
    """Rates are per second; ``settle_p99_s`` None: nothing ended meanwhile."""

    workspace: str
    integration: str
    calls: float
    refused: float
    ended: float
    failed: float
    retries: float
    settle_p99_s: float | None
    waiting: int
    running: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """``refusing``: the code that calls get; empty while they are accepted. ``commit_s`` and
    ``commit_size``: means of transactions."""

    node: str
    version: str
    refusing: str
    store_available: bool
    calls: float
    errors_4xx: float
    errors_5xx: float
    accept_p50_s: float | None
    accept_p99_s: float | None
    commit_s: float | None
    commit_size: float | None
    waiting: int
    running: int
    oldest_s: float
    workers: int
    workers_busy: int
    attempts: int
    slots: int
    queued: int
    callers: int
    connections: int
    store_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it; ``lanes`` as the REST API tells them, those first that have waited longest."""

    node: NodeFigures
    integrations: list[IntegrationFigures]
    lanes: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def sorted(self, by: str) -> list[IntegrationFigures]:
        """The integrations, the greatest first; by ``name`` in the order of the alphabet."""
        keys: dict[str, Callable[[IntegrationFigures], Any]] = {
            "rate": lambda one: -one.calls,
            "failed": lambda one: -one.failed,
            "waiting": lambda one: -one.waiting,
            "oldest": lambda one: -one.oldest_s,
            "name": lambda _one: 0,
        }
        return sorted(
            self.integrations, key=lambda one: (keys[by](one), one.workspace, one.integration)
        )


def compare(before: Look, now: Look, lanes: list[dict[str, Any]]) -> Figures:
    """What happened between two looks, and how it stands at the second."""
    between = _Between(before, now)
    waiting = [lane for lane in lanes if lane["waiting"] or lane["paused"]]
    waiting.sort(key=lambda lane: (lane["oldest_received_at"] is None, lane["oldest_received_at"]))
    integrations = [_integration(between, name) for name in _names(now)]
    return Figures(_node(between), integrations, waiting)


class _Between:
    """Differences of counters; one that is smaller now began anew with its engine."""

    def __init__(self, before: Look, now: Look) -> None:
        self.now = now
        self._before = before
        self._took_s = max(now.at_s - before.at_s, 0.001)

    def more(self, name: str, **labels: str) -> float:
        now, before = self.now.sum(name, **labels), self._before.sum(name, **labels)
        return now - before if now >= before else now

    def rate(self, name: str, **labels: str) -> float:
        return self.more(f"{name}_total", **labels) / self._took_s

    def mean(self, name: str) -> float | None:
        count = self.more(f"{name}_count")
        return self.more(f"{name}_sum") / count if count else None

    def quantile(self, name: str, share: float, **labels: str) -> float | None:
        now, before = self.now.buckets(name, **labels), self._before.buckets(name, **labels)
        grown = {bound: count - before.get(bound, 0.0) for bound, count in now.items()}
        if any(count < 0 for count in grown.values()):
            grown = now
        return quantile(grown, share)


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Of a histogram, between two bounds in proportion, as Prometheus does; None of nothing."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return None
    wanted, below, begin = share * total, 0.0, 0.0
    for bound in bounds[:-1]:
        if buckets[bound] >= wanted:
            inside = buckets[bound] - below
            return begin + (bound - begin) * (wanted - below) / inside if inside else bound
        below, begin = buckets[bound], bound
    return begin


def _names(now: Look) -> Iterator[Name]:
    """Of all integrations, in their order."""
    has = [labels for labels, _ in now.samples.get("retries_total", ())]
    yield from sorted((labels["workspace"], labels["integration"]) for labels in has)


def _integration(between: _Between, name: Name) -> IntegrationFigures:
    of_it = {"workspace": name[0], "integration": name[1]}
    now = between.now
    return IntegrationFigures(
        *name,
        calls=between.rate("calls", **of_it),
        refused=between.rate("calls_refused", **of_it),
        ended=between.rate("executions_ended", **of_it),
        failed=between.rate("executions_ended", **of_it, outcome="failed"),
        retries=between.rate("retries", **of_it),
        settle_p99_s=between.quantile("settle_seconds", 0.99, **of_it),
        waiting=int(now.sum("executions_waiting", **of_it)),
        running=int(now.sum("executions_running", **of_it)),
        oldest_s=now.sum("oldest_waiting_seconds", **of_it),
    )


def _node(between: _Between) -> NodeFigures:
    now = between.now
    build = next((labels for labels, _ in now.samples.get("build_info", ())), {})
    refusing = [labels["reason"] for labels, _ in now.samples.get("refusing", ())]
    oldest = [value for _, value in now.samples.get("oldest_waiting_seconds", ())]
    return NodeFigures(
        node=build.get("node", ""),
        version=build.get("version", ""),
        refusing="".join(refusing),
        store_available=bool(now.sum("store_available")),
        calls=between.rate("calls"),
        errors_4xx=between.rate("calls", status="4xx"),
        errors_5xx=between.rate("calls", status="5xx"),
        accept_p50_s=between.quantile("accept_seconds", 0.5),
        accept_p99_s=between.quantile("accept_seconds", 0.99),
        commit_s=between.mean("commit_seconds"),
        commit_size=between.mean("commit_size"),
        waiting=int(now.sum("executions_waiting")),
        running=int(now.sum("executions_running")),
        oldest_s=max(oldest, default=0.0),
        workers=int(now.sum("workers")),
        workers_busy=int(now.sum("workers_busy")),
        attempts=int(now.sum("worker_attempts")),
        slots=int(now.sum("worker_slots")),
        queued=int(now.sum("attempts_queued")),
        callers=int(now.sum("waiting_callers")),
        connections=int(now.sum("connections", port="public")),
        store_bytes=int(now.sum("store_bytes")),
    )
