"""What happened in a fault test, seen from outside: calls, effects and endings.

Times are monotonic seconds of the test process. Every call carries a value that no other call has,
so that whatever is found of it later is known to be its own.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Outcome = Literal["ok", "fail", "unknown"]
Phase = Literal["begin", "end"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as its caller saw it.

    ``outcome``: ``ok`` (acknowledged: a 2xx with an id), ``fail`` (refused: nothing was stored) or
    ``unknown`` (no answer: it may have been accepted). ``answer``: the value in a workflow's
    response, None where the call did not wait for one. ``refused``: nobody listened. ``key``: its
    idempotency key; calls with one key have one value. ``status``: of the HTTP answer, None where
    none came.
    """

    value: str
    trigger: str
    lane: str | None
    invoked_at: float
    answered_at: float
    outcome: Outcome
    message_id: str | None = None
    sequence: int | None = None
    answer: str | None = None
    refused: bool = False
    key: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the witness saw a workflow do, in the order in which it saw it. ``step``: 1, 2, ... in
    the order of the workflow; ``pid``: of the worker; ``at_s``: when it was about to do it, by the
    clock of the leases. A node that stands still between the two is seen late."""

    value: str
    trigger: str
    lane: str | None
    message_id: str
    sequence: int
    attempt: int
    step: int
    phase: Phase
    pid: int = 0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ending:
    """What the node said of a message; ``settled_at`` is the node's own text, "" while it is not
    terminal."""

    message_id: str
    trigger: str
    sequence: int
    state: str
    settled_at: str

    @property
    def terminal(self) -> bool:
        """Whether the execution has ended."""
        return self.state in ("succeeded", "failed", "cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class Balance:
    """What the node counts of a trigger at a quiet moment: messages, and executions by state."""

    trigger: str
    accepted: int
    replayed: int
    waiting: int
    running: int
    ended: int
    purged: int


@dataclass(frozen=True, slots=True)
class History:
    """All that the checker judges. ``endings`` may hold several of one message: each time that
    somebody looked; the last one counts as its end. ``steps``: how many a workflow has.
    ``balances``: of the moment of the last endings. ``paused``: nodes stood still past their lease,
    so that a step that had begun may be seen, and may end, late (P36); none may begin. ``before``:
    how many messages each trigger had accepted before this history began."""

    calls: tuple[Call, ...]
    effects: tuple[Effect, ...]
    endings: tuple[Ending, ...]
    steps: int
    balances: tuple[Balance, ...] = ()
    paused: bool = False
    before: Mapping[str, int] = field(default_factory=dict)


class Invocation:
    """A call that was begun; exactly one of ``ok``, ``fail`` and ``unknown`` ends it."""

    def __init__(self, recorder: CallRecorder, begun: Call) -> None:
        self._recorder = recorder
        self._begun = begun

    @property
    def value(self) -> str:
        """What the call carries."""
        return self._begun.value

    def answered(self, status: int) -> None:
        """An answer came; what it means is told next."""
        self._begun = replace(self._begun, status=status)

    def ok(self, message_id: str, sequence: int, answer: str | None = None) -> Call:
        """It was acknowledged."""
        return self._end(
            replace(
                self._begun,
                outcome="ok",
                message_id=message_id,
                sequence=sequence,
                answer=answer,
            )
        )

    def fail(self, *, refused: bool = False) -> Call:
        """The answer says that nothing was stored, or nobody listened."""
        return self._end(replace(self._begun, outcome="fail", refused=refused))

    def unknown(self) -> Call:
        """No answer came."""
        return self._end(self._begun)

    def _end(self, call: Call) -> Call:
        ended = replace(call, answered_at=time.monotonic())
        self._recorder.add(ended)
        return ended


class CallRecorder:
    """Calls of many threads; whoever waits for progress is woken by each acknowledgement.
    ``prefix``: of the values, for one of several recorders on one node."""

    def __init__(self, prefix: str = "v") -> None:
        self._prefix = prefix
        self._calls: list[Call] = []
        self._acknowledged = 0
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()

    def invoke(self, trigger: str, lane: str | None, key: str | None = None) -> Invocation:
        """Begin a call with a value of its own, or with its key's."""
        value = key
        if value is None:
            with self._changed:
                value = f"{self._prefix}{next(self._numbers)}"
        now = time.monotonic()
        return Invocation(self, Call(value, trigger, lane, now, now, "unknown", key=key))

    def add(self, call: Call) -> None:
        """A call has ended."""
        with self._changed:
            self._calls.append(call)
            self._acknowledged += call.outcome == "ok"
            self._changed.notify_all()

    @property
    def acknowledged(self) -> int:
        """How many calls were."""
        return self._acknowledged

    def wait_for(self, acknowledged: int, timeout_s: float) -> None:
        """Until so many calls were acknowledged in all; AssertionError when the time is over."""
        with self._changed:
            there = self._changed.wait_for(lambda: self._acknowledged >= acknowledged, timeout_s)
        assert there, f"{self._acknowledged} calls were acknowledged, not {acknowledged}"

    def calls(self) -> tuple[Call, ...]:
        """All that have ended, in the order of their ends."""
        with self._changed:
            return tuple(self._calls)


def latest(endings: Iterable[Ending]) -> dict[str, Ending]:
    """The last ending of each message."""
    return {ending.message_id: ending for ending in endings}
