"""The metrics of each integration. The 500 that were made first have labels of their own, all later
ones share one: what a scrape costs is bounded, and no name changes its labels when others come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from firesteel.admin.metrics.readings import ACCEPTED, Readings
from firesteel.store.figures import Tally, Totals
from firesteel.telemetry.meter import STATUS_CLASSES, TriggerMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from firesteel.engine.engine import Engine
    from firesteel.engine.route import Route

LABELLED: Final = 500
PIECE: Final = 50
OTHER: Final = ("(other)", "(other)")
"""No workspace or integration can have that name."""
_NONE_YET: Final = Totals(0, 0, 0)


@dataclass(slots=True)
class _Standing:
    """How an integration stands by the store, or several together."""

    accepted: int = 0
    replayed: int = 0
    settled: int = 0
    waiting: int = 0
    running: int = 0
    oldest_s: float = 0.0
    paused_lanes: int = 0

    def merge(self, other: _Standing) -> None:
        self.accepted += other.accepted
        self.replayed += other.replayed
        self.settled += other.settled
        self.waiting += other.waiting
        self.running += other.running
        self.oldest_s = max(self.oldest_s, other.oldest_s)
        self.paused_lanes += other.paused_lanes


@dataclass(slots=True)
class Counted:
    """What this node has counted of an integration, or of several together."""

    meter: TriggerMeter = field(default_factory=TriggerMeter)
    tally: Tally = field(default_factory=Tally)


def labelled(engine: Engine) -> Iterator[tuple[tuple[str, str], Route]]:
    """Every integration with its labels, those that were made first first."""
    routes = sorted(engine.routes, key=lambda route: route.trigger_no)
    for place, route in enumerate(routes):
        yield ((route.workspace, route.name) if place < LABELLED else OTHER), route


async def read_standing(engine: Engine, readings: Readings) -> None:
    """What the store says. Raises StoreUnavailable."""
    totals = await engine.figures.totals()
    paused = await engine.figures.paused_lanes()
    standing: dict[tuple[str, str], _Standing] = {}
    for labels, route in labelled(engine):
        found = await _standing(engine, route, totals)
        found.paused_lanes = paused.get(route.trigger_no, 0)
        standing.setdefault(labels, _Standing()).merge(found)
    for labels, one in standing.items():
        readings.add("messages_accepted", one.accepted, *labels)
        readings.add("executions_replayed", one.replayed, *labels)
        readings.add("executions_settled", one.settled, *labels)
        readings.add("executions_waiting", one.waiting, *labels)
        readings.add("executions_running", one.running, *labels)
        readings.add("oldest_waiting_seconds", one.oldest_s, *labels)
        readings.add("lanes_paused", one.paused_lanes, *labels)


async def _standing(engine: Engine, route: Route, totals: Mapping[int, Totals]) -> _Standing:
    so_far = totals.get(route.trigger_no, _NONE_YET)
    waiting, running = so_far.waiting, so_far.running
    if engine.settings.store_path is not None:
        waiting, running = engine.backlog(route.trigger_no)
    oldest_us = await engine.journal.oldest_waiting_us(route.trigger_no) if waiting else None
    return _Standing(
        so_far.accepted,
        so_far.replayed,
        max(so_far.accepted + so_far.replayed - waiting - running, 0),
        waiting,
        running,
        0.0 if oldest_us is None else max(engine.now_us() - oldest_us, 0) / 1e6,
    )


async def counted_by(engine: Engine) -> dict[tuple[str, str], Counted]:
    """What this node has counted, by labels; needs no store. Gives way to calls (P27)."""
    counted: dict[tuple[str, str], Counted] = {}
    for place, (labels, route) in enumerate(labelled(engine)):
        if place % PIECE == PIECE - 1:
            await asyncio.sleep(0)
        one = counted.setdefault(labels, Counted())
        one.tally.add(engine.traffic.since_start(route.trigger_no))
        meter = engine.meter.triggers.get(route.trigger_no)
        if meter is not None:
            one.meter.merge(meter)
    return counted


def add_counted(readings: Readings, counted: Mapping[tuple[str, str], Counted]) -> None:
    """All of it; in any thread."""
    for labels, one in counted.items():
        _add(readings, labels, one)


def _add(readings: Readings, labels: tuple[str, str], one: Counted) -> None:
    meter, tally = one.meter, one.tally
    for number, status in enumerate(STATUS_CLASSES, 1):
        if number > 1:
            readings.add("calls", meter.answers[number], *labels, status)
    for reason, count in sorted(meter.refused.items()):
        readings.add("calls_refused", count, *labels, reason)
    # Three quarters of all samples: those of integrations to which nothing happens are left out.
    if meter.accept_us.total:
        readings.add_distribution(
            "accept_seconds", meter.accept_us, ACCEPTED, *labels, per_unit=1e6
        )
    if tally.answer:
        readings.add_durations("answer_seconds", tally.answer, tally.answer_us, *labels)
    if tally.settle:
        readings.add_durations("settle_seconds", tally.settle, tally.settle_us, *labels)
    readings.add("executions_ended", tally.succeeded, *labels, "succeeded")
    readings.add("executions_ended", tally.failed, *labels, "failed")
    readings.add("retries", tally.retried, *labels)
    for kind in ("transient", "permanent", "unknown"):
        readings.add("attempts_failed", meter.failed_attempts[kind], *labels, kind)
