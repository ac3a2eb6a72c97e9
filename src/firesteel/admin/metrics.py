"""Metrics in Prometheus' text form, read from the engine when they are asked for.

Nothing is counted on the way of a message: all figures come from what the journal keeps anyway.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from firesteel.engine.expiring import expiring

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine
    from firesteel.engine.route import Route

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LABELS: Final = ("workspace", "integration")


async def exposition(engine: Engine) -> bytes:
    """All metrics of the node."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read([*await _of_triggers(engine), *await _of_node(engine)]))
    return generate_latest(registry)


class _Read(Collector):
    """Metrics that were read already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


async def _of_triggers(engine: Engine) -> list[Metric]:
    accepted = CounterMetricFamily(
        "firesteel_messages_accepted",
        "Messages accepted, since the trigger was made.",
        labels=_LABELS,
    )
    replayed = CounterMetricFamily(
        "firesteel_executions_replayed", "Executions made by replays.", labels=_LABELS
    )
    settled = CounterMetricFamily(
        "firesteel_executions_settled", "Executions that have ended.", labels=_LABELS
    )
    waiting = GaugeMetricFamily(
        "firesteel_executions_waiting", "Executions that wait.", labels=_LABELS
    )
    running = GaugeMetricFamily(
        "firesteel_executions_running", "Executions that run.", labels=_LABELS
    )
    oldest = GaugeMetricFamily(
        "firesteel_oldest_waiting_seconds",
        "Age of the message that has waited longest; 0 where none waits.",
        labels=_LABELS,
    )
    for route in engine.routes:
        labels = (route.workspace, route.name)
        messages, replays = await engine.journal.totals(route.trigger_no)
        now_waiting, now_running = engine.backlog(route.trigger_no)
        accepted.add_metric(labels, messages)
        replayed.add_metric(labels, replays)
        settled.add_metric(labels, max(messages + replays - now_waiting - now_running, 0))
        waiting.add_metric(labels, now_waiting)
        running.add_metric(labels, now_running)
        oldest.add_metric(labels, await _oldest_s(engine, route))
    return [accepted, replayed, settled, waiting, running, oldest]


async def _oldest_s(engine: Engine, route: Route) -> float:
    received_at_us = await engine.journal.oldest_waiting_us(route.trigger_no)
    return 0.0 if received_at_us is None else max(time.time() - received_at_us / 1e6, 0.0)


async def _of_node(engine: Engine) -> list[Metric]:
    workers = engine.workers()
    figures = (
        ("firesteel_accepting", "1 while calls are accepted.", float(engine.accepting)),
        ("firesteel_workers", "Worker processes that take attempts.", _ready(workers)),
        (
            "firesteel_worker_attempts",
            "Attempts that run in worker processes.",
            sum(int(worker["running"]) for worker in workers),
        ),
        ("firesteel_waiting_callers", "Calls that wait for a response.", engine.waiting_callers),
        (
            "firesteel_store_bytes",
            "What the store takes on disk.",
            await engine.history.size_bytes(),
        ),
    )
    found = [GaugeMetricFamily(name, text, value=value) for name, text, value in figures]
    return [*found, await _of_keys(engine)]


async def _of_keys(engine: Engine) -> Metric:
    keys = GaugeMetricFamily(
        "firesteel_api_keys", "API keys that expire soon or have expired.", labels=("expiry",)
    )
    days = engine.settings.key_warning_days
    over = [ended for _, ended in expiring(await engine.catalog.keys(), engine.now_us(), days)]
    keys.add_metric(("expires_soon",), over.count(False))
    keys.add_metric(("expired",), over.count(True))
    return keys


def _ready(workers: list[dict[str, int | bool]]) -> int:
    return sum(1 for worker in workers if worker["ready"])
