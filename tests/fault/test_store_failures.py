"""P04: while the store cannot commit, calls get 503 with Retry-After soon, and nothing is lost."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from tests.fault.checker import check
from tests.fault.defects import planted
from tests.fault.disk.forgetful import needs_fuse
from tests.fault.disk_strikes import writes_fail
from tests.fault.history import Call
from tests.fault.power_run import PowerRun
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.support.node import wait_until

FAILURES = 40  # the first writes and flushes, counted from an instant within the run
CODES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EROFS": errno.EROFS}
REFUSED = 50
CALLS_PER_S = 100.0
SOON_S = 5.0
ONCE = "a write or flush fails once"
FOR_GOOD = "writes and flushes fail for good"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="limits another process's files")


@pytest.mark.full
@needs_fuse
@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_p04_a_write_or_flush_that_fails_once_is_answered_503_and_service_comes_back(
    code: int, tmp_path: Path, report: Report
) -> None:
    with PowerRun.started(tmp_path, rate=CALLS_PER_S) as run:
        with run.calls():
            for number in range(1, FAILURES + 1):
                run.disk.arm(number, code, for_good=False)
                wait_until(run.disk.failed)
                run.get_on(acknowledged=3)
                if number % 4 == 0:  # what a failed flush left behind must not cost what follows
                    run.cut_power(seed=number)
        history = run.history()
    slowest = slowest_s(history.calls)
    report.history("P04", ONCE, cycles=FAILURES, history=history, note=f"slowest {slowest:.1f} s")
    assert check(history) == []
    assert run.damage == []
    assert run.missing == []
    assert slowest <= SOON_S


@pytest.mark.full
@needs_fuse
@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_p04_while_writes_and_flushes_fail_calls_are_answered_503_and_never_2xx(
    code: int, tmp_path: Path, report: Report
) -> None:
    with PowerRun.started(tmp_path, rate=CALLS_PER_S) as run:
        with run.calls():
            told = [told_while_failing(run, number, code) for number in range(1, FAILURES + 1)]
        history = run.history()
    calls = [call for some in told for call in some]
    assert not [call for call in calls if call.status in (200, 202)]
    assert {call.status for call in calls} <= {503, None}
    slowest = slowest_s(history.calls)
    note = f"slowest {slowest:.1f} s"
    report.history("P04", FOR_GOOD, cycles=FAILURES, history=history, note=note)
    assert check(history) == []
    assert slowest <= SOON_S


def told_while_failing(run: PowerRun, number: int, code: int) -> list[Call]:
    """The calls that began and ended while every write and flush failed."""
    run.disk.arm(number, code, for_good=True)
    wait_until(run.disk.failed)
    since = time.monotonic()

    def calls() -> list[Call]:
        return [call for call in run.recorder.calls() if call.invoked_at > since]

    wait_until(lambda: len(calls()) >= REFUSED)
    found = calls()
    run.disk.disarm()
    run.get_on(acknowledged=3)
    return found


def slowest_s(calls: tuple[Call, ...]) -> float:
    """Of those that wait for the store alone, and for no workflow."""
    return max(call.answered_at - call.invoked_at for call in calls if call.trigger != "Answered")


@linux_only
def test_p04_nothing_acknowledged_is_lost_when_no_file_can_grow_any_more(tmp_path: Path) -> None:
    with Scene.set(tmp_path) as scene:
        writes_fail(scene)
        assert check(scene.history()) == []


@linux_only
def test_p04_fails_when_a_commit_that_fails_is_taken_for_one_that_did_not(
    tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, planted("commit_failure_ignored")) as scene:
        found = scene.hunt("lost", writes_fail)
    report.defect("P04", "commit_failure_ignored", found=found)
    assert found


def test_p04_an_engine_that_cannot_open_the_store_says_so_and_starts_when_it_can(
    tmp_path: Path,
) -> None:
    with Scene.set(tmp_path) as scene:
        node = scene.service.node
        live_url = f"{node.address['admin_url']}/health/live"
        lock = sqlite3.connect(node.data_dir / "firesteel.db", isolation_level=None)
        with contextlib.closing(lock):
            lock.execute("begin immediate")
            scene.service.kill_engine()
            refused = wait_until(lambda: refused_call(scene))
            assert refused.status == 503
            assert node.client.get(live_url).status_code == 200
            lock.execute("rollback")
        scene.call("Concurrent")
        assert check(scene.history()) == []


def refused_call(scene: Scene) -> Call | None:
    """A call that the node answered with a refusal."""
    call = scene.caller.call("Concurrent", None)
    return call if call.outcome == "fail" and not call.refused else None
