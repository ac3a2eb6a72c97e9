"""One run of a fault test: calls are made, processes are killed, then everything is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fault.history import History
from tests.fault.loader import Loader
from tests.fault.nemesis import Nemesis, Strike
from tests.fault.service import Service
from tests.fault.witness import Witness

REST_S = 300.0
STEPS = 2


@dataclass(frozen=True, slots=True)
class CrashRun:
    """``rate``: calls a second; ``environment``: of the node, beside what the run needs."""

    folder: Path
    triggers: tuple[str, ...]
    strikes: Sequence[Strike]
    cycles: int
    seed: int
    rate: float = 200.0
    environment: tuple[tuple[str, str], ...] = ()

    def history(self) -> History:
        """What happened, when nothing waits and nothing runs any more."""
        with (
            Witness.started(self.folder / "effects.jsonl") as witness,
            Service.started(
                self.folder, WITNESS_PORT=str(witness.port), **dict(self.environment)
            ) as service,
        ):
            loader = Loader(service, self.triggers, self.rate)
            nemesis = Nemesis(service, loader.recorder, self.seed)
            with loader.running():
                nemesis.strike(self.cycles, self.strikes)
            service.wait_at_rest(REST_S)
            endings = (*nemesis.endings, *service.endings())
            books = tuple(service.balances())
            return History(loader.recorder.calls(), witness.effects(), endings, STEPS, books)
