"""What a store has kept when the process that wrote it died, or its disk failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from firesteel.store.sqlite.store import open_store
from tests.support.hand import Hand

CHILD = [sys.executable, "-m", "tests.support.accepting_child"]
ROOT = Path(__file__).parents[2]


def killed_after(lines: int, path: Path) -> dict[str, list[int]]:
    """What a child said that it had accepted and settled before it was killed."""
    said: dict[str, list[int]] = {"accepted": [], "settled": []}
    with subprocess.Popen(
        [*CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if not line.endswith("\n"):
                break
            what, sequence = line.split()
            said[what].append(int(sequence))
            if sum(map(len, said.values())) == lines:
                child.kill()
    return said


async def test_p02_what_was_acknowledged_before_a_kill_is_there_once_and_goes_on_in_order(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    said = [killed_after(lines, path) for lines in (150, 151, 157)]
    accepted = [sequence for life in said for sequence in life["accepted"]]
    settled = [sequence for life in said for sequence in life["settled"]]
    assert sorted(set(accepted)) == sorted(accepted)
    assert sorted(set(settled)) == sorted(settled)

    store = await open_store(path)
    hand = Hand(store.journal, store.catalog)
    trigger = await hand.trigger()
    await hand.journal.recover()
    counts = await hand.journal.counts(trigger)
    assert counts.accepted >= max(accepted)
    assert counts.accepted == counts.waiting + counts.running + counts.terminal
    last_of_lane: dict[bytes, int] = {}
    for _ in range(counts.waiting + counts.running):
        (claim,) = await hand.taken()
        assert claim.message.sequence not in settled
        lane = claim.message.body
        assert claim.message.sequence > last_of_lane.get(lane, 0)
        last_of_lane[lane] = claim.message.sequence
        await hand.settle(claim)
    assert (await hand.journal.counts(trigger)).terminal == counts.accepted
    await store.close()


def test_p04_a_commit_that_fails_is_never_taken_for_done(tmp_path: Path) -> None:
    done = subprocess.run(
        [*CHILD, str(tmp_path / "store.db"), "2000000"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["outcome_unknown", "store_unavailable", "1"]
