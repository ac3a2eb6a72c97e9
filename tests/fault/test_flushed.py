"""P01: no 202 leaves before the message is committed and flushed, as the system's calls show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.traced import Acks, acks_in, needs_strace, traced
from tests.support.node import ProjectFolder, running_node

TRACED = {"quick": 20, "full": 2000, "soak": 20_000}
FEW = 20

POST = '7 recvfrom(9<socket>, "POST /test/Record HTT"..., 1) = 300\n'
FLUSH = "8 fdatasync(5</d/firesteel.db-wal>) = 0\n"
ACK = '7 sendto(9<socket>, "HTTP/1.1 202 Accepted"..., 1) = 200\n'
BEGUN = "8 fdatasync(5</d/firesteel.db-wal> <unfinished ...>\n"
ENDED = "8 <... fdatasync resumed>) = 0\n"


def acks_of(folder: Path, calls: int, **environment: str) -> Acks:
    """What a trace says of so many calls, one after the other."""
    project = ProjectFolder(folder / "project")
    project.integration({"name": "Record"})
    (folder / "data").mkdir(mode=0o700)
    with (
        running_node(folder / "data", project.path, **environment) as node,
        traced(node.engine_pid, folder / "trace"),
    ):
        for _ in range(calls):
            assert node.call("Record", json={"n": 1}).status_code == 202
    return acks_in((folder / "trace").read_text())


@pytest.mark.full
@needs_strace
def test_p01_every_202_is_sent_after_its_commit_was_flushed(
    size: Size, tmp_path: Path, report: Report
) -> None:
    acks = acks_of(tmp_path, TRACED[size])
    note = f"{acks.unflushed} sent before their flush"
    report.row("P01", "system calls traced", acknowledged=acks.seen, note=note)
    assert acks == Acks(TRACED[size], 0)


@pytest.mark.full
@needs_strace
def test_p01_fails_when_calls_are_acknowledged_before_the_commit(
    tmp_path: Path, report: Report
) -> None:
    acks = acks_of(tmp_path, FEW, **dict([planted("acknowledged_before_the_commit")]))
    report.defect("P01", "acknowledged_before_the_commit", found=acks.unflushed > 0)
    assert acks.seen == FEW
    assert acks.unflushed > 0


@pytest.mark.parametrize(
    ("trace", "unflushed"),
    [
        (POST + FLUSH + ACK, 0),
        (POST + BEGUN + ENDED + ACK, 0),
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
