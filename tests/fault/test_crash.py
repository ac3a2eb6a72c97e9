"""P02, P08, P09, P13: SIGKILL of any process at any instant loses, doubles and reorders nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.crash_run import CrashRun
from tests.fault.history import latest
from tests.fault.nemesis import Strike
from tests.fault.report import Report

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
