"""What the processes under test hold: memory, descriptors, threads; and how long the store is.

A *life* is one process from its start to its end; the same work done by the next one is another
life. What the system does not tell (other systems than Linux) is left out.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.slope import Point
from tests.support.processes import memory_bytes

MIB = 1024**2
STORE = "store"
FIGURES = ("MiB", "descriptors", "threads")


@dataclass(frozen=True, slots=True)
class Sample:
    """``who``: engine, worker, supervisor or store; ``life``: which one of them; ``at_h``: hours
    since the run began; ``figures`` by name."""

    who: str
    life: int
    at_h: float
    figures: Mapping[str, float]


@dataclass
class Sampler:
    """``processes`` tells who runs by process id, ``store_bytes`` the store's length; both are
    asked every ``every_s`` seconds, and failing once costs one sample."""

    processes: Callable[[], Mapping[int, str]]
    store_bytes: Callable[[], int]
    every_s: float
    samples: list[Sample] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)
    _stopped: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Samples are taken while the block runs."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def hours(self) -> float:
        """Since the run began."""
        return (time.monotonic() - self._began) / 3600

    def _run(self) -> None:
        while not self._stopped.wait(self.every_s):
            self._take()

    def _take(self) -> None:
        """Of what tells something: a node that has just been started, or a database that was taken
        away, does not, in ways of its own."""
        at_h = self.hours()
        with contextlib.suppress(Exception):
            for pid, who in self.processes().items():
                figures = held(pid)
                if figures:
                    self.samples.append(Sample(who, pid, at_h, figures))
        with contextlib.suppress(Exception):
            self.samples.append(Sample(STORE, 0, at_h, {"MiB": self.store_bytes() / MIB}))


def held(pid: int) -> dict[str, float]:
    """What a process holds now; nothing where it has gone, or the system does not tell."""
    try:
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return {}
    memory = memory_bytes(pid)
    if not memory:
        return {}
    return {"MiB": memory / MIB, "descriptors": descriptors, "threads": threads}


def lives(
    samples: Iterable[Sample], who: str, figure: str, *, warm_up_h: float
) -> list[Sequence[Point]]:
    """The figure's points, a list for each life, without what came in its first ``warm_up_h``."""
    found: defaultdict[int, list[Point]] = defaultdict(list)
    born: dict[int, float] = {}
    for sample in samples:
        if sample.who == who and figure in sample.figures:
            since = born.setdefault(sample.life, sample.at_h)
            if sample.at_h - since >= warm_up_h:
                found[sample.life].append((sample.at_h, sample.figures[figure]))
    return list(found.values())
