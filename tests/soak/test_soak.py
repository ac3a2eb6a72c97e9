"""The soak in a few seconds: it judges, it measures, and it finds what is planted."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.fault.defects import PLANTED
from tests.fault.report import Report
from tests.soak.on_postgresql import SeveralNodes
from tests.soak.on_sqlite import HOUR_S, OneNode
from tests.soak.place import Place
from tests.soak.run import Plan, Soak
from tests.soak.table import Bounds, growths, report

SEED = 76
QUICK = Plan(whole_s=8.0, round_s=4.0, rate=15.0, every_s=0.1, seed=SEED)
UNTIL_FOUND = Plan(whole_s=90.0, round_s=4.0, rate=15.0, every_s=0.1, seed=SEED)
A_SECOND_H = 1 / 3600
# A node that has just been started grows for a while; what is planted grows much faster.
QUICK_BOUNDS = Bounds(
    mib=4 / A_SECOND_H, descriptors=2 / A_SECOND_H, warm_up_h=A_SECOND_H, told_h=A_SECOND_H
)
PLACES: list[type[OneNode | SeveralNodes]] = [OneNode, SeveralNodes]


def growing(soak: Soak) -> set[str]:
    """What the engine lets grow."""
    found = growths(soak.samples, QUICK_BOUNDS)
    return {one.figure for one in found if one.who == "engine" and one.verdict == "grows"}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_faults_and_everyday_work_lose_nothing_and_leave_nothing_behind(
    place: type[OneNode | SeveralNodes], tmp_path: Path
) -> None:
    with place.opened(tmp_path / "soak", hour_s=HOUR_S) as opened:
        soak = Soak(opened, QUICK)
        soak.run()
    assert [text for one in soak.rounds for text in one.details] == []
    assert {one.weather for one in soak.rounds} >= {"storm"}
    assert sum(one.outcomes["ok"] for one in soak.rounds) > 0
    assert sum(one.acts.total() for one in soak.rounds) > 0
    assert growing(soak) == set()
    text = report([soak], QUICK_BOUNDS, "Quick.")
    assert text.count(f"| {place.name} | 0:00 (") == len(soak.rounds)
    assert f"| {place.name} | engine | descriptors |" in text


def test_memory_and_descriptors_that_are_not_let_go_are_found(
    tmp_path: Path, report: Report
) -> None:
    defect = PLANTED / "nothing_let_go"
    stopped, found = threading.Event(), set[str]()
    with OneNode.opened(tmp_path / "soak", hour_s=HOUR_S, defects=(defect,)) as opened:
        soak = Soak(opened, UNTIL_FOUND, stopped)

        def look() -> None:
            found.update(growing(soak))
            if found >= {"MiB", "descriptors"}:
                stopped.set()

        soak.ended = look
        soak.run()
    report.defect("soak", "nothing_let_go", found=stopped.is_set())
    assert found >= {"MiB", "descriptors"}


def test_a_message_that_a_back_up_has_not_got_is_a_loss(tmp_path: Path) -> None:
    defect = PLANTED / "backup_without_the_log"
    with OneNode.opened(tmp_path / "soak", hour_s=HOUR_S, defects=(defect,)) as opened:
        soak = Soak(Only(opened), Plan(3.0, 3.0, rate=15.0, every_s=1.0, seed=SEED))
        soak.run()
    assert soak.rounds[0].found["lost"] > 0


class Only:
    """A place where nothing is done but back-ups."""

    def __init__(self, place: Place) -> None:
        self.__dict__["_place"] = place

    def __getattr__(self, name: str) -> object:
        return getattr(self._place, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._place, name, value)

    def storm(self) -> dict[str, object]:
        return {"backed up": self._backed_up}

    def _backed_up(self, chance: random.Random) -> None:
        self._place.recorder.wait_for(self._place.recorder.acknowledged + 1, HOUR_S)
        self._place.back_up(chance)
