"""A node with its witness and one caller, for faults that strike at a chosen instant."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.fault.checker import Kind, Violation, check
from tests.fault.history import Call, CallRecorder, History
from tests.fault.loader import Caller
from tests.fault.service import Service
from tests.fault.witness import Witness
from tests.support.node import wait_until

REST_S = 120.0
STEPS = 2
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is done to the node goes into one history."""

    service: Service
    witness: Witness
    caller: Caller
    recorder: CallRecorder = field(default_factory=CallRecorder)

    @classmethod
    @contextlib.contextmanager
    def set(cls, folder: Path, *environment: tuple[str, str]) -> Iterator[Self]:
        """A new node; ``environment``: what it needs beside the usual, such as a defect."""
        recorder = CallRecorder()
        with (
            Witness.started(folder / "effects.jsonl") as witness,
            Service.started(folder, WITNESS_PORT=str(witness.port), **dict(environment)) as service,
            Caller(service, recorder) as caller,
        ):
            yield cls(service, witness, caller, recorder)

    def call(self, trigger: str, lane: str | None = None, **more: Any) -> Call:
        """Call until a call is acknowledged; the first ones may meet a node that has just died.
        ``more`` goes into the body."""
        made: Call = wait_until(lambda: _acknowledged(self.caller.call(trigger, lane, **more)))
        return made

    def let_start(self, call: Call) -> None:
        """If the node says that it runs, wait until it has begun."""
        if self.service.state(call) != "waiting":
            self.witness.wait_for(call.value)

    def history(self) -> History:
        """All that has happened so far, when nothing waits and nothing runs any more."""
        self.service.wait_at_rest(REST_S)
        return History(
            self.recorder.calls(),
            self.witness.effects(),
            tuple(self.service.endings()),
            STEPS,
            tuple(self.service.balances()),
        )

    def violations(self) -> list[Violation]:
        """What is wrong with the history."""
        return check(self.history())

    def hunt(self, kind: Kind, strike: Callable[[Scene], None]) -> bool:
        """Strike until the checker finds what a planted defect must cause; False if it never
        does. A strike finds it nearly always; the rounds are for a machine that was too slow."""
        for _ in range(ROUNDS):
            strike(self)
            if any(violation.kind == kind for violation in self.violations()):
                return True
        return False


def _acknowledged(call: Call) -> Call | None:
    return call if call.outcome == "ok" else None
