"""P02, P08, P09, P13: SIGKILL of any process at any instant loses, doubles and reorders nothing."""

from __future__ import annotations

import random
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.crash_run import CrashRun
from tests.fault.history import latest
from tests.fault.loader import Caller
from tests.fault.nemesis import Strike
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.stores import POSTGRESQL, SQLITE, kept_on, told
from tests.support.node import wait_until

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
CYCLES = {"quick": 9, "full": 100, "soak": 1000}
KEYS = {"quick": 60, "full": 5000, "soak": 50_000}
KEYS_A_KILL = 40
KEY_CALLERS = 16
PARTS = [
    (SQLITE, 0),
    (POSTGRESQL, 0),
    *(pytest.param(SQLITE, part, marks=pytest.mark.full) for part in range(1, 5)),
]
SEED = 20_260


@pytest.mark.parametrize(("store", "part"), PARTS)
def test_p02_whatever_process_is_killed_or_paused_every_accepted_message_ends_once_and_in_order(
    size: Size,
    store: str,
    part: int,
    tmp_path: Path,
    *,
    request: pytest.FixtureRequest,
    report: Report,
) -> None:
    """Five parts make up the 500 cycles of a full run. Of a node on PostgreSQL there is one more;
    several nodes have such tests of their own."""
    seed = SEED if size == "quick" else random.SystemRandom().randrange(2**32)
    print(f"part {part}, seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    with kept_on(store, request) as environment:
        given = tuple(environment)
        run = CrashRun(tmp_path, TRIGGERS, STRIKES, CYCLES[size], seed, environment=given)
        history = run.history()
    what = told("kills and pauses", store)
    for promise in ("P02", "P07", "P08", "P09", "P13"):
        report.history(promise, what, cycles=CYCLES[size], history=history)
    acknowledged = sum(call.outcome == "ok" for call in history.calls)
    assert acknowledged >= 5 * CYCLES[size]
    assert check(history) == []
    assert {ending.state for ending in latest(history.endings).values()} == {"succeeded"}


def test_p22_a_key_that_is_sent_again_and_again_under_kills_makes_one_execution(
    size: Size, tmp_path: Path, report: Report
) -> None:
    """Each caller sends its key until it is acknowledged, and then once more."""
    keys, kills = KEYS[size], 0
    chance = random.Random(SEED)
    with Scene.set(tmp_path) as scene, ThreadPoolExecutor(KEY_CALLERS) as callers:
        sent = [callers.submit(sent_again, scene, f"k{number}") for number in range(keys)]
        while not all(call.done() for call in sent):
            known = scene.recorder.acknowledged
            wait_until(partial(_gone_on, scene, known + KEYS_A_KILL, sent))
            chance.choice((scene.service.kill_engine, scene.service.kill_workers))()
            kills += 1
        for call in sent:
            call.result()
        history = scene.history()
    report.history("P22", f"{keys} keys under kills", cycles=kills, history=history)
    assert check(history) == []
    assert len({call.message_id for call in history.calls if call.message_id}) == keys


def sent_again(scene: Scene, key: str) -> None:
    with Caller(scene.service, scene.recorder) as caller:
        for _ in range(2):
            wait_until(lambda: caller.call("Concurrent", key=key).outcome == "ok")


def _gone_on(scene: Scene, acknowledged: int, sent: list[Future[None]]) -> bool:
    done = all(call.done() for call in sent)
    return done or scene.recorder.acknowledged >= acknowledged
