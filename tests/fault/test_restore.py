"""P31: what is restored has every message that was accepted before, and runs none unasked."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.history import Effect
from tests.fault.loader import Loader
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.test_backup import acknowledged
from tests.support.node import wait_until

CYCLES = {"quick": 1, "full": 20, "soak": 200}
TRIGGERS = ("Ordered", "Concurrent")
PROGRESS_S = 60.0
REST_S = 120.0
ENDED = ("succeeded", "failed", "cancelled", "skipped")


@dataclass(frozen=True)
class Copied:
    """A back-up: what was acknowledged before it, and what of that had ended in it."""

    file: Path
    before: set[str]
    ended: set[str]
    unfinished: int


def copied_under_load(scene: Scene, file: Path) -> Copied:
    """Made while calls come in, some of them behind workers that stand still."""
    recorder = scene.recorder
    with Loader(scene.service, TRIGGERS, 100.0, recorder).running():
        recorder.wait_for(recorder.acknowledged + 30, PROGRESS_S)
        with scene.service.workers_stopped():
            recorder.wait_for(recorder.acknowledged + 10, PROGRESS_S)
            before = acknowledged(recorder)
            scene.service.node.admin("POST", "/backup", json={"path": str(file)})
        recorder.wait_for(recorder.acknowledged + 10, PROGRESS_S)
    with contextlib.closing(sqlite3.connect(file)) as copy:
        states = copy.execute(
            "SELECT m.id, e.state FROM message m JOIN execution e ON e.message_no = m.no"
        ).fetchall()
    ended = {message_id for message_id, state in states if state in ENDED}
    return Copied(file, before, ended, len(states) - len(ended))


def restored_over(scene: Scene, copied: Copied) -> list[Effect]:
    """The node ended, its store replaced by the copy, and started again; all effects up to then."""
    scene.service.wait_at_rest(REST_S)
    scene.service.node.stop()
    data = scene.service.folder / "data"
    command = [sys.executable, "-m", "firesteel", "restore", str(copied.file)]
    subprocess.run(
        [*command, "--replace", "--data-dir", str(data)], check=True, capture_output=True
    )
    effects = list(scene.witness.effects())
    scene.service.start()
    return effects


def ids(scene: Scene) -> set[str]:
    """Of all messages that the node has."""
    return {ending.message_id for ending in scene.service.endings()}


def test_p31_a_restored_store_has_every_message_and_runs_none_until_told(
    size: Size, tmp_path: Path, report: Report
) -> None:
    lost, unasked, again, messages, waited = 0, 0, 0, 0, 0
    for number in range(CYCLES[size]):
        folder = tmp_path / f"cycle-{number}"
        folder.mkdir()
        with Scene.set(folder) as scene:
            copied = copied_under_load(scene, folder / "copy.db")
            before = restored_over(scene, copied)
            scene.service.kill_engine()
            scene.service.node.wait_ready()
            pause = scene.service.node.admin("GET", "/pause")
            assert pause["paused"]
            assert pause["restored_from"] == "copy.db"
            assert pause["waiting"] == copied.unfinished
            scene.call("Concurrent")
            lost += len(copied.before - ids(scene))
            unasked += len(scene.witness.effects()) - len(before)
            scene.service.node.admin("POST", "/resume", json={"why": "seen"})
            scene.service.wait_at_rest(REST_S)
            since = list(scene.witness.effects())[len(before) :]
            again += len({effect.message_id for effect in since} & copied.ended)
            messages += len(copied.before)
            waited += copied.unfinished
    report.row("P31", "restored and started", acknowledged=messages, lost=lost)
    assert waited > 0
    assert (lost, unasked, again) == (0, 0, 0)


def test_p31_fails_when_a_restored_store_runs_at_once(tmp_path: Path, report: Report) -> None:
    with Scene.set(tmp_path, planted("restored_runs_at_once")) as scene:
        copied = copied_under_load(scene, tmp_path / "copy.db")
        before = restored_over(scene, copied)
        found = wait_until(lambda: len(scene.witness.effects()) > len(before))
    report.defect("P31", "restored_runs_at_once", found=found)
    assert found
