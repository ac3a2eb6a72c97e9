"""A move of a store to PostgreSQL that is killed, again and again, is still a move of all of it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from os import environ
from pathlib import Path

import msgspec
import pytest

from firesteel.store.moving.marker import Progress
from tests.conftest import Size
from tests.fault.defects import planted
from tests.support.full_store import full_store
from tests.support.markdown import ROOT
from tests.support.moved import as_recovered, asked, assert_same, in_postgresql

MESSAGES = 2_000
KILLS = {"quick": 5, "full": 100, "soak": 1_000}
CHUNK_ROWS = 50
ENDED_S = 60.0
# Of a run, from its first chunk on, that takes about a second where nothing kills it.
LONGEST_S = 0.6
SEED = 5

# Of bodies of 1 MiB, and what the process may take while it moves them: a few of them at a time.
BIG = 256
PEAK_BYTES = 160 * 1024**2

# As the command, but in small chunks, so that a kill strikes among many.
COMMAND = """
import sys
from firesteel.store.moving import move
move.CHUNK_ROWS = int(sys.argv[1])
from firesteel.cli.app import run
code = run(["migrate-store", *sys.argv[2:]])
import os
from tests.support.processes import peak_memory_bytes
print("peak", peak_memory_bytes(os.getpid()), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with everything in it, as a killed engine left it."""
    made = tmp_path_factory.mktemp("made") / "firesteel.db"
    full_store(made, messages=MESSAGES)
    return made


class Run:
    """One process of the command, that has begun to copy, or said ``until``, when it is there."""

    def __init__(
        self,
        file: Path,
        url: str,
        environment: Mapping[str, str],
        until: tuple[str, ...] = ("moving", "going on"),
    ) -> None:
        arguments = ("--from", f"sqlite:///{file}", "--to", url)
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(CHUNK_ROWS), *arguments],
            env={**environ, **environment},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._until = until
        self._copying = threading.Event()
        self._told: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._copying.wait(ENDED_S)

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr:
            for line in self._process.stderr:
                self._told.append(line)
                if line.startswith(self._until):
                    self._copying.set()
        self._copying.set()

    def kill_after(self, seconds: float) -> bool:
        """False where it ended by itself before."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
        return self.ended()[0] == -signal.SIGKILL

    def ended(self) -> tuple[int, str]:
        """How it ended, and what it said."""
        self._process.wait(ENDED_S)
        self._reader.join(ENDED_S)
        return self._process.returncode, "".join(self._told)


def killed_often(file: Path, url: str, kills: int) -> int:
    """Run it and kill it so often; how many of them struck a move that was not done."""
    chance, struck = random.Random(SEED), 0
    for _ in range(kills):
        struck += Run(file, url, {}).kill_after(chance.uniform(0, LONGEST_S))
    return struck


def test_a_move_killed_at_any_moment_goes_on_and_loses_nothing(
    size: Size, file: Path, postgres_url: str, tmp_path: Path
) -> None:
    assert killed_often(file, postgres_url, KILLS[size]) > 0
    code, told = Run(file, postgres_url, {}).ended()
    assert code == 0, told
    value = asked(postgres_url, "SELECT value FROM setting WHERE name = 'moved_from'")
    shift_us = msgspec.json.decode(value, type=Progress).shift_us
    assert_same(in_postgresql(postgres_url), as_recovered(file, tmp_path / "recovered"), shift_us)


def test_it_fails_when_progress_is_committed_before_its_rows(file: Path, postgres_url: str) -> None:
    defect = dict([planted("move_noted_before_its_rows")])
    assert Run(file, postgres_url, defect, until=("noted",)).kill_after(0)
    code, told = Run(file, postgres_url, defect).ended()
    assert (code, "move_differs" in told) == (1, True), told


def test_many_large_bodies_take_no_more_memory_than_a_few(
    tmp_path: Path, postgres_url: str
) -> None:
    file = tmp_path / "firesteel.db"
    full_store(file, messages=1, big=BIG)
    code, told = Run(file, postgres_url, {}).ended()
    peak_bytes = int(told.rpartition("peak ")[2])
    assert code == 0, told
    assert peak_bytes < PEAK_BYTES, peak_bytes
