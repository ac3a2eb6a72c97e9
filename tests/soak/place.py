"""Where a soak takes place: what runs there, what may be done to it, and what it holds.

An *act* is a fault or a piece of everyday work. Acts of a *storm* end processes; those of *calm*
hours let them live, so that it shows whether they grow. Each act returns when the node takes calls
again, and gets a source of chance.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.fault.history import CallRecorder
from tests.fault.nodes import Nodes
from tests.fault.service import Service
from tests.fault.test_backup import acknowledged
from tests.fault.witness import Witness
from tests.support.node import RunningNode, wait_until

Act = Callable[[random.Random], None]
KEPT = "retention: {{history: 1h, archive: true}}\ndescription: As of publication {}\n"
COMMAND_S = 120.0
PATIENCE_S = 600.0
"""On a machine that does other work."""


@dataclass
class Place(ABC):
    """``service``: whom callers call and who is asked; ``lost``: what acts found missing, such as
    messages in a back-up."""

    folder: Path
    witness: Witness
    service: Service | Nodes
    recorder: CallRecorder = field(default_factory=CallRecorder)
    lost: list[str] = field(default_factory=list)
    _publications: int = 0

    name = ""
    pauses_past_the_lease = False

    @abstractmethod
    def storm(self) -> Mapping[str, Act]:
        """By name, acts that end processes."""

    @abstractmethod
    def calm(self) -> Mapping[str, Act]:
        """By name, acts that end none."""

    @abstractmethod
    def processes(self) -> dict[int, str]:
        """Those that run now, by process id: supervisor, engine or worker."""

    @abstractmethod
    def store_bytes(self) -> int:
        """How long the store is."""

    @abstractmethod
    def node(self) -> RunningNode:
        """One that runs."""

    @property
    def project(self) -> Path:
        """The folder whose files are published."""
        return self.folder / "project"

    def archive_bytes(self) -> int:
        """How long the archive is, which grows by design."""
        files = (self.folder / "archive").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    def publish(self, _: random.Random) -> None:
        """A new version of every integration, as ``firesteel apply`` publishes it."""
        self._publications += 1
        for file in (self.project / "integrations").iterdir():
            text = file.read_text().partition("retention:")[0]
            file.write_text(text + KEPT.format(self._publications))
        wait_until(self._applied, PATIENCE_S)

    def _applied(self) -> bool:
        address = self.node().data_dir
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                [sys.executable, "-m", "firesteel", "apply", str(self.project)],
                env={**os.environ, "FIRESTEEL_DATA_DIR": str(address)},
                check=False,
                capture_output=True,
                timeout=COMMAND_S,
            )
            return done.returncode == 0
        return False

    def back_up(self, _: random.Random) -> None:
        """A back-up while calls go on: what was acknowledged before is in it."""
        before = acknowledged(self.recorder)
        copy = self.folder / "copy"
        try:
            missing = self._missing(copy, before)
        finally:
            copy.unlink(missing_ok=True)
        self.lost += [f"{message} is not in a back-up" for message in sorted(missing)]

    @abstractmethod
    def _missing(self, copy: Path, before: set[str]) -> set[str]:
        """Back up into a file; which of these messages it has not got."""


@contextlib.contextmanager
def present(file: Path) -> Iterator[None]:
    """A file is there while the block runs: the signal of a fault."""
    file.touch()
    try:
        yield
    finally:
        file.unlink()


def until_asked(ask: Callable[[], object]) -> None:
    """Asked again until an answer comes, of a node that may just be starting."""

    def asked() -> bool:
        with contextlib.suppress(httpx2.HTTPError, OSError, ValueError):
            ask()
            return True
        return False

    wait_until(asked, PATIENCE_S)


def moment(chance: random.Random, longest_s: float) -> None:
    """A fault lasts for a while."""
    time.sleep(chance.uniform(0, longest_s))
