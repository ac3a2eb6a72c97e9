"""P14: a worker that was stopped past its engine's lease, and goes on, starts nothing more.

A whole node is stopped, engine and workers; here the worker alone, with the engine's end of its
socket in the test's hand. The witness is a file that every step writes to when it starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from firesteel.model import frames
from firesteel.model.lease_clock import now_s
from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.engine_peer import EnginePeer
from tests.support.node import wait_until

CYCLES = {"quick": 3, "full": 300, "soak": 3000}
LEASE_S = 0.25
WORKFLOWS = """
import asyncio, os
from firesteel import step, workflow

def witness(what):
    with open(os.environ["WITNESS"], "a") as file:
        file.write(what + "\\n")

@step
async def first():
    witness("first")
    while not os.path.exists(os.environ["GO_ON"]):
        await asyncio.sleep(0.01)

@step
async def second(): witness("second")

@workflow
async def stubborn():
    await first()
    try:
        await second()
    except Exception:
        witness("caught")
    return "done"

@workflow
async def nothing(): return "done"
"""
STEPS = [
    {"name": "one", "python": {"function": "flows:first"}},
    {"name": "two", "python": {"function": "flows:second"}},
]
BY_FUNCTION = {"name": "Orders", "workflow": {"python": "flows:stubborn"}}
BY_STEPS = {"name": "Orders", "workflow": {"steps": STEPS}}
NOTHING = {"name": "Nothing", "workflow": {"python": "flows:nothing"}}


@contextlib.contextmanager
def worker(folder: Path, *environment: tuple[str, str]) -> Iterator[EnginePeer]:
    (folder / "workflows").mkdir()
    (folder / "workflows" / "flows.py").write_text(WORKFLOWS)
    own = {"WITNESS": str(folder / "witness"), "GO_ON": str(folder / "go on")}
    with EnginePeer.started(folder, {**own, **dict(environment)}) as peer:
        peer.define(NOTHING, version_no=2)
        yield peer


def seen(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return (folder / "witness").read_text().split()
    return []


def stopped_past_its_lease(peer: EnginePeer, folder: Path, *, before_it_starts: bool) -> list[str]:
    """What starts after the worker was stopped, its lease has lapsed, and it goes on."""
    (folder / "witness").write_text("")
    (folder / "go on").unlink(missing_ok=True)
    if before_it_starts:
        peer.send(frames.Lease(now_s() + LEASE_S))
        os.kill(peer.process.pid, signal.SIGSTOP)
        number = peer.run()
    else:
        peer.send(frames.Lease(now_s() + 60))
        number = peer.run()
        wait_until(lambda: seen(folder))
        peer.send(frames.Lease(now_s() + LEASE_S))
        peer.outcome(peer.run(version_no=2))  # so it has read which lease holds now
        os.kill(peer.process.pid, signal.SIGSTOP)
    began = seen(folder)
    time.sleep(LEASE_S + 0.05)  # the lease itself is what is waited for
    (folder / "go on").touch()
    os.kill(peer.process.pid, signal.SIGCONT)
    outcome = peer.outcome(number)
    started = [step for step in seen(folder)[len(began) :] if step != "caught"]
    assert started or (outcome.failure is not None and outcome.failure.code == "lease_lost")
    return started


def test_p14_a_worker_that_slept_past_the_lease_starts_no_attempt_and_no_step(
    tmp_path: Path, size: Size, report: Report
) -> None:
    started = []
    with worker(tmp_path) as peer:
        for cycle in range(CYCLES[size]):
            peer.define(BY_FUNCTION if cycle % 2 else BY_STEPS)
            started += stopped_past_its_lease(peer, tmp_path, before_it_starts=False)
            started += stopped_past_its_lease(peer, tmp_path, before_it_starts=True)
    report.row("P14", "worker past its lease", cycles=2 * CYCLES[size], doubled=len(started))
    assert started == []


def test_a_worker_goes_on_when_the_lease_is_renewed(tmp_path: Path) -> None:
    with worker(tmp_path) as peer:
        peer.define(BY_FUNCTION)
        (tmp_path / "go on").touch()
        peer.send(frames.Lease(now_s() - 1))
        failure = peer.outcome(peer.run()).failure
        peer.send(frames.Lease(now_s() + 60))
        response = peer.outcome(peer.run()).response
    assert failure is not None
    assert failure.code == "lease_lost"
    assert response is not None
    assert seen(tmp_path) == ["first", "second"]


def test_p14_fails_where_a_worker_does_not_look_at_the_lease(
    tmp_path: Path, report: Report
) -> None:
    with worker(tmp_path, planted("worker_without_a_lease")) as peer:
        peer.define(BY_FUNCTION)
        started = stopped_past_its_lease(peer, tmp_path, before_it_starts=True)
    report.defect("P14", "worker_without_a_lease", found=bool(started))
    assert started
