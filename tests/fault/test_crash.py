"""P02, P08, P09, P13: SIGKILL of any process at any instant loses, doubles and reorders nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.crash_run import CrashRun
from tests.fault.defects import planted
from tests.fault.history import latest
from tests.fault.nemesis import Strike
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.strikes import (
    engine_killed_at_the_answer,
    workers_killed_within_the_second_step,
)

# Workers and engines are struck more often than supervisors, whose restart is the longest.
STRIKES: tuple[Strike, ...] = (
    "engine killed",
    "engine killed",
    "engine paused",
    "starting engine killed",
    "starting supervisor killed",
    "supervisor killed",
    "worker killed",
    "worker killed",
    "worker paused",
)
TRIGGERS = ("Ordered", "Concurrent", "Answered")
CYCLES = {"quick": 18, "full": 100, "soak": 1000}
PARTS = [0, *(pytest.param(part, marks=pytest.mark.full) for part in range(1, 5))]
SEED = 20_260


@pytest.mark.parametrize("part", PARTS)
def test_p02_whatever_process_is_killed_or_paused_every_accepted_message_ends_once_and_in_order(
    size: Size, part: int, tmp_path: Path, report: Report
) -> None:
    """Five parts make up the 500 cycles of a full run."""
    seed = SEED if size == "quick" else random.SystemRandom().randrange(2**32)
    print(f"part {part}, seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    run = CrashRun(tmp_path, TRIGGERS, STRIKES, CYCLES[size], seed)
    history = run.history()
    report.history("P02", "kills and pauses of any process", cycles=CYCLES[size], history=history)
    acknowledged = sum(call.outcome == "ok" for call in history.calls)
    assert acknowledged >= 5 * CYCLES[size]
    assert check(history) == []
    assert {ending.state for ending in latest(history.endings).values()} == {"succeeded"}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A node without a defect."""
    with Scene.set(tmp_path_factory.mktemp("sound")) as scene:
        yield scene


def test_p02_what_was_acknowledged_is_there_although_the_engine_is_killed_at_the_answer(
    sound: Scene,
) -> None:
    engine_killed_at_the_answer(sound)
    assert sound.found() == set()


def test_p02_fails_when_calls_are_acknowledged_before_the_commit(
    tmp_path: Path, report: Report
) -> None:
    with Scene.set(tmp_path, planted("acknowledged_before_the_commit")) as scene:
        found = scene.hunt("lost", engine_killed_at_the_answer)
    report.defect("P02", "acknowledged_before_the_commit", found=found)
    assert found


def test_p13_a_step_in_the_journal_is_not_run_again_when_its_worker_is_killed(
    sound: Scene,
) -> None:
    workers_killed_within_the_second_step(sound)
    assert sound.found() == set()


def test_p13_fails_when_the_journal_is_not_read(tmp_path: Path, report: Report) -> None:
    with Scene.set(tmp_path, planted("journal_not_read")) as scene:
        found = scene.hunt("doubled", workers_killed_within_the_second_step)
    report.defect("P13", "journal_not_read", found=found)
    assert found
