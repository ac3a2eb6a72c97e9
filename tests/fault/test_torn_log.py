"""P03 without a disk of ours: all of the log behind the last acknowledged commit may be gone.

A power loss leaves the log up to what was flushed, and of the rest any part. So the log is cut and
torn at many places behind the commit of a message, and SQLite recovers what is left.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.scene import Scene
from tests.fault.write_ahead_log import committed_bytes

CALLS = 8
CUTS = {"quick": 60, "full": 2000, "soak": 20_000}
SEED = 20_260
SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """``log_bytes``: how far the log's commits had come when the answer was here."""

    message_id: str
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Left:
    """Store and log of a node, and what it had acknowledged."""

    store: bytes
    log: bytes
    acknowledged: list[Acknowledged]

    def lost(self, folder: Path, chance: random.Random) -> set[str]:
        """What of an acknowledged commit and those before it is not there after a cut behind it;
        all where the store is corrupt."""
        last = chance.randrange(len(self.acknowledged))
        expected = {call.message_id for call in self.acknowledged[: last + 1]}
        kept_bytes = self.acknowledged[last].log_bytes
        log = self.log[:kept_bytes] + torn(self.log[kept_bytes:], chance)
        (folder / "cut.db").write_bytes(self.store)
        (folder / "cut.db-wal").write_bytes(log)
        with contextlib.closing(sqlite3.connect(folder / "cut.db")) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            there = {row[0] for row in connection.execute("SELECT id FROM message")}
        return expected - there if sound else expected


def torn(rest: bytes, chance: random.Random) -> bytes:
    """What may be left of bytes that were not flushed: some, with holes."""
    rest = rest[: chance.randint(0, len(rest))]
    sectors = [rest[at : at + SECTOR_BYTES] for at in range(0, len(rest), SECTOR_BYTES)]
    if chance.random() < 0.5:
        return rest
    return b"".join(s if chance.random() < 0.8 else bytes(len(s)) for s in sectors)


def left_by(scene: Scene) -> Left:
    """Calls one after the other, with a look at the log at each answer."""
    data_dir = scene.service.folder / "data"
    log = data_dir / "firesteel.db-wal"
    acknowledged = []
    for _ in range(CALLS):
        call = scene.call("Concurrent")
        assert call.message_id is not None
        acknowledged.append(Acknowledged(call.message_id, committed_bytes(log.read_bytes())))
    scene.history()
    store = (data_dir / "firesteel.db").read_bytes()
    return Left(store, log.read_bytes(), acknowledged)


def test_p03_a_log_that_was_cut_and_torn_has_every_acknowledged_commit(
    size: Size, tmp_path: Path, report: Report
) -> None:
    chance = random.Random(SEED)
    with Scene.set(tmp_path) as scene:
        left = left_by(scene)
    lost: set[str] = set()
    for _ in range(CUTS[size]):
        lost |= left.lost(tmp_path, chance)
    what = "log cut and torn behind a commit"
    report.row("P03", what, cycles=CUTS[size], acknowledged=CALLS, lost=len(lost))
    assert lost == set()


def test_p03_fails_when_calls_are_acknowledged_before_the_commit(
    tmp_path: Path, report: Report
) -> None:
    chance = random.Random(SEED)
    with Scene.set(tmp_path, planted("acknowledged_before_the_commit")) as scene:
        left = left_by(scene)
    found = any(left.lost(tmp_path, chance) for _ in range(CUTS["quick"]))
    report.defect("P03", "acknowledged_before_the_commit", found=found)
    assert found
