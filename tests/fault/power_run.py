"""A node on a disk that forgets and fails: calls are made, the disk does its worst, then all is
judged."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.fault.disk.forgetful import ForgetfulDisk
from tests.fault.history import CallRecorder, Ending, History
from tests.fault.loader import Loader
from tests.fault.service import Service
from tests.fault.witness import Witness

TRIGGERS = ("Ordered", "Concurrent", "Answered")
FEWEST, MOST = 5, 40
PROGRESS_S = 60.0
REST_S = 120.0
STEPS = 2


@dataclass
class PowerRun:
    """``damage``: what SQLite found wrong with the store, after each cut; ``endings``: what the
    node said before each."""

    service: Service
    disk: ForgetfulDisk
    witness: Witness
    rate: float
    recorder: CallRecorder = field(default_factory=CallRecorder)
    endings: list[Ending] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path, *, rate: float = 200.0, **environment: str) -> Iterator[Self]:
        """With the data directory on the disk."""
        with (
            ForgetfulDisk.mounted(folder / "data") as disk,
            Witness.started(folder / "effects.jsonl") as witness,
            Service.started(folder, WITNESS_PORT=str(witness.port), **environment) as service,
        ):
            yield cls(service, disk, witness, rate)

    @contextlib.contextmanager
    def calls(self) -> Iterator[None]:
        """Calls are made while the block runs."""
        with Loader(self.service, TRIGGERS, self.rate, self.recorder).running():
            yield

    def get_on(self, acknowledged: int) -> None:
        """Until so many more calls were acknowledged."""
        self.recorder.wait_for(self.recorder.acknowledged + acknowledged, PROGRESS_S)

    def cut_power(self, seed: int) -> None:
        """What was not flushed is gone; the node starts on what is left."""
        self.endings += self.service.recent()
        self.disk.cut(seed)
        self.service.kill_supervisor(self._look)

    def cut_power_often(self, cuts: int, chance: random.Random) -> None:
        """While calls are made, each time when the node has got on a little."""
        with self.calls():
            for _ in range(cuts):
                self.get_on(chance.randint(FEWEST, MOST))
                self.cut_power(chance.randrange(2**32))

    def history(self) -> History:
        """What happened, when all is at rest."""
        self.service.wait_at_rest(REST_S)
        endings = (*self.endings, *self.service.endings())
        books = tuple(self.service.balances())
        return History(self.recorder.calls(), self.witness.effects(), endings, STEPS, books)

    def _look(self) -> None:
        self.disk.power_on()
        self.damage += damage_of(self.service.folder)


def damage_of(folder: Path) -> list[str]:
    """What SQLite finds wrong with a copy of the store, so that the node recovers it itself."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in (folder / "data").glob("firesteel.db*"):
        if not file.name.endswith("-shm"):
            shutil.copyfile(file, copy / file.name)
    with contextlib.closing(sqlite3.connect(copy / "firesteel.db")) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found
