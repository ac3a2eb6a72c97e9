"""Faults of whole nodes at chosen instants: sound nodes keep every promise, planted defects break
their own. The lease is three seconds, so that it is outlived often; see tests/fault/short_lease."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault import strikes, strikes_on_nodes
from tests.fault.checker import Kind, Violation, check
from tests.fault.defects import PLANTED, planted, together
from tests.fault.nodes import ClusterScene, Setting
from tests.fault.report import Report
from tests.fault.short_lease import LEASE_S, SHORT_LEASE
from tests.fault.strikes_on_nodes import busy_for_long, taken_over_s
from tests.fault.test_limits import CONCURRENCY, running_at_once
from tests.support.postgres import Postgres

Strike = Callable[[ClusterScene], None]
Pair = tuple[str, Strike, str, Kind, dict[Size, int]]
OFTEN: dict[Size, int] = {"quick": 1, "full": 50, "soak": 500}
KILLS: dict[Size, int] = {"quick": 1, "full": 20, "soak": 200}
PAUSES: dict[Size, int] = {"quick": 1, "full": 10, "soak": 100}
ROUNDS = 5
TRUE_LEASE_S, TAKE_OVER_S, TAKE_OVERS = 15.0, 5.0, 10
PAIRS: list[Pair] = [
    ("P09", strikes.second_in_a_busy_lane, "lane_not_held_on_postgresql", "overlapping", OFTEN),
    ("P13", strikes_on_nodes.killed_within_the_second_step, "journal_not_read", "doubled", KILLS),
    (
        "P14",
        strikes_on_nodes.paused_past_its_lease,
        "session_not_fenced_on_postgresql",
        "stale",
        PAUSES,
    ),
    ("P14", strikes_on_nodes.started_by_a_worker_that_slept, "lease_ignored", "stale", KILLS),
    ("P22", strikes.one_key_at_once, "checked_then_inserted", "doubled", OFTEN),
]
NAMES = [f"{promise.lower()}-{strike.__name__}" for promise, strike, *_ in PAIRS]
# Thirty parts make up the 300 pauses of a full run.
SOUND = [pytest.param(pair, id=name) for pair, name in zip(PAIRS, NAMES, strict=True)] + [
    pytest.param(pair, id=f"{pair[0].lower()}-{part}", marks=pytest.mark.full)
    for pair in PAIRS
    if pair[4] is PAUSES
    for part in range(1, 30)
]
# The same defect is found on one node too, or another one of the same promise on several.
LONGER = ("journal_not_read", "lease_ignored")
DEFECTS = [
    pytest.param(pair, id=name, marks=[pytest.mark.full] if pair[2] in LONGER else [])
    for pair, name in zip(PAIRS, NAMES, strict=True)
]


def sound_ones(folder: Path, url: str) -> Setting:
    """Three nodes with the short lease."""
    return Setting(url, environment=(together(folder / "changed", SHORT_LEASE),))


def with_defect(folder: Path, url: str, defect: str) -> Setting:
    """Two of them, that have a defect."""
    changed = together(folder / "changed", SHORT_LEASE, PLANTED / defect)
    return Setting(url, ("all", "all"), (changed,))


@pytest.fixture(scope="module")
def sound(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterScene]:
    """Three nodes without a defect."""
    folder = tmp_path_factory.mktemp("sound")
    with postgres.database() as url, ClusterScene.of(folder, sound_ones(folder, url)) as scene:
        yield scene


def violations(scene: ClusterScene) -> list[Violation]:
    return check(scene.history_of_paused())


@pytest.mark.parametrize("pair", SOUND)
def test_nodes_keep_every_promise_when(
    pair: Pair, sound: ClusterScene, size: Size, report: Report
) -> None:
    promise, strike, _, _, times = pair
    before = sound.recorder.acknowledged
    for _ in range(times[size]):
        strike(sound)
    history, what = sound.history_of_paused(), f"three nodes: {strike.__name__.replace('_', ' ')}"
    report.history(promise, what, cycles=times[size], history=history, before=before)
    assert check(history) == []


@pytest.mark.parametrize("pair", DEFECTS)
def test_nodes_with_the_planted_defect_do_not(
    pair: Pair, postgres_url: str, tmp_path: Path, report: Report
) -> None:
    promise, strike, defect, kind, _ = pair
    with ClusterScene.of(tmp_path, with_defect(tmp_path, postgres_url, defect)) as scene:
        found = hunted(scene, strike, kind)
    report.defect(promise, f"{defect}, several nodes", found=found)
    assert found


def hunted(scene: ClusterScene, strike: Strike, kind: Kind) -> bool:
    """Whether strikes make the checker find what the defect must cause, in a few rounds."""
    for _ in range(ROUNDS):
        strike(scene)
        if any(violation.kind == kind for violation in violations(scene)):
            return True
    return False


def test_p11_no_more_than_concurrency_run_at_once_over_all_nodes(sound: ClusterScene) -> None:
    assert running_at_once(sound) == CONCURRENCY["Few"]
    assert violations(sound) == []


def test_p11_fails_when_each_node_holds_its_own_concurrency(
    postgres_url: str, tmp_path: Path, report: Report
) -> None:
    defect = "concurrency_of_each_node"
    with ClusterScene.of(tmp_path, with_defect(tmp_path, postgres_url, defect)) as scene:
        found = running_at_once(scene) > CONCURRENCY["Few"]
    report.defect("P11", defect, found=found)
    assert found


def test_p36_what_runs_on_a_living_node_is_not_taken_over_however_long_it_takes(
    sound: ClusterScene,
) -> None:
    assert not busy_for_long(sound, LEASE_S)
    assert violations(sound) == []


def test_p36_fails_when_a_node_takes_over_before_the_lapse(
    postgres_url: str, tmp_path: Path, report: Report
) -> None:
    defect = "taken_over_before_the_lapse"
    with ClusterScene.of(tmp_path, with_defect(tmp_path, postgres_url, defect)) as scene:
        found = busy_for_long(scene, LEASE_S)
    report.defect("P36", defect, found=found)
    assert found


def test_p15_what_a_dead_node_ran_goes_on_elsewhere(sound: ClusterScene) -> None:
    taken_over_s(sound)
    assert violations(sound) == []


@pytest.mark.full
def test_p15_what_a_dead_node_ran_goes_on_elsewhere_within_its_lease_and_5_s(
    postgres_url: str, tmp_path: Path, report: Report
) -> None:
    with ClusterScene.of(tmp_path, Setting(postgres_url)) as scene:
        took_s = [taken_over_s(scene) for _ in range(TAKE_OVERS)]
        history = scene.history_of_paused()
    note = f"{statistics.median(took_s):.1f} s as a rule, {max(took_s):.1f} s at most"
    what = "whole node killed within a step, two others live"
    report.history("P15", what, cycles=len(took_s), history=history, note=note)
    assert check(history) == []
    assert max(took_s) <= TRUE_LEASE_S + TAKE_OVER_S


@pytest.mark.full
def test_p15_fails_when_nodes_look_for_the_dead_only_at_their_start(
    postgres_url: str, tmp_path: Path, report: Report
) -> None:
    defect = planted("looks_for_the_dead_at_its_start")
    with ClusterScene.of(tmp_path, Setting(postgres_url, environment=(defect,))) as scene:
        try:
            found = taken_over_s(scene) > TRUE_LEASE_S + TAKE_OVER_S
        except AssertionError:  # nobody came
            found = True
    report.defect("P15", "looks_for_the_dead_at_its_start", found=found)
    assert found
