"""P25: below the disk reserve new calls get 503, what runs settles, accepting resumes by itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.defects import PLANTED, together
from tests.fault.disk.forgetful import needs_fuse
from tests.fault.power_run import PowerRun
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.support.node import wait_until

MIB = 1024**2
FILLS = {"quick": 1, "full": 50, "soak": 500}
# Below 5 % of the 4 GiB, with room for what runs; and none at all.
LEFT_BYTES = (100 * MIB, 0)
REFUSED = 20
SMALL_DISK = Path(__file__).parent / "small_disk"
NOTICED_S = 5.0
PLENTY = str(1024**5)


@pytest.mark.full
@needs_fuse
def test_p25_a_disk_that_is_filled_stops_calls_and_nothing_else(
    size: Size, tmp_path: Path, report: Report
) -> None:
    with PowerRun.started(tmp_path, rate=100.0, FIRESTEEL_DISK_RESERVE="1GiB") as run:
        with run.calls():
            for number in range(FILLS[size]):
                fill(run, LEFT_BYTES[number % len(LEFT_BYTES)])
        history = run.history()
    report.history("P25", "disk filled", cycles=FILLS[size], history=history)
    assert check(history) == []


def fill(run: PowerRun, left_bytes: int) -> None:
    """Fill the disk, see that calls are refused and what runs settles, give the room back."""
    run.disk.fill(free_bytes=left_bytes)
    wait_until(lambda: health(run.service.url) == "disk_full")
    before = len(run.recorder.calls())
    if left_bytes:
        wait_until(run.service.at_rest)
    wait_until(lambda: len(run.recorder.calls()) >= before + REFUSED)
    refused = [call for call in run.recorder.calls()[before:] if call.status == 503]
    assert len(refused) >= REFUSED // 2
    run.disk.clear()
    run.get_on(acknowledged=3)


def health(url: str) -> str:
    """What the node says to a balancer: "" where it takes calls."""
    with contextlib.suppress(httpx2.HTTPError):
        answer = httpx2.get(f"{url}/-/health")
        if answer.status_code == 503:
            return str(answer.json()["type"]).rpartition(":")[2]
    return ""


@contextlib.contextmanager
def on_a_small_disk(folder: Path, *defects: str) -> Iterator[tuple[Scene, Path]]:
    """A node, and the file that says how much is free."""
    free = folder / "free"
    free.write_text(PLENTY)
    given = {"DISK_FREE": str(free), "FIRESTEEL_DISK_RESERVE": "1MiB"}
    sources = together(folder / "joined", SMALL_DISK, *(PLANTED / name for name in defects))
    with Scene.set(folder, sources, *given.items()) as scene:
        yield scene, free


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Path]]:
    """A node without a defect."""
    with on_a_small_disk(tmp_path_factory.mktemp("small")) as found:
        yield found


def test_p25_below_the_reserve_calls_are_refused_and_what_runs_settles(
    small: tuple[Scene, Path],
) -> None:
    scene, free = small
    with scene.witness.holding(step=1) as hold:
        scene.call("Concurrent")
        hold.wait()
        free.write_text("0")
        wait_until(lambda: health(scene.service.url) == "disk_full")
        refused = scene.caller.call("Concurrent", None)
        assert (refused.status, refused.outcome) == (503, "fail")
    wait_until(scene.service.at_rest)
    assert health(scene.service.url) == "disk_full"
    free.write_text(PLENTY)
    scene.call("Concurrent")
    assert check(scene.history()) == []


def test_p25_a_store_with_room_in_itself_takes_calls_on_a_disk_that_is_nearly_full(
    small: tuple[Scene, Path],
) -> None:
    """Retention deletes in the store's file, which does not shrink."""
    scene, free = small
    free.write_text(str(MIB // 2))
    wait_until(lambda: health(scene.service.url) == "disk_full")
    scene.service.kill_supervisor(lambda: leave_room(scene.service.folder / "data/firesteel.db"))
    scene.call("Concurrent")
    free.write_text(str(MIB // 8))
    wait_until(lambda: health(scene.service.url) == "disk_full")
    free.write_text(PLENTY)
    assert check(scene.history()) == []


def leave_room(store: Path) -> None:
    """As much as a purge of many messages leaves."""
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE purged (body BLOB)")
        connection.execute("INSERT INTO purged VALUES (zeroblob(?))", (2 * MIB,))
        connection.execute("DROP TABLE purged")


def test_p25_fails_when_nobody_looks_at_the_disk(tmp_path: Path, report: Report) -> None:
    with on_a_small_disk(tmp_path, "disk_not_watched") as (scene, free):
        free.write_text("0")
        with pytest.raises(AssertionError, match="in vain"):
            wait_until(lambda: health(scene.service.url) == "disk_full", NOTICED_S)
    report.defect("P25", "disk_not_watched", found=True)
