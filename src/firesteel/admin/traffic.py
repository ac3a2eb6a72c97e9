"""Traffic of a workspace over a span of time, put together from the figures of its triggers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firesteel.admin import shapes
from firesteel.admin.times import written
from firesteel.model.durations import Histogram, percentile_s
from firesteel.store.figures import Tally

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine
    from firesteel.store.figures import Figure

# Minutes of a span, and of one step in it: 60 to 96 steps. Hours are all that is left of old days.
_SPANS: Final[dict[shapes.SpanName, tuple[int, int]]] = {
    "1h": (60, 1),
    "24h": (24 * 60, 15),
    "7d": (7 * 24 * 60, 120),
    "30d": (30 * 24 * 60, 480),
}
_MINUTE_US: Final = 60_000_000

Steps = dict[int, Tally]
"""What happened by the minute at which a step begins."""


@dataclass(frozen=True, slots=True)
class _Span:
    """``begin`` and ``until`` (exclusive) in minutes, ``step`` in minutes."""

    name: shapes.SpanName
    begin: int
    until: int
    step: int


@dataclass(frozen=True, slots=True)
class _Now:
    """How an integration stands."""

    name: str
    trigger_no: int
    waiting: int
    running: int
    oldest_waiting_s: float


async def traffic_of(
    engine: Engine, workspace: str, span: shapes.SpanName, integration: str | None
) -> shapes.TrafficShape:
    """Of the workspace's integrations, or of one. Raises StoreUnavailable."""
    length, step = _SPANS[span]
    until = engine.now_us() // _MINUTE_US + 1
    asked = _Span(span, (until - length) // step * step, until, step)
    standing = [
        await _now(engine, item.name, item.trigger_no)
        for item in await engine.catalog.integrations(workspace)
        if integration in (None, item.name)
    ]
    found = await engine.figures.of_triggers(
        [one.trigger_no for one in standing], from_minute=asked.begin, until_minute=until
    )
    # A month of many triggers takes a while to sum: not on the loop that takes calls (P27).
    return await asyncio.to_thread(_summed, asked, standing, found)


async def _now(engine: Engine, name: str, trigger_no: int) -> _Now:
    waiting, running = engine.backlog(trigger_no)
    oldest_us = await engine.journal.oldest_waiting_us(trigger_no) if waiting else None
    oldest_s = 0.0 if oldest_us is None else max(engine.now_us() - oldest_us, 0) / 1e6
    return _Now(name, trigger_no, waiting, running, oldest_s)


def _summed(asked: _Span, standing: list[_Now], found: list[Figure]) -> shapes.TrafficShape:
    own: defaultdict[int, list[Figure]] = defaultdict(list)
    for one in found:
        own[one.trigger_no].append(one)
    every = _steps(found, asked.step)
    return shapes.TrafficShape(
        span=asked.name,
        begins_at=written(asked.begin * _MINUTE_US),
        ends_at=written(asked.until * _MINUTE_US),
        step_s=asked.step * 60,
        sum=_sum(every),
        points=_points(every),
        integrations=[
            _of_integration(now, _steps(own[now.trigger_no], asked.step)) for now in standing
        ],
    )


def _of_integration(now: _Now, steps: Steps) -> shapes.IntegrationTrafficShape:
    return shapes.IntegrationTrafficShape(
        integration=now.name,
        waiting=now.waiting,
        running=now.running,
        oldest_waiting_s=now.oldest_waiting_s,
        sum=_sum(steps),
        points=_points(steps),
    )


def _steps(found: list[Figure], step: int) -> Steps:
    """States of one trigger in a step: the most; of several triggers at one moment: their sum."""
    moments: Steps = {}
    for one in found:
        moment = moments.setdefault(one.minute, Tally())
        waiting = moment.waiting
        moment.add(one.tally)
        moment.waiting += waiting
    steps: Steps = {}
    for minute, tally in moments.items():
        whole = steps.setdefault(minute // step * step, Tally())
        waiting = whole.waiting
        whole.add(tally)
        whole.waiting = max(waiting, tally.waiting)
    return steps


def _points(steps: Steps) -> list[shapes.TrafficPointShape]:
    return [
        shapes.TrafficPointShape(
            at=written(minute * _MINUTE_US),
            accepted=tally.accepted,
            refused=tally.refused,
            succeeded=tally.succeeded,
            failed=tally.failed,
            retried=tally.retried,
            waiting=tally.waiting,
            oldest_waiting_s=tally.oldest_waiting_s,
            settled=_durations(tally.settle),
            answered=_durations(tally.answer),
        )
        for minute, tally in sorted(steps.items())
    ]


def _sum(steps: Steps) -> shapes.TrafficSumShape:
    total = Tally()
    for tally in steps.values():
        total.add(tally)
    return shapes.TrafficSumShape(
        accepted=total.accepted,
        refused=total.refused,
        succeeded=total.succeeded,
        failed=total.failed,
        retried=total.retried,
        settled=_durations(total.settle),
        answered=_durations(total.answer),
    )


def _durations(histogram: Histogram) -> shapes.DurationsShape:
    return shapes.DurationsShape(
        p50_s=percentile_s(histogram, 0.5),
        p95_s=percentile_s(histogram, 0.95),
        p99_s=percentile_s(histogram, 0.99),
    )
