"""Strikes whole nodes and their database while calls run, at instants that a seed has chosen."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.fault.history import Call, CallRecorder, Ending
from tests.fault.loader import Caller
from tests.fault.namespaces import Namespace
from tests.fault.nodes import Nodes, OneNode
from tests.support.node import until_ready
from tests.support.postgres import Postgres

NodeStrike = Literal["node killed", "node paused", "node cut"]

FEWEST, MOST = 5, 40
PROGRESS_S = 300.0
PROBE_EVERY_S = 0.2


@dataclass
class NodesNemesis:
    """``most_s``: how long a node is paused or cut at most, some longer than its lease; ``probes``:
    calls to nodes that were cut, told by when they could have known; ``endings``: what nodes said
    of messages between the strikes; ``back_s``: from a database's return to the next answer."""

    nodes: Nodes
    recorder: CallRecorder
    seed: int
    most_s: float
    namespaces: Sequence[Namespace] = ()
    probes: list[Call] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)

    def strike(self, cycles: int, strikes: Sequence[NodeStrike]) -> None:
        """One after the other, in turns, each at another node by chance."""
        chance = random.Random(self.seed)
        for strike in itertools.islice(itertools.cycle(strikes), cycles):
            self._wait_for_progress(chance)
            known: dict[NodeStrike, Callable[[], None]] = {
                "node killed": lambda: self._kill(chance),
                "node paused": lambda: self._pause(chance),
                "node cut": lambda: self._cut(chance),
            }
            known[strike]()

    def strike_database(self, postgres: Postgres, cycles: int) -> None:
        """SIGKILL to PostgreSQL, which starts again a moment later."""
        chance = random.Random(self.seed)
        for _ in range(cycles):
            self._wait_for_progress(chance)
            postgres.kill()
            time.sleep(chance.uniform(0, self.most_s))
            postgres.start()
            back_at = time.monotonic()
            self.recorder.wait_for(self.recorder.acknowledged + 1, PROGRESS_S)
            self.back_s.append(time.monotonic() - back_at)

    def _wait_for_progress(self, chance: random.Random) -> None:
        more = chance.randint(FEWEST, MOST)
        self.recorder.wait_for(self.recorder.acknowledged + more, PROGRESS_S)
        self.endings += self.nodes.recent()

    def _kill(self, chance: random.Random) -> None:
        node = chance.choice(self.nodes.members)
        node.kill()
        time.sleep(chance.uniform(0, self.most_s))
        node.launch()
        until_ready(node.running)

    def _pause(self, chance: random.Random) -> None:
        node = chance.choice(self.nodes.members)
        node.pause()
        time.sleep(chance.uniform(0, self.most_s))
        node.go_on()

    def _cut(self, chance: random.Random) -> None:
        namespace = chance.choice(self.namespaces)
        node = next(m for m in self.nodes.members if m.host == namespace.host)
        until = time.monotonic() + chance.uniform(0, self.most_s)
        with namespace.cut(), Caller(OneNode(self.nodes, node), self.recorder) as caller:
            while time.monotonic() < until:
                self.probes.append(caller.call("Concurrent"))
                time.sleep(PROBE_EVERY_S)
