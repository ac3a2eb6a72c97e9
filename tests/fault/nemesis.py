"""Kills processes of a node at instants that nobody has chosen, but the same ones for one seed.

An instant is "when so many more calls were acknowledged": the node was up again and at work, and
nothing is said of what it was doing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.fault.history import CallRecorder, Ending
from tests.fault.service import Service

Victim = Literal["engine", "worker", "supervisor"]

FEWEST, MOST = 5, 40
PROGRESS_S = 60.0


@dataclass
class Nemesis:
    """``endings``: what the node said of messages between the kills, to be compared later."""

    service: Service
    recorder: CallRecorder
    seed: int
    endings: list[Ending] = field(default_factory=list)

    def strike(self, cycles: int, victims: Sequence[Victim]) -> None:
        """Kill one after the other, the victims shuffled anew in each round."""
        chance = random.Random(self.seed)
        round_: list[Victim] = []
        for _ in range(cycles):
            if not round_:
                round_ = chance.sample(victims, len(victims))
            more = chance.randint(FEWEST, MOST)
            self.recorder.wait_for(self.recorder.acknowledged + more, PROGRESS_S)
            self.endings += self.service.recent()
            self._kill(round_.pop(), chance)

    def _kill(self, victim: Victim, chance: random.Random) -> None:
        kills: dict[Victim, Callable[[], None]] = {
            "engine": self.service.kill_engine,
            "worker": lambda: self.service.kill_worker(chance.randrange(1024)),
            "supervisor": self.service.kill_supervisor,
        }
        kills[victim]()
