"""What the gateway hands to the engine, what it gets back, and who is told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from firesteel.engine.route import Route
from firesteel.errors import OperatorError
from firesteel.model.message import Request

if TYPE_CHECKING:
    from firesteel.model.execution import InputFault, Response


class Call(msgspec.Struct, frozen=True):
    """A call that passed every check. ``request`` holds no credentials. ``lane_key``: None where
    the trigger is not ordered, "" for its one lane. ``idempotency_key`` None: not sent.
    ``fingerprint``: of a long body, for which it takes time."""

    route: Route
    request: Request
    body: bytes
    consumer: str | None
    lane_key: str | None = None
    idempotency_key: str | None = None
    search: tuple[tuple[str, str], ...] = ()
    fingerprint: bytes | None = None


def fingerprint(call: Call) -> bytes:
    """Of method, query and body: what must be the same under one idempotency key."""
    digest = hashlib.blake2b(digest_size=16)
    request = call.request
    for part in (request.method.encode(), request.raw_query, call.body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class Acceptance(msgspec.Struct, frozen=True, gc=False):
    """The message is committed. ``duplicate``: it was before, under the same idempotency key.
    ``stored``: its response may stand in the store already (a duplicate, or nothing to run).
    ``trigger_no``: for figures."""

    message_id: str
    sequence: int
    execution_no: int
    duplicate: bool = False
    stored: bool = False
    trigger_no: int = 0


class Caller(Protocol):
    """Who made a call, and is told what becomes of it, in the event loop's thread: exactly one of
    ``accepted`` and ``refused``; then, where it waits, exactly one of the others or ``refused``,
    unless it has gone (``Engine.forget``). None of them raises."""

    def accepted(self, acceptance: Acceptance) -> None:
        """The call is committed and flushed."""
        ...

    def refused(self, error: Exception) -> None:
        """Nothing was stored, but for OutcomeUnknown. Behind ``accepted``: nobody can tell the
        response of what is stored."""
        ...

    def answered(self, response: Response) -> None:
        """The execution's final response, that of a failure too."""
        ...

    def overdue(self) -> None:
        """The time to wait is over; the execution goes on."""
        ...

    def left_alone(self) -> None:
        """The node stops before the execution has ended."""
        ...


@dataclass(frozen=True, slots=True)
class BodyKeys:
    """A big body as a worker read it: faults against the trigger's ``body``, a key a path."""

    faults: list[InputFault]
    keys: list[str | None]


class NodeStopping(OperatorError):
    """The node stops: it accepts no more and answers no waiting call."""

    code = "node_stopping"
