"""P31 on PostgreSQL: what its own tools bring back has every message of before, and runs none
unasked, on any node."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fault.report import Report
from tests.support.cluster import new_key
from tests.support.node import ProjectFolder, RunningNode, launch, until_ready, wait_until
from tests.support.postgres import USER, Postgres, base_folder
from tests.support.standby import execute

HELD = """
import time
from pathlib import Path
from firesteel import workflow

@workflow
def held(input: dict) -> None:
    with Path(input["query"]["file"]).open("a") as effects:
        effects.write(input["query"]["k"])
    time.sleep(float(input["query"]["s"]))
"""
TOOL_S = 60.0


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    folder = ProjectFolder(tmp_path / "project")
    folder.module("jobs", HELD)
    lanes = {"ordered_delivery": {"key": "query.k"}}
    folder.integration({"name": "Held", "trigger": lanes, "workflow": {"python": "jobs:held"}})
    return folder


@contextlib.contextmanager
def node(
    folder: Path, project: ProjectFolder, url: str, key: str, *words: str
) -> Iterator[RunningNode]:
    """On that database; killed at the end, as with its machine."""
    environment = {
        "FIRESTEEL_WORKSPACE": "test",
        "FIRESTEEL_DATABASE_URL": url,
        "FIRESTEEL_ENCRYPTION_KEY": key,
        "FIRESTEEL_WORKERS": "1",
    }
    started = until_ready(
        launch(["serve", "--project", str(project.path), *words], folder, **environment)
    )
    try:
        yield started
    except BaseException:
        started.print_output()
        raise
    finally:
        started.kill()
        started.client.close()


def tool(server: Postgres, program: str, *arguments: str) -> None:
    """A program of PostgreSQL's own, as an operator runs it."""
    done = subprocess.run(
        [str(server.programs / program), *arguments],
        env={**os.environ, "PGPASSWORD": server.password},
        check=False,
        capture_output=True,
        text=True,
        timeout=TOOL_S,
    )
    assert done.returncode == 0, done.stderr


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


def states(running: RunningNode) -> dict[str, str]:
    items = running.admin("GET", "/workspaces/test/messages", params={"limit": 200})["items"]
    return {item["id"]: item["state"] for item in items}


def call(running: RunningNode, lane: str, effects: Path, seconds: float = 0.0) -> str:
    query = {"k": lane, "file": str(effects), "s": str(seconds)}
    answer = running.call("Held", params=query)
    assert answer.status_code == 202
    return str(answer.json()["id"])


def test_p31_a_dump_is_restored_paused_for_every_node(
    project: ProjectFolder, postgres: Postgres, tmp_path: Path, report: Report
) -> None:
    key, effects, dump = new_key(), tmp_path / "effects", tmp_path / "copy.dump"
    with postgres.database() as old, postgres.database() as new:
        with node(tmp_path / "a", project, old, key) as first:
            before = {call(first, lane, effects, 600) for lane in "aab"}
            wait_until(lambda: effects.exists() and len(effects.read_text()) == 2)
            tool(postgres, "pg_dump", "--format=custom", f"--file={dump}", plain(old))
        tool(postgres, "pg_restore", f"--dbname={plain(new)}", "--exit-on-error", str(dump))
        with (
            node(tmp_path / "b", project, new, key, "--paused") as second,
            node(tmp_path / "c", project, new, key) as third,
        ):
            wait_until(lambda: set(states(third).values()) == {"waiting"})
            pause = third.admin("GET", "/pause")
            assert (pause["paused"], pause["waiting"], pause["interrupted_count"]) == (True, 3, 2)
            after = call(third, "c", effects)
            lost = before - states(second).keys()
            for message_id in before:
                path = f"/workspaces/test/messages/{message_id}/cancel"
                second.admin("POST", path, json={})
            unasked = len(effects.read_text()) - 2
            third.admin("POST", "/resume", json={})
            wait_until(lambda: states(second)[after] == "succeeded")
            assert not second.admin("GET", "/pause")["paused"]
    report.row("P31", "PostgreSQL dumped and restored", acknowledged=3, lost=len(lost))
    assert (lost, unasked, effects.read_text()) == (set(), 0, "abc")


def test_p31_a_database_goes_back_to_a_point_in_time(
    project: ProjectFolder, tmp_path: Path, report: Report
) -> None:
    key, effects = new_key(), tmp_path / "effects"
    archive = base_folder()
    archive.chmod(0o777)
    settings = ("archive_mode=on", f"archive_command=cp %p {archive}/%f", "wal_level=replica")
    try:
        with (
            Postgres.started(settings=settings) as server,
            node(tmp_path / "a", project, server.url(), key) as first,
        ):
            early = {call(first, "a", effects) for _ in range(5)}
            with based_on(server) as copy:
                early |= {call(first, "a", effects) for _ in range(5)}
                wait_until(lambda: set(states(first).values()) == {"succeeded"})
                until = datetime.now(UTC).isoformat()
                late = {call(first, "a", effects) for _ in range(5)}
                execute(server, "SELECT pg_switch_wal()")
                gone_back(copy, archive, until)
                with node(tmp_path / "b", project, copy.url(), key, "--paused") as restored:
                    assert restored.admin("GET", "/pause")["paused"]
                    known = set(states(restored))
    finally:
        shutil.rmtree(archive)
    lost = early - known
    report.row("P31", "PostgreSQL at a point in time", acknowledged=len(early), lost=len(lost))
    assert lost == set()
    assert known & late == set()


@contextlib.contextmanager
def based_on(server: Postgres) -> Iterator[Postgres]:
    """A base copy, of a server that is not started yet."""
    base = base_folder()
    base.chmod(0o755)
    data = base / "data"
    source = f"host=127.0.0.1 port={server.port} user={USER}"
    tool(server, "pg_basebackup", f"--pgdata={data}", "--checkpoint=fast", f"--dbname={source}")
    if server.user:
        for path in (base, data, *data.rglob("*")):
            os.chown(path, server.user, server.user, follow_symlinks=False)
    copy = Postgres(base, server.programs, server.user, server.password)
    try:
        yield copy
    finally:
        copy.stop()
        shutil.rmtree(base)


def gone_back(copy: Postgres, archive: Path, until: str) -> None:
    """Started, it goes on from the copy to that time by the archived log."""
    with (copy.base / "data" / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"restore_command = 'cp {archive}/%f %p'\n")
        settings.write(f"recovery_target_time = '{until}'\n")
        settings.write("recovery_target_action = 'promote'\n")
    (copy.base / "data" / "recovery.signal").touch()
    copy.start()
    wait_until(lambda: execute(copy, "SELECT pg_is_in_recovery()") == [(False,)])
