"""P24: what is offered over what the node can do is refused with Retry-After, and costs nothing."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.offer import Offer
from tests.fault.report import Report
from tests.fault.stores import DEFECTS_ON, STORES, kept_on, told
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until
from tests.support.processes import peak_memory_bytes

MIB = 1024**2
# One execution takes so long: in the quick size longer than all calls, on any machine.
STEP_S = {"quick": 2.0, "full": 0.1, "soak": 0.1}
AT_ONCE = 10
SUSTAINABLE_PER_S = 100.0
TEN_TIMES_PER_S = 10 * SUSTAINABLE_PER_S
WAITING = {"quick": 5, "full": 2000, "soak": 2000}
OVERLOAD_S = {"quick": 0.2, "full": 600.0, "soak": 3600.0}
BIG_S = 30.0
BIG_CALLERS = 256
PROBE_S = 5.0
PROBES = 5
BACK_S = 10.0
MEMORY_BYTES = 512 * MIB
# What 99 of 100 calls may take longer than before: the median of several windows, since a neighbour
# on the machine, or its disk, may disturb any one of them.
SLACK_S = 0.02

SLOW = """
import asyncio
from firesteel import workflow

@workflow
async def slow(input):
    await asyncio.sleep({step_s})
"""


@contextmanager
def overloadable(folder: Path, size: Size, **environment: str) -> Iterator[RunningNode]:
    """A node whose trigger ``Slow`` runs so much a second and lets so many wait; ``Keep`` has no
    workflow."""
    project = ProjectFolder(folder / "project")
    project.module("slow", SLOW.format(step_s=STEP_S[size]))
    trigger = {"concurrency": AT_ONCE, "max_waiting": WAITING[size]}
    project.integration({"name": "Slow", "trigger": trigger, "workflow": {"python": "slow:slow"}})
    project.integration({"name": "Keep"})
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", project.path, **environment) as node:
        yield node


def offer(node: RunningNode, name: str, rate_per_s: float, **more: object) -> Offer:
    port = urlsplit(node.public_url).port
    assert port is not None
    return Offer(port, f"/test/{name}", rate_per_s, **more)  # type: ignore[arg-type]


def kept(node: RunningNode, name: str) -> bool:
    """Whether nothing of the trigger waits or runs, and its books balance."""
    statistics = node.admin("GET", "/workspaces/test/statistics")
    found = next(one for one in statistics if one["integration"] == name)
    return bool(found["ended"] == found["accepted"] and not found["waiting"])


@pytest.mark.parametrize("store", STORES)
def test_p24_ten_times_the_sustainable_rate_is_refused_with_retry_after(
    store: str, size: Size, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with (
        kept_on(store, request) as environment,
        overloadable(tmp_path, size, **dict(environment)) as node,
    ):
        before_s = p99_s(node) if size != "quick" else 0.0
        tally = offer(node, "Slow", TEN_TIMES_PER_S).run(OVERLOAD_S[size])
        if size != "quick":
            offer(node, "Keep", SUSTAINABLE_PER_S / 2).run(BACK_S)
        after_s = p99_s(node) if size != "quick" else 0.0
        peak_bytes = peak_memory_bytes(node.engine_pid)
        wait_until(lambda: kept(node, "Slow"))
    if size != "quick":
        note = (
            f"{tally.refused:,} of {tally.told.total():,} refused, engine {peak_bytes // MIB} MiB, "
            f"p99 {before_s * 1e3:.1f} ms before, {after_s * 1e3:.1f} ms {BACK_S:.0f} s after"
        )
        what = told("ten times the rate", store)
        report.row("P24", what, acknowledged=tally.accepted, note=note)
        assert peak_bytes < MEMORY_BYTES
        assert after_s <= before_s + SLACK_S
    assert set(tally.told) == {(202, ""), (429, "lane_full")}
    assert tally.without_retry_after == 0


def p99_s(node: RunningNode) -> float:
    """Of calls that nothing of their trigger is in the way of: the median of several windows."""
    calm = offer(node, "Keep", SUSTAINABLE_PER_S / 2)
    return statistics.median(calm.run(PROBE_S).p99_s() for _ in range(PROBES))


@pytest.mark.full
@pytest.mark.parametrize("store", STORES)
def test_p24_bodies_of_a_megabyte_do_not_fill_the_memory(
    store: str, size: Size, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with (
        kept_on(store, request) as environment,
        overloadable(tmp_path, size, **dict(environment)) as node,
    ):
        flood = offer(node, "Keep", 1e6, connections=BIG_CALLERS, body=bytes(MIB))
        tally = flood.run(BIG_S)
        peak_bytes = peak_memory_bytes(node.engine_pid)
        wait_until(lambda: kept(node, "Keep"))
    note = f"{tally.refused:,} of {tally.told.total():,} refused, engine {peak_bytes // MIB} MiB"
    what = told("256 callers with 1 MiB", store)
    report.row("P24", what, acknowledged=tally.accepted, note=note)
    assert set(tally.told) <= {(202, ""), (503, "overloaded")}
    assert tally.without_retry_after == 0
    assert peak_bytes < MEMORY_BYTES


@pytest.mark.parametrize("store", DEFECTS_ON)
def test_p24_fails_when_as_many_messages_wait_as_come(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with (
        kept_on(store, request) as environment,
        overloadable(tmp_path, "quick", **dict([*environment, planted("lane_never_full")])) as node,
    ):
        tally = offer(node, "Slow", TEN_TIMES_PER_S).run(OVERLOAD_S["quick"])
    found = (429, "lane_full") not in tally.told
    report.defect("P24", told("lane_never_full", store), found=found)
    assert found
