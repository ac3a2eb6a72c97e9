"""The load of a soak: callers at a steady rate who send what triggers get over the years.

Ordered lanes, messages without order, callers who wait for the response, messages that fail and are
tried again, some that fail for good, keys that are sent twice, and bodies that lie on disk.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.fault.history import Call
from tests.fault.loader import CALLERS, LANES, Caller, Loader

KINDS = {"ordered": 30, "concurrent": 30, "answered": 25, "failing": 10, "keyed": 5}
BIG_BYTES = 1_500_000
BIG_EVERY = 300
GIVES_UP = 99
FAILS_FOR_GOOD = 0.2
AGAIN_S = 1.0
KEY_S = 300.0
SUCCEED = ("Ordered", "Concurrent", "Answered")
TRIGGERS = (*SUCCEED, "Fragile")


@dataclass
class MixedLoad(Loader):
    """``seed``: of what is sent; ``name``: before each key, which no other load has."""

    seed: int = 0
    name: str = "k"

    def _call_in_turn(self, caller: Caller, number: int) -> None:
        chance = random.Random(f"{self.seed} {number}")
        every_s = CALLERS / self.rate
        due = time.monotonic() + every_s * number / CALLERS
        turn = 0
        while not self._stopped.wait(max(due - time.monotonic(), 0)):
            due = max(due + every_s, time.monotonic())
            turn += 1
            self._send(caller, chance, f"{self.name}-{number}-{turn}")

    def _send(self, caller: Caller, chance: random.Random, key: str) -> None:
        (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
        # No ordering key is read from a body as long as this.
        more = {"padding": "x" * BIG_BYTES} if not chance.randrange(BIG_EVERY) else {}
        if kind == "ordered":
            caller.call("Ordered", f"lane {chance.randrange(LANES)}")
        elif kind == "failing":
            failures = GIVES_UP if chance.random() < FAILS_FOR_GOOD else 1
            caller.call("Fragile", None, failures=failures, **more)
        elif kind == "keyed":
            for _ in range(2):
                acknowledged(caller, key)
        else:
            caller.call(kind.capitalize(), None, **more)


def acknowledged(caller: Caller, key: str) -> Call:
    """Sent again until it is, as whoever has a key does."""
    until = time.monotonic() + KEY_S
    while True:
        call = caller.call("Concurrent", None, key=key)
        if call.outcome == "ok":
            return call
        assert time.monotonic() < until, f"{key} was never acknowledged"
        time.sleep(AGAIN_S)
