"""P01: no 202 leaves before the message is committed and flushed, as the system's calls show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.stores import POSTGRESQL, STORES, kept_on, told
from tests.fault.traced import Acks, acks_in, needs_strace, traced
from tests.support.node import ProjectFolder, running_node
from tests.support.postgres import Postgres
from tests.support.processes import children

TRACED = {"quick": 20, "full": 2000, "soak": 20_000}
FEW = 20

POST = '7 recvfrom(9<socket>, "POST /test/Record HTT"..., 1) = 300\n'
FLUSH = "8 fdatasync(5</d/firesteel.db-wal>) = 0\n"
ACK = '7 sendto(9<socket>, "HTTP/1.1 202 Accepted"..., 1) = 200\n'
BEGUN = "8 fdatasync(5</d/firesteel.db-wal> <unfinished ...>\n"
ENDED = "8 <... fdatasync resumed>) = 0\n"


def acks_of(
    folder: Path, calls: int, *environment: tuple[str, str], server: Postgres | None = None
) -> Acks:
    """What a trace says of so many calls, one after the other; ``server``: the store's."""
    project = ProjectFolder(folder / "project")
    project.integration({"name": "Record"})
    (folder / "data").mkdir(mode=0o700)
    with (
        running_node(folder / "data", project.path, **dict(environment)) as node,
        traced([node.engine_pid, *_processes(server)], folder / "trace"),
    ):
        for _ in range(calls):
            assert node.call("Record", json={"n": 1}).status_code == 202
    return acks_in((folder / "trace").read_text())


def _processes(server: Postgres | None) -> set[int]:
    return set() if server is None else {server.pid, *children(server.pid)}


@pytest.mark.full
@needs_strace
@pytest.mark.parametrize("store", STORES)
def test_p01_every_202_is_sent_after_its_commit_was_flushed(
    store: str, size: Size, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    server = request.getfixturevalue("postgres") if store == POSTGRESQL else None
    with kept_on(store, request) as environment:
        acks = acks_of(tmp_path, TRACED[size], *environment, server=server)
    note = f"{acks.unflushed} sent before their flush"
    what = told("system calls traced", store)
    report.row("P01", what, acknowledged=acks.seen, note=note)
    assert acks == Acks(TRACED[size], 0)


@pytest.mark.full
@needs_strace
def test_p01_fails_when_calls_are_acknowledged_before_the_commit(
    tmp_path: Path, report: Report
) -> None:
    acks = acks_of(tmp_path, FEW, planted("acknowledged_before_the_commit"))
    report.defect("P01", "acknowledged_before_the_commit", found=acks.unflushed > 0)
    assert acks.seen == FEW
    assert acks.unflushed > 0


@pytest.mark.full
@needs_strace
def test_p01_fails_on_postgresql_where_commits_are_not_flushed(
    tmp_path: Path, postgres: Postgres, request: pytest.FixtureRequest, report: Report
) -> None:
    with kept_on(POSTGRESQL, request) as environment:
        defect = planted("commits_not_flushed")
        acks = acks_of(tmp_path, FEW, *environment, defect, server=postgres)
    report.defect("P01", "commits_not_flushed", found=acks.unflushed > 0)
    assert acks.seen == FEW
    assert acks.unflushed > 0


@pytest.mark.parametrize(
    ("trace", "unflushed"),
    [
        (POST + FLUSH + ACK, 0),
        (POST + BEGUN + ENDED + ACK, 0),
        (
            POST + FLUSH.replace("/d/firesteel.db-wal", "/d/pg_wal/000000010000000000000001") + ACK,
            0,
        ),
        (POST + ACK + FLUSH, 1),
        (POST + BEGUN + ACK + ENDED, 1),
        (FLUSH + POST + ACK, 1),
        (BEGUN + POST + ENDED + ACK, 1),
        (POST + FLUSH.replace("= 0", "= -1 EIO (Input/output error)") + ACK, 1),
        (POST + FLUSH.replace("-wal", "") + ACK, 1),
    ],
)
def test_p01_the_reading_of_a_trace_finds_an_answer_without_a_flush(
    trace: str, unflushed: int
) -> None:
    assert acks_in(trace) == Acks(1, unflushed)
