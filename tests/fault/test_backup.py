"""P31: a backup holds every message that was acknowledged before it began, whatever goes on."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
from pathlib import Path

import httpx2

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.history import CallRecorder
from tests.fault.loader import Loader
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.test_purging import with_old_messages
from tests.support.node import running_node, wait_until

BACKUPS = {"quick": 2, "full": 50, "soak": 500}
TRIGGERS = ("Ordered", "Concurrent", "Answered")
PROGRESS_S = 60.0
KILLS = {"quick": 3, "full": 50, "soak": 500}
MANY = 20_000
LATEST_KILL_S = 0.6


def missing_in(backup: Path, acknowledged: set[str]) -> set[str]:
    """The messages that a backup has not got; all of them where it is no sound store."""
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        try:
            sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            found = {row[0] for row in connection.execute("SELECT id FROM message")}
        except sqlite3.DatabaseError:
            return acknowledged
    return acknowledged - found if sound else acknowledged


def acknowledged(recorder: CallRecorder) -> set[str]:
    """By now."""
    return {call.message_id for call in recorder.calls() if call.message_id is not None}


def backed_up(scene: Scene, backup: Path) -> set[str]:
    """Back up; what was acknowledged before and is not in it."""
    before = acknowledged(scene.recorder)
    scene.service.node.admin("POST", "/backup", json={"path": str(backup)})
    missing = missing_in(backup, before)
    backup.unlink()
    return missing


def test_p31_each_backup_under_load_holds_all_that_was_acknowledged_before(
    size: Size, tmp_path: Path, report: Report
) -> None:
    missing: set[str] = set()
    with Scene.set(tmp_path) as scene:
        with Loader(scene.service, TRIGGERS, 200.0, scene.recorder).running():
            for number in range(BACKUPS[size]):
                scene.recorder.wait_for(scene.recorder.acknowledged + 20, PROGRESS_S)
                missing |= backed_up(scene, tmp_path / f"backup-{number}.db")
        calls = len(acknowledged(scene.recorder))
    what = "backup under load"
    report.row("P31", what, cycles=BACKUPS[size], acknowledged=calls, lost=len(missing))
    assert missing == set()


def test_p31_fails_when_a_backup_leaves_the_log_out(tmp_path: Path, report: Report) -> None:
    with Scene.set(tmp_path, planted("backup_without_the_log")) as scene:
        call = scene.call("Concurrent")
        missing = backed_up(scene, tmp_path / "backup.db")
    report.defect("P31", "backup_without_the_log", found=call.message_id in missing)
    assert call.message_id in missing


def test_p31_a_backup_that_a_kill_cuts_off_leaves_a_whole_file_or_none(
    size: Size, tmp_path: Path, report: Report
) -> None:
    project = with_old_messages(tmp_path, MANY)
    copies, chance, whole = tmp_path / "copies", random.Random(31), 0
    copies.mkdir()
    with running_node(tmp_path / "data", project, FIRESTEEL_RETENTION_DAYS="365") as node:
        for number in range(KILLS[size]):
            copy = copies / f"copy-{number}.db"

            def make(copy: Path = copy) -> None:
                with contextlib.suppress(httpx2.HTTPError):
                    node.admin("POST", "/backup", json={"path": str(copy)})

            making = threading.Thread(target=make)
            making.start()
            making.join(chance.random() * LATEST_KILL_S)
            pid = node.engine_pid
            node.kill_engine()
            making.join(PROGRESS_S)
            wait_until(lambda pid=pid: node.engine_pid != pid)
            node.wait_ready()
            if copy.exists():
                whole += 1
                assert messages_in(copy) == MANY
                copy.unlink()
            node.admin("POST", "/backup", json={"path": str(copy)})
            assert messages_in(copy) == MANY
            assert [path.name for path in copies.iterdir()] == [copy.name]
            copy.unlink()
    note = f"{whole} whole before the kill"
    report.row("P31", "killed while it backs up", cycles=KILLS[size], note=note)


def messages_in(copy: Path) -> int:
    """0 where it is no sound store."""
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (found,) = connection.execute("SELECT count(*) FROM message").fetchone()
    return int(found) if sound else 0
