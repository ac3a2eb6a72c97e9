"""P30: what waited and ran in a store of an earlier release ends once each, in order, after an
upgrade; a store of a newer release is refused with one line."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from firesteel.store.migrations import migrate
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until
from tests.support.old_store import (
    MESSAGES,
    NAMES,
    ON_POSTGRESQL,
    ORDERS,
    REPLAYED,
    REVISIONS,
    UNFINISHED,
    connected,
    document,
    make_old_store,
    sequence_of,
)
from tests.support.public_port import workflows

STEPS = '''

@workflow
def notes(input, message):
    """Tells the sink which message it was."""
    tell(f"/ran/{input['body']['no']}")
'''
END_S = 60.0


def forms(revisions: tuple[str, ...]) -> list[object]:
    """The oldest form of a store in every run, the others in the full size."""
    return [revisions[0], *(pytest.param(one, marks=pytest.mark.full) for one in revisions[1:])]


WANTED = [old for old in MESSAGES if old.state in UNFINISHED or old.no == REPLAYED]


@dataclass(frozen=True)
class Outcome:
    """Numbers of messages that were not run, run again, or run before one in front of them."""

    lost: list[int]
    doubled: list[int]
    inverted: list[int]

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.inverted)


def project(folder: Path, sink: HttpServer) -> Path:
    made = ProjectFolder(folder)
    made.module("work", workflows(sink.url, STEPS))
    for name in NAMES:
        made.integration(document(name))
    return folder


def let_go(node: RunningNode) -> None:
    """What people and failures have stopped, goes on."""
    for name, key in (("Orders", "stopped"), ("Orders", "held"), ("Paused", None)):
        act = {"integration": name, "key": key, "why": "upgraded"}
        node.admin("POST", "/workspaces/test/lanes/resume", json=act)


def outcome(ran: list[int]) -> Outcome:
    times = Counter(ran)
    wanted = {old.no for old in WANTED}
    inverted = []
    for lane in {(old.trigger, old.lane) for old in WANTED if old.lane is not None}:
        own = [no for no in ran if (MESSAGES[no - 1].trigger, MESSAGES[no - 1].lane) == lane]
        inverted += [after for before, after in itertools.pairwise(own) if after < before]
    return Outcome(
        sorted(wanted - set(times)),
        sorted(no for no, count in times.items() if count > 1 or no not in wanted),
        sorted(inverted),
    )


def upgraded(
    folder: Path, sink: HttpServer, store: Path | str, **environment: str
) -> tuple[Outcome, list[str]]:
    """Start this release on the old store and let everything end; what ran, and the states."""
    settings = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", **environment}
    if isinstance(store, str):
        settings["FIRESTEEL_DATABASE_URL"] = store
    sink.received.clear()
    with running_node(folder / "data", project(folder / "project", sink), **settings) as node:
        let_go(node)
        wait_until(lambda: node.admin("GET", "/pause")["waiting"] == 0)
        new = [node.call(name, json={"lane": "runs", "no": 0}) for name in NAMES]
        assert [answer.status_code for answer in new] == [202, 202, 202]
        for name, answer in zip(NAMES, new, strict=True):
            last = max(sequence_of(old) for old in MESSAGES if NAMES[old.trigger - 1] == name)
            assert answer.json()["sequence"] == last + 1
            assert node.until_settled(answer)["state"] == "succeeded"
        ids = [f"{old.no:032x}" for old in MESSAGES]
        shown = [node.admin("GET", f"/workspaces/test/messages/{one}") for one in ids]
    paths = [received.path.split("/") for received in list(sink.received)]
    ran = [int(path[2]) for path in paths if path[1] == "ran" and path[2] != "0"]
    return outcome(ran), [message["executions"][-1]["state"] for message in shown]


def states_wanted() -> list[str]:
    wanted = {old.no for old in WANTED}
    return ["succeeded" if old.no in wanted else old.state for old in MESSAGES]


def settle(folder: Path, sink: HttpServer, revision: str, url: str | None = None) -> Outcome:
    (folder / "data").mkdir(mode=0o700, parents=True)
    store: Path | str = url or folder / "data" / "firesteel.db"
    make_old_store(store, revision)
    found, states = upgraded(folder, sink, store)
    if found.good:
        assert states == states_wanted()
    return found


def told(report: Report, where: str, found: Outcome) -> None:
    report.row(
        "P30",
        f"upgraded and started, {where}",
        cycles=1,
        acknowledged=len(WANTED),
        lost=len(found.lost),
        doubled=len(found.doubled),
        inverted=len(found.inverted),
    )


@pytest.mark.parametrize("revision", forms(REVISIONS))
def test_p30_everything_that_waited_in_a_file_ends_once_and_in_order(
    tmp_path: Path, http_server: HttpServer, report: Report, revision: str
) -> None:
    found = settle(tmp_path, http_server, revision)
    told(report, "SQLite", found)
    assert found == Outcome([], [], [])


@pytest.mark.parametrize("revision", forms(ON_POSTGRESQL))
def test_p30_everything_that_waited_in_a_database_ends_once_and_in_order(
    tmp_path: Path, http_server: HttpServer, postgres_url: str, report: Report, revision: str
) -> None:
    found = settle(tmp_path, http_server, revision, postgres_url)
    told(report, "PostgreSQL", found)
    assert found == Outcome([], [], [])


def test_p30_fails_when_a_migration_loses_what_waits(
    tmp_path: Path, http_server: HttpServer, report: Report
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    store = tmp_path / "data" / "firesteel.db"
    make_old_store(store, "0001")
    environment = dict([planted("migration_loses_what_waits")])
    found, _ = upgraded(tmp_path, http_server, store, **environment)
    later = [old.no for old in WANTED if "due_at_us" in old.more and old.lane is None]
    report.defect("P30", "migration_loses_what_waits", found=found.lost == later)
    assert found.lost == later


def refusal(data_dir: Path, **environment: str) -> list[str]:
    """What ``firesteel serve`` says, which does not start."""
    settings = {
        "FIRESTEEL_PORT": "0",
        "FIRESTEEL_ADMIN_PORT": "0",
        "FIRESTEEL_DATA_DIR": str(data_dir),
        "FIRESTEEL_DISK_RESERVE": "0B",
    }
    done = subprocess.run(
        [sys.executable, "-m", "firesteel", "serve"],
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
    assert done.returncode == 1
    return [line for line in (done.stdout + done.stderr).splitlines() if "newer" in line]


def newer(store: Path | str) -> None:
    with connected(store) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(
            sa.text("UPDATE setting SET value = '9999' WHERE name = 'compatible_from'")
        )


def test_a_file_of_a_newer_release_is_refused_with_one_line(data_dir: Path) -> None:
    migrate(data_dir / "firesteel.db")
    newer(data_dir / "firesteel.db")
    (line,) = refusal(data_dir)
    assert "store_newer" in line


def test_a_database_of_a_newer_release_is_refused_with_one_line(
    data_dir: Path, store_url: str
) -> None:
    newer(store_url)
    (line,) = refusal(data_dir, FIRESTEEL_DATABASE_URL=store_url)
    assert "store_newer" in line


def test_lanes_of_the_old_store_have_several_messages() -> None:
    """Or order would be told of nothing."""
    lanes = Counter(old.lane for old in WANTED if old.trigger == ORDERS)
    assert max(lanes.values()) >= 3
