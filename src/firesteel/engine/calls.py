"""What the gateway hands to the engine, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.errors import OperatorError

if TYPE_CHECKING:
    from firesteel.engine.route import Route
    from firesteel.model.execution import InputFault, Response
    from firesteel.model.message import Request


@dataclass(frozen=True, slots=True)
class Call:
    """A call that passed every check. ``request`` holds no credentials. ``lane_key``: None where
    the trigger is not ordered, "" for its one lane. ``idempotency_key`` None: not sent."""

    route: Route
    request: Request
    body: bytes
    consumer: str | None
    lane_key: str | None = None
    idempotency_key: str | None = None
    search: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The message is committed. ``duplicate``: it was before, under the same idempotency key.
    ``stored``: its response may stand in the store already (a duplicate, or nothing to run)."""

    message_id: str
    sequence: int
    execution_no: int
    duplicate: bool = False
    stored: bool = False


@dataclass(frozen=True, slots=True)
class BodyKeys:
    """A big body as a worker read it: faults against the trigger's ``body``, a key a path."""

    faults: list[InputFault]
    keys: list[str | None]


class NodeStopping(OperatorError):
    """The node stops: it accepts no more and answers no waiting call."""

    code = "node_stopping"


@dataclass(frozen=True, slots=True)
class Waited:
    """What a waiting call got: ``response`` None when the time ran out."""

    response: Response | None
