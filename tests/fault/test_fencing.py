"""P14: a session that was replaced while it slept changes nothing and starts nothing more.

On SQLite the lock on a file proves that a session is dead before it is replaced; here the file of
the lock is removed under it, as a careless script would.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from firesteel.model.execution import State
from firesteel.store.sqlite.store import open_store
from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.sleeping_engine import LANE
from tests.support.hand import Hand

CYCLES = {"quick": 3, "full": 300, "soak": 3000}
ROOT = Path(__file__).parents[2]
TABLES = ("session", "message", "execution", "entry", "attempt", "result")


def replaced_in_its_sleep(path: Path, *environment: tuple[str, str]) -> dict[str, bool]:
    """What a session could still do after it was stopped, replaced, and let go on."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fault.sleeping_engine", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **dict(environment)},
    ) as sleeper:
        assert sleeper.stdout is not None
        assert sleeper.stdin is not None
        assert sleeper.stdout.readline() == "asleep\n"
        sleeper.send_signal(signal.SIGSTOP)
        path.with_name(path.name + ".lock").unlink()
        asyncio.run(take_over(path))
        before = dump(path)
        sleeper.send_signal(signal.SIGCONT)
        sleeper.stdin.write("\n")
        sleeper.stdin.close()
        tried: dict[str, bool] = json.loads(sleeper.stdout.readline())
    return {**tried, "wrote": dump(path) != before}


async def take_over(path: Path) -> None:
    """Another session does all the work, but the last message of the lane: that one it holds."""
    store = await open_store(path)
    hand = Hand(store.journal, store.catalog)
    trigger_no = await hand.trigger()
    await hand.journal.recover()
    counts = await hand.journal.counts(trigger_no)
    for _ in range(counts.waiting + counts.running):
        (claim,) = await hand.taken()
        assert await hand.settle(claim, State.SUCCEEDED)
    await hand.accept(trigger_no, LANE)
    await hand.taken()
    await store.close()


def dump(path: Path) -> list[list[Any]]:
    """All that is written."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [connection.execute(f"select * from {table}").fetchall() for table in TABLES]


def test_p14_a_session_that_was_replaced_in_its_sleep_writes_and_starts_nothing(
    tmp_path: Path, size: Size, report: Report
) -> None:
    path = tmp_path / "store.db"
    found = [replaced_in_its_sleep(path) for _ in range(CYCLES[size])]
    wrote = sum(any(tried.values()) for tried in found)
    report.row("P14", "SIGSTOP, replaced, SIGCONT", cycles=len(found), doubled=wrote)
    assert [tried for tried in found if any(tried.values())] == []


@pytest.mark.parametrize(
    ("defect", "act"),
    [("session_not_fenced", "accepted"), ("written_without_its_epoch", "settled")],
)
def test_p14_fails_without_the_fence(tmp_path: Path, defect: str, act: str, report: Report) -> None:
    tried = replaced_in_its_sleep(tmp_path / "store.db", planted(defect))
    report.defect("P14", defect, found=tried[act] and tried["wrote"])
    assert tried[act]
    assert tried["wrote"]
