"""The states of an execution, which moves are allowed, and what an attempt ends with.

::

              ┌───────────── retry, hand back ─────────────┐
              ▼                                            │
    ──> waiting (turn, slot, retry_at, paused) ──claim──> running ──> succeeded
              │  │                                         │ └─────> failed ──skip──> skipped
              │  └──skip──> skipped                        └cancel─> cancelled
              └─cancel────> cancelled

``failed -> skipped`` is the one move out of a terminal state: a person lets a lane that stands at a
failed head go on (docs/decisions).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import msgspec


class State(StrEnum):
    """Where an execution stands; the picture above has the moves."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
        return self not in (State.WAITING, State.RUNNING)


class Reason(StrEnum):
    """Why an execution waits."""

    TURN = "turn"
    SLOT = "slot"
    RETRY_AT = "retry_at"
    PAUSED = "paused"


MOVES: dict[State, frozenset[State]] = {
    State.WAITING: frozenset({State.RUNNING, State.CANCELLED, State.SKIPPED}),
    State.RUNNING: frozenset(
        {State.WAITING, State.SUCCEEDED, State.FAILED, State.CANCELLED},
    ),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.SKIPPED}),
    State.CANCELLED: frozenset(),
    State.SKIPPED: frozenset(),
}

ErrorKind = Literal["transient", "permanent", "unknown"]


class Response(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the caller gets: header names in lower case, ``content-length`` not among them."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class InputFault(msgspec.Struct, frozen=True, array_like=True):
    """One fault of a workflow's input or a body; ``pointer`` is an RFC 6901 JSON pointer."""

    pointer: str
    code: str
    detail: str


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """Why an attempt did not succeed.

    ``code``: ``permanent_error`` (detail is the author's text, shown to callers), ``input_invalid``
    (422 with ``faults``), ``retry_later``, ``step_failed``, ``worker_crashed``,
    ``attempt_timeout``, ``expression_failed``, ``expression_limit``, ``expression_precision``, ...
    ``after_s``: the wait that was asked for (RetryLater, Retry-After), else None.
    ``trace``: for people who may see payloads; never sent to callers.
    """

    kind: ErrorKind
    code: str
    detail: str
    after_s: float | None = None
    faults: list[InputFault] = []
    step: str | None = None
    trace: str = ""


class JournalEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of one step, done once per execution.

    ``step`` is its place: ``price``; in a loop ``lines/3/insert``; called ``order/price``; of
    Python workflows ``insert_customer#0`` (name and how many calls of that name came before).
    ``result`` and ``input`` are encoded by the worker and opaque to everyone else.
    """

    step: str
    kind: str
    attempt: int
    started_at_us: int
    ended_at_us: int
    result: bytes
    input: bytes = b""


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """What the public status route needs; of the latest execution."""

    message_id: str
    trigger_no: int
    sequence: int
    consumer: str | None
    state: State
    received_at_us: int
    settled_at_us: int | None
    attempts: int
    execution_no: int
