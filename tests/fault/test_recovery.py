"""The death of one process: who goes on, who goes along, and what callers see of it."""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.defects import planted
from tests.fault.history import History
from tests.fault.loader import Loader
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.service import Service
from tests.fault.witness import Witness
from tests.support.node import ProjectFolder, RunningNode, start_node, wait_until
from tests.support.processes import children, running, wait_gone

KILLS = {"quick": 3, "full": 50, "soak": 500}
BACK_S = 5.0
RESTARTS = 30
WAIT_S = 60.0

HOLDS_ON = """
from firesteel import workflow

@workflow
async def forever():
    while True:
        pass
"""


def test_p15_callers_who_connect_while_the_engine_starts_anew_are_not_refused(
    size: Size, tmp_path: Path, report: Report
) -> None:
    kills: list[float] = []
    with (
        Witness.started(tmp_path / "effects.jsonl") as witness,
        Service.started(tmp_path, WITNESS_PORT=str(witness.port)) as service,
    ):
        loader = Loader(service, ("Ordered",), 100.0)
        recorder = loader.recorder
        with loader.running():
            for _ in range(KILLS[size]):
                recorder.wait_for(recorder.acknowledged + 20, WAIT_S)
                service.kill_engine()
                kills.append(time.monotonic())
        service.wait_at_rest(WAIT_S)
        books = tuple(service.balances())
        history = History(recorder.calls(), witness.effects(), tuple(service.endings()), 2, books)
    pauses = [until_acknowledged_s(history, killed_at) for killed_at in kills]
    rule, most = statistics.median(pauses), max(pauses)
    note = f"acknowledged again after {rule:.1f} s as a rule, {most:.1f} s at most"
    report.history("P15", "engine killed", cycles=len(kills), history=history, note=note)
    assert not [call for call in history.calls if call.refused]
    assert check(history) == []
    if size != "quick":
        assert most <= BACK_S


def until_acknowledged_s(history: History, killed_at: float) -> float:
    """Seconds until the first answer to a call that was made after a kill."""
    answers = (
        c.answered_at for c in history.calls if c.outcome == "ok" and c.invoked_at > killed_at
    )
    return min(answers, default=killed_at) - killed_at


@pytest.mark.full
def test_p15_after_a_restart_what_was_interrupted_goes_on_within_5_s(
    tmp_path: Path, report: Report
) -> None:
    """From the start of a node, whose processes were all killed, to the next attempt's step."""
    with Scene.set(tmp_path) as scene:
        took_s = [gone_on_s(scene) for _ in range(RESTARTS)]
        history = scene.history()
    note = f"{statistics.median(took_s):.1f} s as a rule, {max(took_s):.1f} s at most"
    report.history("P15", "node killed and started", cycles=RESTARTS, history=history, note=note)
    assert check(history) == []
    assert max(took_s) <= BACK_S


@pytest.mark.full
def test_p15_fails_when_a_dead_session_is_taken_over_after_its_lease(
    tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, planted("takes_over_after_the_lease")) as scene:
        found = gone_on_s(scene) > BACK_S
    report.defect("P15", "takes_over_after_the_lease", found=found)
    assert found


def gone_on_s(scene: Scene) -> float:
    """Seconds until an execution goes on that stood in its second step when the node died."""
    with scene.witness.holding(step=2) as hold:
        call = scene.call("Ordered", "lane")
        hold.wait()
        scene.service.kill_node()
        begun_at = time.monotonic()
        with scene.witness.holding(step=2, value=call.value) as again:
            scene.service.start()
            again.wait()
            return time.monotonic() - begun_at


@pytest.fixture
def node_that_holds_on(data_dir: Path, tmp_path: Path) -> RunningNode:
    """A node one of whose workers is in an endless loop."""
    return started(data_dir, tmp_path)


def started(data_dir: Path, tmp_path: Path, **environment: str) -> RunningNode:
    project = ProjectFolder(tmp_path / "project")
    project.module("endless", HOLDS_ON)
    project.integration({"name": "Endless", "workflow": {"python": "endless:forever"}})
    node = start_node(data_dir, project.path, **environment)
    assert node.call("Endless").status_code == 202
    wait_until(lambda: any(worker["running"] for worker in node.admin("GET", "/workers")))
    return node


def test_no_process_stays_behind_when_the_supervisor_is_killed(
    node_that_holds_on: RunningNode,
) -> None:
    left_behind = children(node_that_holds_on.process.pid)
    assert len(left_behind) == 3
    node_that_holds_on.kill()
    wait_gone(left_behind)
    node_that_holds_on.client.close()


def test_a_stopped_worker_does_not_stay_behind_either(node_that_holds_on: RunningNode) -> None:
    left_behind = children(node_that_holds_on.process.pid)
    for pid in left_behind:
        os.kill(pid, signal.SIGSTOP)
    node_that_holds_on.kill()
    wait_gone(left_behind)
    node_that_holds_on.client.close()


def test_a_process_that_does_not_hold_on_to_its_supervisor_is_noticed(
    data_dir: Path, tmp_path: Path
) -> None:
    node = started(data_dir, tmp_path, **dict([planted("workers_left_behind")]))
    left_behind = children(node.process.pid)
    node.kill()
    try:
        assert node.client.get(f"{node.public_url}/-/health").status_code == 200
        assert node.engine_pid in running(left_behind)
    finally:
        for pid in left_behind:
            os.kill(pid, signal.SIGKILL)
        node.client.close()
    wait_gone(left_behind)
