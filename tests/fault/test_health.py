"""P33: what a node says of itself follows its store within 5 s, both ways; and its workers."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.defects import PLANTED, together
from tests.fault.report import Report
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until
from tests.support.postgres import Postgres

FULL_STORE = Path(__file__).parent / "full_store"
CYCLES = {"quick": 1, "full": 20, "soak": 200}
WITHIN_S = 5.0
LOOKS_S = 5.0
"""How long a node with a defect is given to find out all the same."""
STORES = ("sqlite", "postgresql")
BOTH = ("store_unavailable", "store_unavailable")
WELL = ("", "")

Switch = Callable[[bool], None]


@contextlib.contextmanager
def on_sqlite(folder: Path, *defects: str) -> Iterator[tuple[RunningNode, Switch]]:
    """A node, and what lets its store's disk be full, or not."""
    full = folder / "full"
    sources = together(folder / "joined", FULL_STORE, *(PLANTED / name for name in defects))

    def switch(gone: bool) -> None:
        if gone:
            full.touch()
        else:
            full.unlink()

    with node_in(folder, dict([sources]), STORE_FULL=str(full)) as node:
        yield node, switch


@contextlib.contextmanager
def on_postgresql(folder: Path, *defects: str) -> Iterator[tuple[RunningNode, Switch]]:
    """A node, and what stops its database, or starts it."""
    sources = [together(folder / "joined", *(PLANTED / name for name in defects))]
    with Postgres.started() as server:

        def switch(gone: bool) -> None:
            if gone:
                server.stop()
            else:
                server.start()

        with node_in(folder, dict(sources), FIRESTEEL_DATABASE_URL=server.url()) as node:
            yield node, switch


def node_in(
    folder: Path, given: dict[str, str], **more: str
) -> contextlib.AbstractContextManager[RunningNode]:
    """One worker, one integration."""
    project = ProjectFolder(folder / "project")
    project.integration({"name": "Any"})
    data = folder / "data"
    data.mkdir(mode=0o700)
    return running_node(data, project.path, **{"FIRESTEEL_WORKERS": "1", **given, **more})


PLACES = {"sqlite": on_sqlite, "postgresql": on_postgresql}


def told(node: RunningNode) -> tuple[str, str]:
    """Why the node is not ready, for a probe and for a balancer: "" where it is."""
    ready = node.client.get(f"{node.address['admin_url']}/health/ready")
    healthy = node.client.get(f"{node.public_url}/-/health")
    assert node.client.get(f"{node.address['admin_url']}/health/live").status_code == 200
    return (
        str(ready.json()["reason"]) if ready.status_code == 503 else "",
        str(healthy.json()["type"]).rpartition(":")[2] if healthy.status_code == 503 else "",
    )


def seconds_until(node: RunningNode, wanted: tuple[str, str]) -> float:
    since = time.monotonic()
    wait_until(lambda: told(node) == wanted)
    return time.monotonic() - since


@pytest.mark.parametrize("store", STORES)
def test_p33_health_follows_the_store_both_ways_while_nobody_calls(
    store: str, tmp_path: Path, size: Size, report: Report
) -> None:
    slowest_s = 0.0
    with PLACES[store](tmp_path) as (node, switch):
        engine_pid = node.engine_pid
        for _ in range(CYCLES[size]):
            switch(True)
            slowest_s = max(slowest_s, seconds_until(node, BOTH))
            assert node.call("Any", json={}).status_code == 503
            switch(False)
            slowest_s = max(slowest_s, seconds_until(node, WELL))
            assert wait_until(lambda: node.call("Any", json={}).status_code == 202)
        assert node.engine_pid == engine_pid
    note = f"{store}: slowest {slowest_s:.1f} s"
    report.row("P33", "the store takes no writes", cycles=CYCLES[size], note=note)
    if size != "quick":
        assert slowest_s <= WITHIN_S


@pytest.mark.parametrize("store", STORES)
def test_p33_fails_when_nobody_looks_at_the_store(
    store: str, tmp_path: Path, report: Report
) -> None:
    with PLACES[store](tmp_path, "store_not_watched") as (node, switch):
        switch(True)
        with pytest.raises(AssertionError, match="in vain"):
            wait_until(lambda: told(node) == BOTH, LOOKS_S)
        switch(False)
    report.defect("P33", "store_not_watched", found=True)


def test_p33_a_node_whose_workers_cannot_run_says_so_and_takes_calls_all_the_same(
    tmp_path: Path,
) -> None:
    with on_sqlite(tmp_path) as (node, _):
        (worker,) = node.worker_pids
        os.kill(node.process.pid, signal.SIGSTOP)  # or it would start another one
        try:
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: told(node) == ("no_workers", ""))
            assert node.call("Any", json={}).status_code == 202
        finally:
            os.kill(node.process.pid, signal.SIGCONT)
        wait_until(lambda: told(node) == WELL)
