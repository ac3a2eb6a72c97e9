"""Strikes processes of a node at instants that nobody has chosen, but the same ones for one seed.

An instant is "when so many more calls were acknowledged": the node was up again and at work, and
nothing is said of what it was doing. What is killed while it starts has not come so far: it is
killed so long after its start as the seed says, before it is ready or within its recovery.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.fault.history import CallRecorder, Ending
from tests.fault.service import Service

Strike = Literal[
    "engine killed",
    "worker killed",
    "supervisor killed",
    "starting engine killed",
    "starting supervisor killed",
    "engine paused",
    "worker paused",
    "clock jumped",
]

FEWEST, MOST = 5, 40
PROGRESS_S = 300.0
START_S = 1.0
PAUSE_S = 0.5
JUMP_S = 40 * 86400


@dataclass
class Nemesis:
    """``endings``: what the node said of messages between the strikes, to be compared later."""

    service: Service
    recorder: CallRecorder
    seed: int
    endings: list[Ending] = field(default_factory=list)

    def strike(self, cycles: int, strikes: Sequence[Strike]) -> None:
        """One after the other, the strikes shuffled anew in each round."""
        chance = random.Random(self.seed)
        round_: list[Strike] = []
        for _ in range(cycles):
            if not round_:
                round_ = chance.sample(strikes, len(strikes))
            more = chance.randint(FEWEST, MOST)
            self.recorder.wait_for(self.recorder.acknowledged + more, PROGRESS_S)
            self.endings += self.service.recent()
            self._do(round_.pop(), chance)

    def _do(self, strike: Strike, chance: random.Random) -> None:
        service, index = self.service, chance.randrange(1024)
        start_s, pause_s = chance.uniform(0, START_S), chance.uniform(0, PAUSE_S)
        jump_s = chance.randint(-JUMP_S, JUMP_S)
        known: dict[Strike, Callable[[], None]] = {
            "engine killed": service.kill_engine,
            "worker killed": lambda: service.kill_worker(index),
            "supervisor killed": service.kill_supervisor,
            "starting engine killed": lambda: service.kill_starting_engine(start_s),
            "starting supervisor killed": lambda: service.kill_starting_supervisor(start_s),
            "engine paused": lambda: service.pause_engine(pause_s),
            "worker paused": lambda: service.pause_worker(index, pause_s),
            "clock jumped": lambda: service.jump_clock(jump_s),
        }
        known[strike]()
