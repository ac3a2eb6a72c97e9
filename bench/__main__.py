"""``make bench``: measures a node beside a bare server in the same run and prints one table.

Everything runs on one machine: wrk (one thread), the server, its workers. Rates are compared as
ratios of runs that alternate, since such machines are noisy; medians of three.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.load import Load, post, require_wrk
from bench.servers import Node, Server, bare_server

RUNS = 3
SECONDS = 5
CONNECTIONS = 64
LANES = 100
ONE_LANE = 10_000
MANY_LANES = 50_000
MILLION = 1_000_000
WINDOW = 50_000


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    work: str
    reached: str
    wanted: str


def main() -> int:
    options = _options()
    require_wrk()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="firesteel-bench-") as name:
        folder = Path(name)
        Node.start(folder / "first").server.stop()  # makes files and caches: not what is measured
        bare, node = bare_server(), Node.start(folder / "first")
        rows.append(Row("`firesteel serve` ready", f"{node.ready_s:.2f} s", "2 s"))
        try:
            rows += rates(bare, node, options.seconds)
            rows += one_connection(bare, node, options.seconds)
        finally:
            bare.stop()
            node.server.stop()
        rows += drains(folder)
        if not options.short:
            rows += million(folder)
    print_table(rows)
    return 0


def rates(bare: Server, node: Node, seconds: int) -> list[Row]:
    """64 connections: each kind of call beside the bare server, in turn."""
    found: dict[str, list[Load]] = {"bare": [], "Recorded": [], "Accept": [], "Respond": []}
    cost: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(RUNS):
        for name, loads in found.items():
            url = f"{bare.url}/x" if name == "bare" else f"{node.server.url}/bench/{name}"
            before = node.processor_s()
            loads.append(post(url, connections=CONNECTIONS, seconds=seconds))
            settle(node)
            cost[name].append((node.processor_s() - before) / max(loads[-1].requests, 1) * 1e6)
            note(f"{name}: {loads[-1].rate:.0f}/s")
    limit = statistics.median(load.rate for load in found["bare"])
    rows = [Row("bare uvicorn, 64 connections", _shown(found["bare"]), "1")]
    for name, work, wanted in (
        ("Recorded", "durable accept, recorded only", "0.35"),
        ("Accept", "durable accept, while an empty workflow runs for each", ""),
        ("Respond", "Request-Response, empty workflow, full history", "0.22"),
    ):
        loads = found[name]
        ratio = statistics.median(load.rate for load in loads) / limit
        each_us = statistics.median(cost[name])
        bad = sum(load.bad for load in loads)
        shown = (
            f"**{ratio:.2f}** of bare: {_shown(loads)}; {each_us:.0f} µs of processor, {bad} bad"
        )
        rows.append(Row(work, shown, wanted))
    return rows


def one_connection(bare: Server, node: Node, seconds: int) -> list[Row]:
    """One connection: how long a call takes."""
    found: dict[str, list[float]] = {"bare": [], "Recorded": [], "Respond": []}
    for _ in range(RUNS):
        for name, p50s in found.items():
            url = f"{bare.url}/x" if name == "bare" else f"{node.server.url}/bench/{name}"
            p50s.append(post(url, connections=1, seconds=max(seconds // 2, 1)).p50_ms)
    accept, respond = statistics.median(found["Recorded"]), statistics.median(found["Respond"])
    bare_ms = statistics.median(found["bare"])
    return [
        Row("durable accept, one connection, p50", f"{accept:.2f} ms (bare {bare_ms:.2f} ms)", ""),
        Row("Request-Response, one connection, p50", f"**{respond:.2f} ms**", "2 ms"),
        Row("the same as multiple of the accept", f"{respond / accept:.2f}", "2.5"),
    ]


def drains(folder: Path) -> list[Row]:
    """How fast waiting messages run: one lane, and 100 lanes side by side."""
    rows = []
    for name, count, lanes, wanted in (
        ("OneLane", ONE_LANE, 0, "1,500/s"),
        ("Lanes", MANY_LANES, LANES, "6,000/s"),
    ):
        reached = []
        for run in range(RUNS):
            node = Node.start(folder / f"drain-{name}-{run}")
            try:
                fill(node, name, count, lanes)
                reached.append(drain(node, name))
            finally:
                node.server.stop()
            note(f"{name}: {reached[-1]:.0f}/s")
        work = f"drain of {count:,} over {max(lanes, 1)} lane{'s' if lanes else ''}"
        rows.append(Row(work, f"**{statistics.median(reached):,.0f}/s**", wanted))
    return rows


def million(folder: Path) -> list[Row]:
    """A million waiting, then settled: cost of a message at both ends, memory of the engine."""
    node = Node.start(folder / "million")
    try:
        fill(node, "Lanes", MILLION, LANES)
        waiting_mib = node.engine_memory_mib()
        control(node, "resume", "Lanes")
        full = cost_us(node, "Lanes", MILLION, MILLION - WINDOW)
        wait_until_waiting(node, "Lanes", MILLION // 2)
        half_mib = node.engine_memory_mib()
        wait_until_waiting(node, "Lanes", WINDOW)
        empty = cost_us(node, "Lanes", WINDOW, 0)
        end_mib = node.engine_memory_mib()
        node.server.stop()
        again = Node.start(folder / "million")
        node = again
    finally:
        node.server.stop()
    return [
        Row(
            "processor time of a message: near 1,000,000 waiting / under 50,000 waiting",
            f"{full:.0f} µs / {empty:.0f} µs = **{full / empty:.2f}**",
            "within 20 %",
        ),
        Row("engine memory with 1,000,000 waiting", f"{waiting_mib:.0f} MiB", "256 MiB"),
        Row(
            "engine memory after 500,000 / 1,000,000 settled",
            f"{half_mib:.0f} MiB / **{end_mib:.0f} MiB**",
            "300 MiB, no growth",
        ),
        Row("start with 1,000,000 settled messages", f"{again.ready_s:.2f} s", ""),
    ]


def fill(node: Node, name: str, count: int, lanes: int) -> None:
    """Let so many messages wait."""
    control(node, "pause", name)
    url = f"{node.server.url}/bench/{name}"
    while (left := count - node.backlog(name)["waiting"]) > 0:
        # wrk knows whole seconds, not counts: a few more come than are wanted.
        seconds = min(max(left // 15_000, 1), 20)
        post(url, connections=CONNECTIONS, seconds=seconds, lanes=lanes)


def drain(node: Node, name: str) -> float:
    """Messages settled a second, from the resume to the last one."""
    count = node.backlog(name)["waiting"]
    began = time.time()
    control(node, "resume", name)
    wait_until_waiting(node, name, 0)
    with closing(sqlite3.connect(f"{node.store.as_uri()}?mode=ro", uri=True)) as store:
        (last_us,) = store.execute("SELECT max(settled_at_us) FROM execution").fetchone()
    return float(count / (last_us / 1e6 - began))


def cost_us(node: Node, name: str, begin: int, end: int) -> float:
    """Processor microseconds of all processes a message while waiting goes from begin to end."""
    wait_until_waiting(node, name, begin)
    count, before = node.backlog(name)["waiting"], node.processor_s()
    wait_until_waiting(node, name, end)
    return (node.processor_s() - before) / (count - node.backlog(name)["waiting"]) * 1e6


def settle(node: Node) -> None:
    """Wait until nothing waits or runs."""
    for name in ("Accept", "Respond"):
        wait_until_waiting(node, name, 0)


def wait_until_waiting(node: Node, name: str, most: int) -> None:
    """Until at most so many messages wait or run."""
    while True:
        found = node.backlog(name)
        if found["waiting"] + found["running"] <= most:
            return
        time.sleep(0.1)


def control(node: Node, act: str, name: str) -> None:
    node.admin("POST", f"/workspaces/bench/lanes/{act}", {"integration": name})


def print_table(rows: list[Row]) -> None:
    """One Markdown table, with where and when."""
    version = platform.python_version()
    where = f"{platform.system()} {platform.machine()}, Python {version}, SQLite"
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {where} {sqlite3.sqlite_version}, 1 KB JSON body\n")
    print("| Work | Reached | Wanted |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {row.work} | {row.reached} | {row.wanted} |")


def note(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _shown(loads: list[Load]) -> str:
    rate = statistics.median(load.rate for load in loads)
    p50 = statistics.median(load.p50_ms for load in loads)
    p99 = statistics.median(load.p99_ms for load in loads)
    return f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one run of wrk")
    parser.add_argument("--short", action="store_true", help="leave out the million messages")
    return parser.parse_args()


if __name__ == "__main__":
    if shutil.which("wrk") is None:
        note("wrk is not here yet")
    sys.exit(main())
