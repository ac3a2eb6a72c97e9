"""A soak: load and faults for hours, judged round by round.

Every round has calls of its own. At its end callers stop, the node comes to rest, the checker
judges, and what was seen is let go, so that hours cost no memory here. A round of *storm* ends
processes; the *calm* ones behind it let them live.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from tests.fault.checker import Violation, check
from tests.fault.history import CallRecorder, Ending, History, latest
from tests.fault.scene import STEPS
from tests.soak.load import SUCCEED, TRIGGERS, MixedLoad
from tests.soak.place import Place
from tests.soak.samples import Sample, Sampler

Weather = Literal["storm", "calm"]

STORM_EVERY_S, CALM_EVERY_S = 10.0, 20.0
OFTEN = 10
"""Acts that a round has at least, however short it is."""
REST_S = 600.0
BEFORE = timedelta(seconds=5)
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds; ``rate``: calls a second; ``every_s``: between two samples; ``calm_rounds``: behind
    each storm."""

    whole_s: float
    round_s: float
    rate: float
    every_s: float
    seed: int
    calm_rounds: int = 8


@dataclass(frozen=True, slots=True)
class Round:
    """What one round was like. ``outcomes``: calls by what they were told; ``found``: violations
    by kind; ``details``: the first ones, in words; ``acts`` by name."""

    began_h: float
    ended_h: float
    weather: Weather
    outcomes: Counter[str]
    endings: Counter[str]
    acts: Counter[str]
    found: Counter[str]
    details: list[str] = field(default_factory=list)


@dataclass
class Soak:
    """At one place. ``stopped`` ends it in order, at any moment; ``ended`` is called behind each
    round."""

    place: Place
    plan: Plan
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: Callable[[], None] = lambda: None
    rounds: list[Round] = field(default_factory=list)
    sampler: Sampler = field(init=False)
    _before: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sampler = Sampler(self.place.processes, self.place.store_bytes, self.plan.every_s)

    @property
    def samples(self) -> Sequence[Sample]:
        """All that were taken so far."""
        return self.sampler.samples

    def run(self) -> None:
        """Until the time is over, or it is stopped."""
        self.place.publish(random.Random(self.plan.seed))
        until = time.monotonic() + self.plan.whole_s
        with self.sampler.running():
            while not self.stopped.is_set() and time.monotonic() < until:
                number = len(self.rounds)
                weather: Weather = "calm" if number % (self.plan.calm_rounds + 1) else "storm"
                for_s = min(self.plan.round_s, until - time.monotonic())
                self.rounds.append(self._round(weather, number, for_s))
                self.ended()

    def _round(self, weather: Weather, number: int, for_s: float) -> Round:
        began_h, began_at = self.sampler.hours(), datetime.now(UTC) - BEFORE
        place, seed = self.place, self.plan.seed + number
        place.recorder, place.lost = CallRecorder(f"r{number}-"), []
        load = MixedLoad(
            place.service, TRIGGERS, self.plan.rate, place.recorder, seed=seed, name=f"r{number}"
        )
        acts: Counter[str] = Counter()
        seen: list[Ending] = []
        with load.running():
            self._act(weather, random.Random(seed), for_s, acts, seen)
        place.service.wait_at_rest(REST_S)
        history = self._history(began_at, seen)
        violations = [*check(history), *_odd(history), *(Violation("lost", t) for t in place.lost)]
        self._before = {books.trigger: books.accepted for books in history.balances}
        place.witness.forget()
        return Round(
            began_h,
            self.sampler.hours(),
            weather,
            Counter(call.outcome for call in history.calls),
            Counter(ending.state for ending in latest(history.endings).values()),
            acts,
            Counter(violation.kind for violation in violations),
            [f"{one.kind}: {one.detail}" for one in violations[:SHOWN]],
        )

    def _act(
        self,
        weather: Weather,
        chance: random.Random,
        for_s: float,
        acts: Counter[str],
        seen: list[Ending],
    ) -> None:
        """One act after the other, shuffled anew in each turn, with moments between them."""
        known = self.place.storm() if weather == "storm" else self.place.calm()
        mean_s = STORM_EVERY_S if weather == "storm" else CALM_EVERY_S
        most_s = 2 * min(mean_s, for_s / OFTEN)
        until = time.monotonic() + for_s
        turn: list[str] = []
        while True:
            pause_s = min(chance.uniform(0, most_s), until - time.monotonic())
            if self.stopped.wait(max(pause_s, 0)) or time.monotonic() >= until:
                return
            turn = turn or chance.sample(sorted(known), len(known))
            name = turn.pop()
            known[name](chance)
            acts[name] += 1
            seen += self.place.service.recent()

    def _history(self, began_at: datetime, seen: Sequence[Ending]) -> History:
        """Of this round alone, when nothing waits and nothing runs any more."""
        place = self.place
        listed = place.service.endings(received_from=began_at.isoformat())
        of_it = [
            ending
            for ending in (*seen, *listed)
            if ending.sequence > self._before.get(ending.trigger, 0)
        ]
        return History(
            place.recorder.calls(),
            place.witness.effects(),
            tuple(of_it),
            STEPS,
            tuple(b for b in place.service.balances() if b.trigger in TRIGGERS),
            paused=place.pauses_past_the_lease,
            before=self._before,
        )


def _odd(history: History) -> list[Violation]:
    """Messages that must succeed, however often they are interrupted, and did not."""
    return [
        Violation("lost", f"message {ending.message_id} of {ending.trigger} is {ending.state}")
        for ending in latest(history.endings).values()
        if ending.trigger in SUCCEED and ending.state != "succeeded"
    ]
