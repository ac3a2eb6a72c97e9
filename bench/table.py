"""The one table that a run prints."""

from __future__ import annotations

import platform
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.load import Load


@dataclass(frozen=True)
class Row:
    """A line. ``of_bare``: the rate as a part of the bare server's in the same run, with the same
    bodies; ``wanted``: what docs and issues aim at."""

    work: str
    reached: str
    of_bare: str = ""
    p50_ms: str = ""
    p99_ms: str = ""
    processor_us: str = ""
    engine_mib: str = ""
    wanted: str = ""


@dataclass(frozen=True)
class Cost:
    """Of a message: processor time of all the node's processes; and the engine's memory then."""

    engine_mib: float
    processor_us: float | None = None


def row_of_loads(
    work: str,
    loads: Sequence[Load],
    *,
    bare_rate: float | None = None,
    cost: Cost | None = None,
    wanted: str = "",
) -> Row:
    """Medians of several runs of wrk."""
    rate = statistics.median(load.rate for load in loads)
    bad = sum(load.bad for load in loads)
    return Row(
        work,
        f"{rate:,.0f}/s" + (f", {bad} bad" if bad else ""),
        "" if bare_rate is None else f"**{rate / bare_rate:.2f}**",
        f"{statistics.median(load.p50_ms for load in loads):.2f}",
        f"{statistics.median(load.p99_ms for load in loads):.1f}",
        "" if cost is None or cost.processor_us is None else f"{cost.processor_us:.0f}",
        "" if cost is None else f"{cost.engine_mib:.0f}",
        wanted,
    )


def print_table(rows: Sequence[Row]) -> None:
    """Markdown, with where and when."""
    version = platform.python_version()
    where = f"{platform.system()} {platform.machine()}, Python {version}, SQLite"
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {where} {sqlite3.sqlite_version}, 1 KB JSON body\n")
    heads = "Work | Reached | Of bare | p50 ms | p99 ms | Processor µs | Engine MiB | Wanted"
    print(f"| {heads} |\n|{' --- |' * 8}")
    for row in rows:
        cells = (row.work, row.reached, row.of_bare, row.p50_ms, row.p99_ms)
        print(f"| {' | '.join((*cells, row.processor_us, row.engine_mib, row.wanted))} |")


def note(text: str) -> None:
    """How far the run is."""
    print(f"  {text}", file=sys.stderr, flush=True)
