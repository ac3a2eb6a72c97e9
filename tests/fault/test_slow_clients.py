"""P26: clients that are slower than the deadlines are gone in time, and cost the others little."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.conftest import Size
from tests.fault.defects import PLANTED, together
from tests.fault.offer import Offer
from tests.fault.report import Report
from tests.fault.zoo import KINDS
from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.processes import peak_memory_bytes

HASTY = Path(__file__).parent / "hasty_deadlines"
CLIENTS = {"quick": 2 * len(KINDS), "full": 2000, "soak": 2000}
PATIENCE_S = {"quick": 90.0, "full": 60.0, "soak": 60.0}
DEFECT_PATIENCE_S = 12.0
GONE_S = 35.0
COST_S = 0.05
CALLS_PER_S = 100.0
PROBE_S = 10.0
PROBES = 3
MIB = 1024**2
LONG_ANSWER = """
from firesteel import workflow

@workflow
def long(input):
    return "x" * 1024**2
"""


@contextmanager
def open_house(folder: Path, *environment: tuple[str, str]) -> Iterator[RunningNode]:
    """A node that anybody may call."""
    project = ProjectFolder(folder / "project")
    project.module("work", LONG_ANSWER)
    project.integration({"name": "Keep", "trigger": {"authentication": []}})
    trigger = {"authentication": [], "request_response": True}
    project.integration({"name": "Big", "trigger": trigger, "workflow": {"python": "work:long"}})
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", project.path, **dict(environment)) as node:
        yield node


@contextmanager
def zoo(node: RunningNode, clients: int, patience_s: float) -> Iterator[subprocess.Popen[str]]:
    """They come within two seconds, and stay for as long as they are let."""
    command = [sys.executable, "-m", "tests.fault.zoo", str(public_port(node)), str(clients)]
    process = subprocess.Popen(
        [*command, str(patience_s)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def longest_visits(process: subprocess.Popen[str]) -> dict[str, float | None]:
    """Of each kind; None where some never left."""
    told, _ = process.communicate(timeout=300)
    found: dict[str, float | None] = json.loads(told)
    return found


def public_port(node: RunningNode) -> int:
    port = urlsplit(node.public_url).port
    assert port is not None
    return port


def p99_s(node: RunningNode) -> float:
    """Of calls at a steady rate: the median of several windows, one right after the other."""
    calls = Offer(public_port(node), "/test/Keep", CALLS_PER_S)
    return statistics.median(calls.run(PROBE_S).p99_s() for _ in range(PROBES))


def test_p26_slow_clients_of_every_kind_are_gone_in_time_and_cost_the_others_little(
    size: Size, tmp_path: Path, report: Report
) -> None:
    if size == "quick":
        hasty = [together(tmp_path / "site", HASTY)]
        with (
            open_house(tmp_path, *hasty) as node,
            zoo(node, CLIENTS[size], PATIENCE_S[size]) as crowd,
        ):
            assert None not in longest_visits(crowd).values()
        return
    with open_house(tmp_path) as node:
        before_s = p99_s(node)
        with zoo(node, CLIENTS[size], PATIENCE_S[size]) as crowd:
            beside_s = p99_s(node)
            visits = longest_visits(crowd)
        peak_bytes = peak_memory_bytes(node.engine_pid)
    last_s = max(PATIENCE_S[size] if took is None else took for took in visits.values())
    note = (
        f"the last was gone after {last_s:.1f} s; others' p99 {before_s * 1e3:.1f} ms before, "
        f"{beside_s * 1e3:.1f} ms beside them; engine {peak_bytes // MIB} MiB"
    )
    report.row("P26", f"{CLIENTS[size]:,} slow clients of nine kinds", note=note)
    assert {name: took for name, took in visits.items() if took is None or took > GONE_S} == {}
    assert beside_s - before_s < COST_S


def test_p26_fails_when_slow_bodies_are_waited_for(tmp_path: Path, report: Report) -> None:
    defect = PLANTED / "slow_bodies_are_waited_for"
    with (
        open_house(tmp_path, together(tmp_path / "site", HASTY, defect)) as node,
        zoo(node, len(KINDS), DEFECT_PATIENCE_S) as crowd,
    ):
        visits = longest_visits(crowd)
    found = visits["body_by_bytes"] is None and visits["silent"] is not None
    report.defect("P26", "slow_bodies_are_waited_for", found=found)
    assert found
