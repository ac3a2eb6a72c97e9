"""How fast waiting messages run: in one lane, in a hundred, and beside a hot key."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.load import Bodies, post
from bench.servers import Node, wait_until_waiting
from bench.table import Row, note

RUNS = 3
CONNECTIONS = 64


@dataclass(frozen=True)
class Line:
    """``hot``: every second message has the first key."""

    title: str
    integration: str
    count: int
    lanes: int
    wanted: str = ""
    hot: bool = False


LINES = (
    Line("drain of 10,000 over 1 lane", "OneLane", 10_000, 0, "1,500/s, aim 2,500/s"),
    Line("drain of 50,000 over 100 lanes", "Lanes", 50_000, 100, "6,000/s, aim 12,000/s"),
    Line("drain of 20,000 over 100 lanes, half in one", "Lanes", 20_000, 100, "", hot=True),
)


def measure(folder: Path) -> list[Row]:
    """Each line on new nodes, whose stores hold nothing else."""
    return [_drained(folder, line) for line in LINES]


def _drained(folder: Path, line: Line) -> Row:
    rates, costs_us, memory_mib = [], [], 0.0
    for run in range(RUNS):
        node = Node.start(folder / f"drain-{line.integration}-{line.hot}-{run}")
        try:
            fill(node, line.integration, line.count, line.lanes, hot=line.hot)
            before = node.processor_s()
            count, rate = drain(node, line.integration, _last_settled)
            rates.append(rate)
            costs_us.append((node.processor_s() - before) / count * 1e6)
            memory_mib = node.engine_memory_mib()
        finally:
            node.server.stop()
        note(f"{line.title}: {rates[-1]:.0f}/s")
    return Row(
        line.title,
        f"**{statistics.median(rates):,.0f}/s**",
        processor_us=f"{statistics.median(costs_us):.0f}",
        engine_mib=f"{memory_mib:.0f}",
        wanted=line.wanted,
    )


def fill(node: Node, integration: str, count: int, lanes: int, *, hot: bool = False) -> None:
    """Let so many messages wait."""
    node.control("pause", integration)
    while (left := count - node.backlog(integration)["waiting"]) > 0:
        # wrk knows whole seconds, not counts: a few more come than are wanted.
        seconds = min(max(left // 20_000, 1), 20)
        post(
            node.url(integration),
            connections=CONNECTIONS,
            seconds=seconds,
            bodies=Bodies(lanes=lanes, hot=hot),
        )


def drain(node: Node, integration: str, last_settled: Callable[[Node], float]) -> tuple[int, float]:
    """How many were settled, and how many a second, from the resume to the last one.
    ``last_settled``: when that was, in seconds of the wall clock."""
    count = node.backlog(integration)["waiting"]
    began = time.time()
    node.control("resume", integration)
    wait_until_waiting(node, integration, 0)
    return count, count / (last_settled(node) - began)


def _last_settled(node: Node) -> float:
    with closing(sqlite3.connect(f"{node.store.as_uri()}?mode=ro", uri=True)) as store:
        (last_us,) = store.execute("SELECT max(settled_at_us) FROM execution").fetchone()
    return float(last_us / 1e6)
