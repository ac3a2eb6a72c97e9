"""P02, P08, P09, P13: SIGKILL of any process at any instant loses, doubles and reorders nothing."""

from __future__ import annotations

import random
from pathlib import Path

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.crash_run import CrashRun
from tests.fault.defects import planted
from tests.fault.history import latest
from tests.fault.nemesis import Victim

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
    size: Size, tmp_path: Path
) -> None:
    # Workers and engines die more often than supervisors, whose restart is the longest.
    victims: tuple[Victim, ...] = (*ALL, "engine", "worker")
    run = CrashRun(tmp_path, TRIGGERS, victims, CYCLES[size], seed_of(size))
    history = run.history()
    acknowledged = sum(call.outcome == "ok" for call in history.calls)
    assert acknowledged >= 5 * CYCLES[size]
    assert check(history) == []
    assert {ending.state for ending in latest(history.endings).values()} == {"succeeded"}


def test_p02_fails_when_calls_are_acknowledged_before_the_commit(tmp_path: Path) -> None:
    defect = planted("acknowledged_before_the_commit")
    run = CrashRun(tmp_path, ("Concurrent",), ("engine",), 4, SEED, environment=(defect,))
    assert "lost" in {violation.kind for violation in check(run.history())}


def test_p13_fails_when_the_journal_is_not_read(tmp_path: Path) -> None:
    defect = planted("journal_not_read")
    run = CrashRun(tmp_path, ("Ordered",), ("worker",), 10, SEED, environment=(defect,))
    assert "doubled" in {violation.kind for violation in check(run.history())}
