"""P03: what was acknowledged is there after the power was cut at any instant."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import Size
from tests.fault.checker import check
from tests.fault.defects import planted
from tests.fault.disk.forgetful import ForgetfulDisk, needs_fuse
from tests.fault.disk_strikes import power_cut_at_the_answer
from tests.fault.power_run import FEWEST, PowerRun
from tests.fault.report import Report
from tests.fault.scene import Scene

CUTS = {"quick": 3, "full": 25, "soak": 250}
PARTS = range(20)
CALLS_PER_S = 100.0


@pytest.mark.full
@needs_fuse
@pytest.mark.parametrize("part", PARTS)
def test_p03_after_power_loss_every_acknowledged_message_becomes_terminal_once(
    size: Size, part: int, tmp_path: Path, report: Report
) -> None:
    """Twenty parts make up the 500 cuts of a full run."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"part {part}, seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    with PowerRun.started(tmp_path, rate=CALLS_PER_S, FIRESTEEL_WORKERS="1") as run:
        run.cut_power_often(CUTS[size], random.Random(seed))
        history = run.history()
    note = f"{len(run.damage)} corrupt, {len(run.missing)} missing in the images"
    report.history("P03", "power cut", cycles=run.cuts, history=history, note=note)
    assert run.damage == []
    assert run.missing == []
    assert sum(call.outcome == "ok" for call in history.calls) >= FEWEST * CUTS[size]
    assert check(history) == []


@pytest.mark.full
@needs_fuse
def test_p03_fails_when_commits_are_not_flushed(tmp_path: Path, report: Report) -> None:
    with (
        ForgetfulDisk.mounted(tmp_path / "data") as disk,
        Scene.set(tmp_path, planted("synchronous_normal")) as scene,
    ):
        found = scene.hunt("lost", lambda scene: power_cut_at_the_answer(scene, disk))
    report.defect("P03", "synchronous_normal", found=found)
    assert found
