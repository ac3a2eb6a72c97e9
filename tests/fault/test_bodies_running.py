"""P24: bodies that run are bounded in sum, in the engine and its workers; short ones pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

MIB = 1024**2
LIMIT_BYTES = 8 * MIB
LONG_BYTES = 3 * MIB
EACH = 4
TRIGGERS = ("First", "Second")
WORK = """
import asyncio, os
from pathlib import Path
from firesteel import workflow

def told(line):
    handle = os.open({told!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, line.encode() + b"\\n")
    os.close(handle)

@workflow
async def weigh(input, message):
    size = len(message.body)
    told(f"{{size}}")
    while not Path({go!r}).exists():
        await asyncio.sleep(0.01)
    told(f"-{{size}}")
"""


@contextmanager
def weighing(folder: Path, **environment: str) -> Iterator[tuple[RunningNode, Path, Path]]:
    """A node, a file that lets its executions end, and one in which they tell what they hold."""
    go, told = folder / "go", folder / "told"
    project = ProjectFolder(folder / "project")
    project.module("work", WORK.format(told=str(told), go=str(go)))
    for name in TRIGGERS:
        project.integration({"name": name, "workflow": {"python": "work:weigh"}})
    (folder / "data").mkdir(mode=0o700)
    limits = {"FIRESTEEL_BODIES_RUNNING": f"{LIMIT_BYTES}B", "FIRESTEEL_DISK_RESERVE": "1MiB"}
    with running_node(folder / "data", project.path, **limits, **environment) as node:
        yield node, go, told


def weights(told: Path) -> list[int]:
    """What began, and what ended as a negative number."""
    return [int(line) for line in told.read_text().split()] if told.exists() else []


def heaviest(told: Path) -> int:
    """How many bytes ran at once at most."""
    now = most = 0
    for weight in weights(told):
        now += weight
        most = max(most, now)
    return most


def weighed(node: RunningNode, go: Path, told: Path) -> int:
    """Send long messages and then short ones, and let them end when all short ones run."""
    for _ in range(EACH):
        for name in TRIGGERS:
            assert node.call(name, content=bytes(LONG_BYTES)).status_code == 202
    for name in TRIGGERS:
        assert node.call(name, content=b"x").status_code == 202
    wait_until(lambda: weights(told).count(1) == len(TRIGGERS))
    go.touch()
    wait_until(lambda: weights(told).count(-LONG_BYTES) == EACH * len(TRIGGERS))
    return heaviest(told)


def test_p24_long_bodies_run_as_many_at_once_as_there_is_room(
    tmp_path: Path, report: Report
) -> None:
    with weighing(tmp_path) as (node, go, told):
        most_bytes = weighed(node, go, told)
    note = f"{most_bytes / MIB:.1f} MiB ran at once at most, of {LIMIT_BYTES // MIB}"
    report.row("P24", "long bodies that run", acknowledged=EACH * len(TRIGGERS), note=note)
    assert 2 * LONG_BYTES <= most_bytes <= LIMIT_BYTES


def test_p24_fails_when_slots_alone_bound_what_runs(tmp_path: Path, report: Report) -> None:
    environment = dict([planted("long_bodies_run_at_once")])
    with weighing(tmp_path, **environment) as (node, go, told):
        found = weighed(node, go, told) > LIMIT_BYTES
    report.defect("P24", "long_bodies_run_at_once", found=found)
    assert found
