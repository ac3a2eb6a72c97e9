"""P29, P34: a node with a million messages starts as fast as one with ten, and purges unnoticed."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import Size
from tests.fault.big_store import BigStore
from tests.fault.defects import planted
from tests.fault.offer import Offer
from tests.fault.report import Report
from tests.support.node import (
    KEY,
    ProjectFolder,
    RunningNode,
    launch_node,
    running_node,
    start_node,
    wait_until,
)
from tests.support.processes import peak_memory_bytes

MIB = 1024**2
MANY = {"quick": 1000, "full": 1_000_000, "soak": 1_000_000}
LANES = 100
FIRST_ACCEPT_S = 5.0
FIRST_EXECUTION_S = 10.0
MEMORY_BYTES = 256 * MIB
OLD_DAYS = 40
CALLS_PER_S = 100.0
BEFORE_S = 30.0
FIRST_ROUND_S = 150.0
PURGE_S = 900.0

BLOCKS = """
import asyncio
from firesteel import workflow

@workflow
async def runs(input):
    await asyncio.Event().wait()
"""
BEGINS = """
import os
from firesteel import workflow

@workflow
def runs(input):
    with open(os.environ["BEGUN"], "a") as file:
        file.write("x")
"""


@dataclass(frozen=True, slots=True)
class Started:
    """What a start with a long line took."""

    first_accept_s: float
    first_execution_s: float
    peak_bytes: int


def project_of(folder: Path, source: str) -> ProjectFolder:
    """``Line`` without order, ``Lanes`` with a key, ``Kept`` without a workflow."""
    project = ProjectFolder(folder / "project")
    project.module("work", source)
    workflow = {"python": "work:runs"}
    project.integration({"name": "Line", "workflow": workflow})
    ordered = {"ordered_delivery": {"key": "body.lane"}}
    project.integration({"name": "Lanes", "trigger": ordered, "workflow": workflow})
    project.integration({"name": "Kept"})
    return project


def with_a_long_line(folder: Path, many: int) -> None:
    """A store in which so many messages wait, half of them in lanes."""
    (folder / "data").mkdir(mode=0o700)
    project = project_of(folder, BLOCKS).path
    node = start_node(folder / "data", project, FIRESTEEL_WORKER_SLOTS="1")
    for _ in range(5):  # more than the workers take at once
        assert node.call("Line", json={}).status_code == 202
    for _ in range(2):
        assert node.call("Lanes", json={"lane": "k"}).status_code == 202
    node.kill()
    node.client.close()
    wait_until(lambda: gone(node))
    store = BigStore(folder / "data" / "firesteel.db")
    store.multiply("Line", many // 2)
    store.multiply("Lanes", many // 2, lanes=LANES)


def gone(node: RunningNode) -> bool:
    """Whether its engine has given the port back."""
    address = urlsplit(node.public_url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) != 0


def started(folder: Path, **environment: str) -> Started:
    """Start on the long line, call until a call is accepted, wait until one that waited runs."""
    project = project_of(folder, BEGINS)
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    port = free_port()
    more = {"FIRESTEEL_PORT": str(port), "BEGUN": str(begun), **environment}
    since = time.monotonic()
    node = launch_node(folder / "data", project.path, **more)
    try:
        wait_until(lambda: accepted(port))
        first_accept_s = time.monotonic() - since
        wait_until(begun.exists)
        first_execution_s = time.monotonic() - since
        node.wait_ready()
        peak_bytes = peak_memory_bytes(node.engine_pid)
    finally:
        node.kill()
        node.client.close()
    wait_until(lambda: gone(node))
    return Started(first_accept_s, first_execution_s, peak_bytes)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def accepted(port: int) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        url = f"http://127.0.0.1:{port}/test/Kept"
        answer = httpx2.post(url, json={}, headers={"x-api-key": KEY}, timeout=FIRST_ACCEPT_S)
        return bool(answer.status_code == 202)
    return False


def test_p29_a_node_starts_at_once_however_many_messages_wait(
    size: Size, tmp_path: Path, report: Report
) -> None:
    with_a_long_line(tmp_path, MANY[size])
    found = started(tmp_path)
    if size == "quick":
        return
    note = (
        f"first accept {found.first_accept_s:.1f} s, first execution "
        f"{found.first_execution_s:.1f} s, engine {found.peak_bytes / MIB:.0f} MiB"
    )
    report.row("P29", "start with 1,000,000 waiting", cycles=1, note=note)
    assert found.first_accept_s <= FIRST_ACCEPT_S
    assert found.first_execution_s <= FIRST_EXECUTION_S
    assert found.peak_bytes < MEMORY_BYTES


@pytest.mark.full
def test_p29_fails_when_all_that_waits_is_read_at_the_start(
    size: Size, tmp_path: Path, report: Report
) -> None:
    with_a_long_line(tmp_path, MANY[size])
    found = started(tmp_path, **dict([planted("line_read_at_start")]))
    missed = found.peak_bytes >= MEMORY_BYTES or found.first_accept_s > FIRST_ACCEPT_S
    report.defect("P29", "line_read_at_start", found=missed)
    assert missed


# P34


def with_old_messages(folder: Path, many: int) -> None:
    """A store with so many executions that ended before retention's days."""
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", project_of(folder, BEGINS).path) as node:
        assert node.call("Kept", json={}).status_code == 202
    BigStore(folder / "data" / "firesteel.db").multiply("Kept", many, older_days=OLD_DAYS)


@pytest.mark.full
def test_p34_purging_a_million_executions_delays_no_call(
    size: Size, tmp_path: Path, report: Report
) -> None:
    with_old_messages(tmp_path, MANY[size])
    project = project_of(tmp_path, BEGINS).path
    with running_node(tmp_path / "data", project, FIRESTEEL_RETENTION_DAYS="365") as node:
        before = calls(node).run(BEFORE_S)
    with running_node(tmp_path / "data", project) as node:
        wait_until(lambda: purged(node) > 0, timeout_s=FIRST_ROUND_S)
        since = time.monotonic()
        during: list[float] = []
        told = 0
        while purged(node) <= MANY[size] and time.monotonic() - since < PURGE_S:
            tally = calls(node).run(BEFORE_S)
            during.append(tally.p99_s())
            told += tally.accepted
        took_s = time.monotonic() - since
        assert purged(node) == MANY[size] + 1
    worst = max(during)
    note = (
        f"purged in {took_s:.0f} s, p99 {before.p99_s() * 1e3:.1f} ms before, "
        f"{sorted(during)[len(during) // 2] * 1e3:.1f} ms (at most {worst * 1e3:.1f} ms) meanwhile"
    )
    report.row("P34", "1,000,000 purged", cycles=1, acknowledged=told, note=note)
    assert sorted(during)[len(during) // 2] < 2 * before.p99_s()


def calls(node: RunningNode) -> Offer:
    port = urlsplit(node.public_url).port
    assert port is not None
    return Offer(port, "/test/Kept", CALLS_PER_S, connections=10)


def purged(node: RunningNode) -> int:
    statistics = node.admin("GET", "/workspaces/test/statistics")
    found: int = next(one for one in statistics if one["integration"] == "Kept")["purged"]
    return found
