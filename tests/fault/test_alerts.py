"""Every failure is told once, although engines are killed between its end and its alert."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

KILLS = {"quick": 2, "full": 50, "soak": 500}
AT_ONCE = 3
PATIENCE_S, PATIENCE_WITH_A_DEFECT_S = 60.0, 8.0


def counted(sink: HttpServer, integration: str) -> int:
    """How many failures were told of; an alert that came twice counts once."""
    alerts = {item.json["id"]: item.json for item in sink.received}
    return sum(
        item["count"]
        for alert in alerts.values()
        for item in alert["data"]["items"]
        if item["integration"] == integration
    )


def fail(node: RunningNode, integration: str, count: int = 1) -> None:
    sent = [node.call(integration, json={}) for _ in range(count)]
    for answer in sent:
        assert node.until_settled(answer)["state"] == "failed"


def look_again(node: RunningNode, sink: HttpServer, patience_s: float) -> None:
    """Until a failure that comes after all others was told."""
    before = counted(sink, "Last")
    fail(node, "Last")
    wait_until(lambda: counted(sink, "Last") > before, patience_s)


def failed_and_told(folder: Path, kills: int, *defect: tuple[str, str]) -> tuple[int, int]:
    patience_s = PATIENCE_WITH_A_DEFECT_S if defect else PATIENCE_S
    project = ProjectFolder(folder / "project")
    steps = [{"name": "stop", "fail": {"message": "no", "permanent": True}}]
    for name in ("Fails", "Last"):
        project.integration({"name": name, "workflow": {"steps": steps}})
    (folder / "data").mkdir(mode=0o700)
    with HttpServer.started() as sink:
        sink.reply("/hook", Reply(204))
        alerts = {
            "channels": {"hook": {"webhook": f"{sink.url}/hook"}},
            "rules": {"failures": {"event": "execution_failed", "group": "1s"}},
        }
        (project.path / "alerts.yaml").write_text(json.dumps(alerts))
        environment = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", "FIRESTEEL_WORKERS": "1"}
        with running_node(folder / "data", project.path, **environment, **dict(defect)) as node:
            for _ in range(kills):
                fail(node, "Fails", AT_ONCE)
                node.kill_engine()
                node.wait_ready()
            fail(node, "Fails")
            failed = kills * AT_ONCE + 1
            with contextlib.suppress(AssertionError):  # what is never told
                look_again(node, sink, patience_s)
                wait_until(lambda: counted(sink, "Fails") >= failed, patience_s)
                look_again(node, sink, patience_s)
            return failed, counted(sink, "Fails")


def test_every_failure_is_told_once_although_engines_are_killed(tmp_path: Path, size: Size) -> None:
    failed, told = failed_and_told(tmp_path, KILLS[size])
    assert told == failed


@pytest.mark.parametrize("defect", ["alerts_told_again", "alerts_marked_before"])
def test_failures_told_again_or_never_are_found(tmp_path: Path, defect: str) -> None:
    failed, told = failed_and_told(tmp_path, 0, planted(defect))
    assert told != failed
