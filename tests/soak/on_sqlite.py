"""One node on SQLite, for a soak."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.fault.defects import together
from tests.fault.nemesis import PAUSE_S, START_S
from tests.fault.service import Service
from tests.fault.test_backup import missing_in
from tests.fault.test_disk_full import PLENTY, SMALL_DISK
from tests.fault.witness import Witness
from tests.soak.place import Act, Place, moment, present, until_asked
from tests.support.node import RunningNode
from tests.support.processes import children

FULL_STORE = SMALL_DISK.parent / "full_store"
SHORTER = (Path(__file__).parent / "shorter_retention", Path(__file__).parent / "soon_full")
HOUR_S = 3600.0
FULL_S = 3.0
STORE = "firesteel.db"


class OneNode(Place):
    """Its workers are two."""

    name = "SQLite"

    @classmethod
    @contextlib.contextmanager
    def opened(
        cls, folder: Path, *, hour_s: float, defects: tuple[Path, ...] = ()
    ) -> Iterator[Place]:
        """A new node; ``hour_s``: seconds of an hour of retention, where they are fewer, what
        fills in time is full sooner too; ``defects``: folders of modules that change the node."""
        folder.mkdir(parents=True)
        shorter = () if hour_s >= HOUR_S else SHORTER
        sources = together(folder / "changed", FULL_STORE, SMALL_DISK, *shorter, *defects)
        (folder / "free").write_text(PLENTY)
        given = {
            "HOUR_S": str(hour_s),
            "STORE_FULL": str(folder / "full"),
            "DISK_FREE": str(folder / "free"),
            "FIRESTEEL_DISK_RESERVE": "1MiB",
            "FIRESTEEL_ARCHIVE_DIR": str(folder / "archive"),
            "FIRESTEEL_LOG_LEVEL": "warning",
        }
        with Witness.started(folder / "effects.jsonl") as witness:
            environment = dict([sources]) | given | witness.environment()
            with Service.started(folder, **environment) as service:
                yield cls(folder, witness, service)

    def storm(self) -> Mapping[str, Act]:
        service = self._service
        return {
            "engine killed": lambda _: service.kill_engine(),
            "worker killed": lambda chance: service.kill_worker(chance.randrange(2)),
            "supervisor killed": lambda _: service.kill_supervisor(),
            "starting engine killed": lambda chance: service.kill_starting_engine(
                chance.uniform(0, START_S)
            ),
            "starting supervisor killed": lambda chance: service.kill_starting_supervisor(
                chance.uniform(0, START_S)
            ),
            "started with another setting": self._start_anew,
            "no room for commits": self._fill_store,
            **self.calm(),
        }

    def calm(self) -> Mapping[str, Act]:
        service = self._service
        return {
            "engine paused": lambda chance: service.pause_engine(chance.uniform(0, PAUSE_S)),
            "worker paused": lambda chance: service.pause_worker(
                chance.randrange(2), chance.uniform(0, PAUSE_S)
            ),
            "version published": self.publish,
            "backed up": self.back_up,
            "encryption key changed": lambda _: until_asked(self._rotated),
            "disk nearly full": self._fill_disk,
        }

    def processes(self) -> dict[int, str]:
        supervisor = self._service.node.process.pid
        engine = self._service.node.engine_pid
        found = dict.fromkeys(children(supervisor), "worker")
        return {supervisor: "supervisor", **found, engine: "engine"}

    def store_bytes(self) -> int:
        files = (self.folder / "data").glob(f"{STORE}*")
        return sum(file.stat().st_size for file in files)

    def node(self) -> RunningNode:
        return self._service.node

    @property
    def _service(self) -> Service:
        assert isinstance(self.service, Service)
        return self.service

    def _missing(self, copy: Path, before: set[str]) -> set[str]:
        self.node().wait_ready()
        until_asked(lambda: self.node().admin("POST", "/backup", json={"path": str(copy)}))
        return missing_in(copy, before)

    def _rotated(self) -> None:
        self.node().admin("POST", "/encryption/rotate")

    def _start_anew(self, chance: random.Random) -> None:
        """Stopped in order, and started with another setting."""
        service = self._service
        service.node.stop()
        service.environment["FIRESTEEL_RETENTION_DAYS"] = str(chance.randint(1, 30))
        service.start()

    def _fill_store(self, chance: random.Random) -> None:
        """No commit finds room for a moment."""
        with present(self.folder / "full"):
            moment(chance, FULL_S)
        self.node().wait_ready()

    def _fill_disk(self, chance: random.Random) -> None:
        """For a moment less is free than the reserve."""
        (self.folder / "free").write_text("0")
        moment(chance, FULL_S)
        (self.folder / "free").write_text(PLENTY)
        self.node().wait_ready()
