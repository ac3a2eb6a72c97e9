"""Faults at chosen instants: a sound node keeps every promise, one with a defect breaks its own.

On either store; a defect of what is SQLite's own is planted there alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault import strikes
from tests.fault.checker import Kind, check
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.stores import DEFECTS_ON, POSTGRESQL, STORES, kept_on, told

Strike = Callable[[Scene], None]
TIMES = {"quick": 1, "full": 20, "soak": 500}
Pair = tuple[str, Strike, str, Kind]
PAIRS: list[Pair] = [
    ("P02", strikes.engine_killed_at_the_answer, "acknowledged_before_the_commit", "lost"),
    ("P07", strikes.failed_for_good, "failed_is_forgotten", "unbalanced"),
    ("P08", strikes.one_after_the_other, "sequence_by_timestamp", "inverted"),
    ("P09", strikes.second_in_a_busy_lane, "lane_not_held", "overlapping"),
    (
        "P09",
        strikes.engine_killed_when_the_next_begins,
        "lane_advanced_before_the_commit",
        "overlapping",
    ),
    ("P10", strikes.failing_head, "requeued_at_the_tail", "overlapping"),
    ("P13", strikes.workers_killed_within_the_second_step, "journal_not_read", "doubled"),
    (
        "P14",
        strikes.engine_killed_while_its_workers_sleep,
        "workers_outlive_their_engine",
        "overlapping",
    ),
    ("P17", strikes.failed_for_good, "failed_is_forgotten", "lost"),
    ("P19", strikes.answered_out_of_turn, "answers_by_trigger_only", "crossed"),
    ("P22", strikes.one_key_at_once, "checked_then_inserted", "doubled"),
]
OF_SQLITE = ("acknowledged_before_the_commit", "lane_advanced_before_the_commit")
NAMES = [f"{promise.lower()}-{strike.__name__}" for promise, strike, *_ in PAIRS]


@pytest.fixture(scope="module", params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """Where the sound node keeps its messages."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def sound(
    store: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """A node without a defect."""
    folder = tmp_path_factory.mktemp("sound")
    with kept_on(store, request) as environment, Scene.set(folder, *environment) as scene:
        yield scene


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_a_sound_node_keeps_every_promise_when(
    pair: Pair, store: str, sound: Scene, size: Size, report: Report
) -> None:
    promise, strike, *_ = pair
    before = sound.recorder.acknowledged
    for _ in range(TIMES[size]):
        strike(sound)
    history, what = sound.history(), told(strike.__name__.replace("_", " "), store)
    report.history(promise, what, cycles=TIMES[size], history=history, before=before)
    assert check(history) == []


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
@pytest.mark.parametrize("planted_on", DEFECTS_ON)
def test_a_node_with_the_planted_defect_does_not(
    pair: Pair, planted_on: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    promise, strike, defect, kind = pair
    if planted_on == POSTGRESQL and defect in OF_SQLITE:
        pytest.skip("what it changes is SQLite's own")
    with (
        kept_on(planted_on, request) as environment,
        Scene.set(tmp_path, *environment, planted(defect)) as scene,
    ):
        found = scene.hunt(kind, strike)
    report.defect(promise, told(defect, planted_on), found=found)
    assert found
