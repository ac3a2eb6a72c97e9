"""A node on a disk that forgets and fails: calls are made, the disk does its worst, then all is
judged."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tests.fault.disk.forgetful import ForgetfulDisk
from tests.fault.history import CallRecorder, Ending, History
from tests.fault.loader import Loader
from tests.fault.service import Service
from tests.fault.store_image import StoreImage
from tests.fault.witness import Witness

TRIGGERS = ("Ordered", "Concurrent", "Answered")
FEWEST, MOST = 5, 40
PROGRESS_S = 300.0
REST_S = 300.0
STEPS = 2
KEPT = 2


@dataclass
class PowerRun:
    """After each cut the image of the store is judged before a node opens it: ``damage``: what
    SQLite found wrong with it, ``missing``: what had been acknowledged, or had run, and is not in
    it. The last images are kept, and what callers were told. ``endings``: what the node said before
    each cut."""

    service: Service
    disk: ForgetfulDisk
    witness: Witness
    rate: float
    recorder: CallRecorder = field(default_factory=CallRecorder)
    endings: list[Ending] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    cuts: int = 0
    kept_calls: int = 0

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
        """While calls are made, each time when the node has got on a little. The first loss ends
        it, so that its image is there to be looked at."""
        with self.calls():
            while self.cuts < cuts and not (self.missing or self.damage):
                self.get_on(chance.randint(FEWEST, MOST))
                self.cut_power(chance.randrange(2**32))

    def history(self) -> History:
        """What happened, when all is at rest."""
        self._keep_calls()
        self.service.wait_at_rest(REST_S)
        endings = (*self.endings, *self.service.endings())
        books = tuple(self.service.balances())
        return History(self.recorder.calls(), self.witness.effects(), endings, STEPS, books)

    def _look(self) -> None:
        """While no process uses the disk."""
        self.disk.power_on()
        self.cuts += 1
        folder = self.service.folder
        image = StoreImage.taken(folder / "data", folder / f"cut-{self.cuts}")
        self.damage += image.damage
        self.missing += image.missing(self.recorder.calls(), self.witness.effects())
        shutil.rmtree(folder / f"cut-{self.cuts - KEPT}", ignore_errors=True)
        self._keep_calls()

    def _keep_calls(self) -> None:
        """Beside the witness's file and the images, for whoever looks into a loss."""
        calls = self.recorder.calls()[self.kept_calls :]
        self.kept_calls += len(calls)
        with (self.service.folder / "calls.jsonl").open("a") as file:
            file.writelines(json.dumps(asdict(call)) + "\n" for call in calls)
