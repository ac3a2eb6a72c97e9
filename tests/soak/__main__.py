"""``make soak``: hours of load and faults, with a table of figures at the end.

``python -m tests.soak --hours 8 --store both``: on one node with SQLite and on three nodes with
PostgreSQL, side by side, each with ``--rate`` calls a second. The report is written anew behind
each round, so that what was found is there whatever happens; Ctrl-C or SIGTERM ends the round that
runs, judges it and writes the report. Exit code 1: something was violated, or grows.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.fault.resuming import commit
from tests.soak.on_postgresql import SeveralNodes
from tests.soak.on_sqlite import HOUR_S, OneNode
from tests.soak.run import Plan, Soak
from tests.soak.table import Bounds, passed, report

PLACES = {"sqlite": (OneNode,), "postgresql": (SeveralNodes,), "both": (OneNode, SeveralNodes)}
ROUND_S, SHORT_ROUND_S = 600.0, 300.0
SHORT_HOUR_S = 600.0
CALM_ROUNDS, SHORT_CALM_ROUNDS = 8, 5
SAMPLES_EVERY_S = 60.0
SHORT_H = 2.0
# Until the cache of SQLite's pages is full: 32 MiB, in a short soak 2 MiB (decision 0076).
WARM_UP_CALLS, SHORT_WARM_UP_CALLS = 48_000, 3_000


def main() -> int:
    """Run it; the exit code."""
    given = _options()
    long = given.hours >= SHORT_H
    plan = Plan(
        whole_s=given.hours * 3600,
        round_s=min(ROUND_S if long else SHORT_ROUND_S, given.hours * 900),
        rate=given.rate,
        every_s=SAMPLES_EVERY_S if long else given.hours * 30,
        seed=given.seed,
        calm_rounds=CALM_ROUNDS if long else SHORT_CALM_ROUNDS,
    )
    hour_s = HOUR_S if long else SHORT_HOUR_S
    calls = WARM_UP_CALLS if long else SHORT_WARM_UP_CALLS
    bounds = Bounds(
        warm_up_h=max(plan.round_s * plan.calm_rounds / 2, calls / given.rate) / 3600,
        store_warm_up_h=(hour_s + 2 * plan.round_s) / 3600,
    )
    run = Run(plan, bounds, hour_s, given.report)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: run.stop())
    folder = Path(given.folder or tempfile.mkdtemp(prefix="soak-"))
    try:
        return 0 if run.at(given.store, folder) else 1
    finally:
        if not given.folder:
            shutil.rmtree(folder)


@dataclass
class Run:
    """One or two soaks, and the report of them."""

    plan: Plan
    bounds: Bounds
    hour_s: float
    file: Path
    soaks: list[Soak] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _began: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M}")
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """End the rounds that run; safe to repeat."""
        self._stopped.set()

    def at(self, store: str, folder: Path) -> bool:
        """Whether nothing was violated, and nothing grows."""
        with contextlib.ExitStack() as stack:
            for place in PLACES[store]:
                opened = place.opened(folder / place.__name__, hour_s=self.hour_s)
                soak = Soak(stack.enter_context(opened), self.plan, self._stopped, self.write)
                self.soaks.append(soak)
            with ThreadPoolExecutor(len(self.soaks)) as threads:
                for done in list(threads.map(self._run, self.soaks)):
                    if done is not None:
                        raise done
        return passed(self.soaks, self.bounds)

    def _run(self, soak: Soak) -> BaseException | None:
        """One that breaks off ends the other in order; what both have found is written down."""
        try:
            soak.run()
        except BaseException as error:  # noqa: BLE001  # raised where both have ended
            self.stop()
            return error
        return None

    def write(self) -> None:
        """The report of what there is."""
        plan = self.plan
        head = (
            f"Begun {self._began} (UTC) on {commit() or 'no commit'}, seed {plan.seed}:"
            f" {plan.whole_s / 3600:g} h, rounds of {plan.round_s:.0f} s, {plan.rate:g} calls a"
            f" second on each store, an hour of retention lasts {self.hour_s:.0f} s."
        )
        with self._writing:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            text = report(self.soaks, self.bounds, head)
            self.file.write_text(text)
            sys.stdout.write(f"\n{text}")
            sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0, help="how long (default: 8)")
    parser.add_argument("--store", choices=PLACES, default="both", help="default: both at once")
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second (default: 20)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--report", type=Path, default=Path("build/soak.md"))
    parser.add_argument("--folder", help="for data and effects; kept (default: none is)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
