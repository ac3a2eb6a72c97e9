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
from tests.fault.nemesis import Victim
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.strikes import (
    engine_killed_at_the_answer,
    workers_killed_within_the_second_step,
)

ALL: tuple[Victim, ...] = ("engine", "worker", "supervisor")
TRIGGERS = ("Ordered", "Concurrent", "Answered")
CYCLES = {"quick": 25, "full": 500, "soak": 5000}
SEED = 20_260


def seed_of(size: Size) -> int:
    """The same in every quick run; the others print theirs."""
    if size == "quick":
        return SEED
    chosen = random.SystemRandom().randrange(2**32)
    print(f"seed {chosen}")  # noqa: T201  # pytest shows it when the test fails
    return chosen


def test_p02_after_sigkill_of_any_process_every_accepted_message_becomes_terminal_once(
    size: Size, tmp_path: Path, report: Report
) -> None:
    # Workers and engines die more often than supervisors, whose restart is the longest.
    victims: tuple[Victim, ...] = (*ALL, "engine", "worker")
    run = CrashRun(tmp_path, TRIGGERS, victims, CYCLES[size], seed_of(size))
    history = run.history()
    report.history("P02", "SIGKILL of any process", cycles=CYCLES[size], history=history)
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
