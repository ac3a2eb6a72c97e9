"""P34: retention lets go of a million executions without delaying a call.

How long calls wait is measured in full size. In every size the log tells why they need not wait
long: each transaction in it lets go of a few dozen messages at most.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Size
from tests.fault.big_store import BigStore
from tests.fault.defects import PLANTED, together
from tests.fault.offer import Offer
from tests.fault.report import Report
from tests.fault.write_ahead_log import commits, committed_bytes
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

MANY = {"quick": 1000, "full": 1_000_000, "soak": 1_000_000}
LOGGED = 200
A_FEW_DOZEN = 50
OLD_DAYS = 40
CALLS_PER_S = 100.0
BEFORE_S = 30.0
FIRST_ROUND_S = 150.0
PURGE_S = 900.0
WHEN_TOLD = Path(__file__).parent / "purged_when_told"


def with_old_messages(folder: Path, many: int) -> Path:
    """A store with so many executions that ended before retention's days; its project's folder."""
    (folder / "data").mkdir(mode=0o700)
    project = ProjectFolder(folder / "project")
    project.integration({"name": "Kept"})
    with running_node(folder / "data", project.path) as node:
        assert node.call("Kept", json={}).status_code == 202
    BigStore(folder / "data" / "firesteel.db").multiply("Kept", many - 1, older_days=OLD_DAYS)
    return project.path


def purged(node: RunningNode) -> int:
    statistics = node.admin("GET", "/workspaces/test/statistics")
    found: int = next(one for one in statistics if one["integration"] == "Kept")["purged"]
    return found


# what the log tells


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has messages to let go of, to be copied."""
    folder = tmp_path_factory.mktemp("old")
    with_old_messages(folder, LOGGED)
    return folder


def most_at_once(folder: Path, *defects: str) -> int:
    """Messages that one transaction lets go, at most, while callers call."""
    purged_then = after_each_commit(folder, *logged_purge(folder, *defects))
    assert (purged_then[0], purged_then[-1]) == (0, LOGGED)
    return max(after - before for before, after in itertools.pairwise(purged_then))


def logged_purge(folder: Path, *defects: str) -> tuple[bytes, bytes, int]:
    """Purge under calls: store, log, and how long the log was before. A reader keeps the log from
    being begun anew meanwhile."""
    sources = together(folder / "joined", WHEN_TOLD, *(PLANTED / name for name in defects))
    given = dict([sources, ("PURGE", str(folder / "purge"))])
    store = folder / "data" / "firesteel.db"
    log = store.with_name("firesteel.db-wal")
    with running_node(folder / "data", folder / "project", **given) as node, reading(store):
        before_bytes = committed_bytes(log.read_bytes())
        (folder / "purge").touch()
        wait_until(lambda: called(node) and purged(node) >= LOGGED)
        return store.read_bytes(), log.read_bytes(), before_bytes


def copied(old: Path, folder: Path) -> Path:
    return Path(shutil.copytree(old, folder / "node"))


def called(node: RunningNode) -> bool:
    return node.call("Kept", json={}).status_code == 202


@contextlib.contextmanager
def reading(store: Path) -> Iterator[None]:
    """A transaction that reads for the length of the block."""
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM integration").fetchall()
        yield


def after_each_commit(folder: Path, store: bytes, log: bytes, from_bytes: int) -> list[int]:
    """How many messages had been let go: the log is cut behind each commit, from one on, and SQLite
    reads what is left."""
    found = []
    for end in (end for end in commits(log) if end >= from_bytes):
        (folder / "cut.db").write_bytes(store)
        (folder / "cut.db-wal").write_bytes(log[:end])
        with contextlib.closing(sqlite3.connect(folder / "cut.db")) as connection:
            found += [row[0] for row in connection.execute("SELECT purged FROM integration")]
    return found


def test_p34_no_transaction_lets_go_of_more_than_a_few_dozen_messages(
    old: Path, tmp_path: Path, report: Report
) -> None:
    most = most_at_once(copied(old, tmp_path))
    note = f"{most} in one transaction at most"
    report.row("P34", "messages let go, commit by commit", cycles=LOGGED, note=note)
    assert most <= A_FEW_DOZEN


def test_p34_fails_when_all_goes_in_one_transaction(
    old: Path, tmp_path: Path, report: Report
) -> None:
    found = most_at_once(copied(old, tmp_path), "purged_in_one_go") > A_FEW_DOZEN
    report.defect("P34", "purged_in_one_go", found=found)
    assert found


# how long calls wait


@pytest.mark.full
def test_p34_purging_a_million_executions_delays_no_call(
    size: Size, tmp_path: Path, report: Report
) -> None:
    project = with_old_messages(tmp_path, MANY[size])
    with running_node(tmp_path / "data", project, FIRESTEEL_RETENTION_DAYS="365") as node:
        before = calls(node).run(BEFORE_S)
    with running_node(tmp_path / "data", project) as node:
        wait_until(lambda: purged(node) > 0, timeout_s=FIRST_ROUND_S)
        since = time.monotonic()
        during: list[float] = []
        told = 0
        while purged(node) < MANY[size] and time.monotonic() - since < PURGE_S:
            tally = calls(node).run(BEFORE_S)
            during.append(tally.p99_s())
            told += tally.accepted
        took_s = time.monotonic() - since
        assert purged(node) == MANY[size]
    worst = max(during)
    note = (
        f"purged in {took_s:.0f} s, p99 {before.p99_s() * 1e3:.1f} ms before, "
        f"{sorted(during)[len(during) // 2] * 1e3:.1f} ms (at most {worst * 1e3:.1f} ms) meanwhile"
    )
    report.row("P34", "1,000,000 purged", cycles=1, acknowledged=told, note=note)
    assert sorted(during)[len(during) // 2] < 2 * before.p99_s()


def calls(node: RunningNode) -> Offer:
    port = urlsplit(node.public_url).port
    assert port is not None
    return Offer(port, "/test/Kept", CALLS_PER_S, connections=10)
