"""P32: a wall clock that jumps loses, reorders, doubles and purges nothing.

The node's processes see the clock of libfaketime; the monotonic clock stays true.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fault.checker import check
from tests.fault.crash_run import CrashRun
from tests.fault.defects import planted
from tests.fault.nemesis import Strike
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.service import faked_clock
from tests.fault.stores import STORES, kept_on, told

pytestmark = pytest.mark.full

HOUR_S, DAY_S = 3600, 86400
JUMPS_S = (2 * HOUR_S, 5 * DAY_S, -3 * DAY_S, 0)
CYCLES = 100
TRIGGERS = ("Ordered", "Concurrent", "Answered")
STRIKES: tuple[Strike, ...] = ("clock jumped", "clock jumped", "engine killed", "worker killed")


@pytest.fixture
def clock(tmp_path: Path) -> list[tuple[str, str]]:
    """The environment of a node whose clock the test sets."""
    faked = faked_clock(tmp_path)
    if faked is None:
        pytest.skip("libfaketime is not installed")
    return faked


def begun_too_early(scene: Scene) -> list[int]:
    """The jumps after which a retry that is due in an hour began, or a key was forgotten."""
    late = scene.call("Late", failures=1)
    scene.witness.wait_for(late.value, count=2)
    scene.service.wait_until_waiting(late)
    first = scene.call("Concurrent", key="known")
    wrong = []
    for jump_s in JUMPS_S:
        scene.service.jump_clock(jump_s)
        # Whatever is due by now is taken up in the transactions of these calls.
        again = scene.call("Concurrent", key="known")
        scene.call("Answered")
        if scene.service.state(late) != "waiting" or again.message_id != (first.message_id):
            wrong.append(jump_s)
    return wrong


@pytest.mark.parametrize("store", STORES)
def test_p32_a_jump_makes_no_retry_due_and_no_key_forgotten(
    store: str, tmp_path: Path, clock: list[tuple[str, str]], request: pytest.FixtureRequest
) -> None:
    """On PostgreSQL the database's clock counts, and stays true."""
    with kept_on(store, request) as environment, Scene.set(tmp_path, *clock, *environment) as scene:
        assert begun_too_early(scene) == []


def test_p32_fails_when_what_is_due_is_told_by_the_wall_clock(
    tmp_path: Path, clock: list[tuple[str, str]], report: Report
) -> None:
    with Scene.set(tmp_path, *clock, planted("due_by_the_wall_clock")) as scene:
        found = bool(begun_too_early(scene))
    report.defect("P32", "due_by_the_wall_clock", found=found)
    assert found


@pytest.mark.parametrize("store", STORES)
def test_p32_jumps_of_forty_days_among_kills_lose_double_and_reorder_nothing(
    store: str,
    tmp_path: Path,
    clock: list[tuple[str, str]],
    request: pytest.FixtureRequest,
    report: Report,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    with kept_on(store, request) as environment:
        given = (*clock, *environment)
        run = CrashRun(tmp_path, TRIGGERS, STRIKES, CYCLES, seed, environment=given)
        history = run.history()
    what = told("clock jumps among kills", store)
    report.history("P32", what, cycles=CYCLES, history=history)
    assert check(history) == []
