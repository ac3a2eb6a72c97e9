"""P29: a node with a million messages starts as fast as one with ten."""

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
from tests.fault.report import Report
from tests.fault.stores import STORES, kept_on, told
from tests.support.big_database import BigDatabase
from tests.support.node import (
    KEY,
    ProjectFolder,
    RunningNode,
    launch_node,
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


def with_a_long_line(folder: Path, many: int, **environment: str) -> None:
    """A store in which so many messages wait, half of them in lanes."""
    (folder / "data").mkdir(mode=0o700)
    project = project_of(folder, BLOCKS).path
    node = start_node(folder / "data", project, FIRESTEEL_WORKER_SLOTS="1", **environment)
    for _ in range(5):  # more than the workers take at once
        assert node.call("Line", json={}).status_code == 202
    for _ in range(2):
        assert node.call("Lanes", json={"lane": "k"}).status_code == 202
    node.kill()
    node.client.close()
    wait_until(lambda: gone(node))
    if environment:
        database = BigDatabase(environment["FIRESTEEL_DATABASE_URL"])
        database.multiply(database.trigger_no("Line"), many // 2)
        database.multiply(database.trigger_no("Lanes"), many // 2, lanes=LANES)
        return
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


@pytest.mark.parametrize("store", STORES)
def test_p29_a_node_starts_at_once_however_many_messages_wait(
    store: str, size: Size, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with kept_on(store, request) as environment:
        with_a_long_line(tmp_path, MANY[size], **dict(environment))
        found = started(tmp_path, **dict(environment))
    if size == "quick":
        return
    note = (
        f"first accept {found.first_accept_s:.1f} s, first execution "
        f"{found.first_execution_s:.1f} s, engine {found.peak_bytes / MIB:.0f} MiB"
    )
    report.row("P29", told("start with 1,000,000 waiting", store), cycles=1, note=note)
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
