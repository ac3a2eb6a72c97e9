"""What the gateway needs of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from firesteel.engine.calls import Acceptance, BodyKeys, Call
    from firesteel.engine.route import Route, Routes
    from firesteel.model.execution import MessageStatus, Response


class KeyDigests(Protocol):
    """The part of the keyring by which secrets are looked up."""

    def digest(self, secret: str | bytes) -> bytes:
        """The keyed hash under which a secret stands in ``Route.keys``."""
        ...


class EnginePort(Protocol):
    """Called from the event loop's thread only."""

    @property
    def routes(self) -> Routes:
        """Replaced as a whole whenever anything in it changes."""
        ...

    @property
    def keyring(self) -> KeyDigests:
        """What looks API keys up."""
        ...

    @property
    def refusal(self) -> str | None:
        """The code of ``model.problem`` that calls get while none is accepted, else None."""
        ...

    async def accept(self, call: Call) -> Acceptance:
        """Store the call: committed and flushed when this returns, and not at all when it raises
        (but for OutcomeUnknown). Raises CallerError ``lane_full``, ``idempotency_mismatch``;
        StoreUnavailable; NodeStopping."""
        ...

    async def wait(self, acceptance: Acceptance, timeout_s: float) -> Response | None:
        """The final response, that of a failure too; None when the time is over. Safe to cancel:
        the execution goes on. Raises NodeStopping."""
        ...

    async def status(self, message_id: str) -> MessageStatus | None:
        """Of the message's latest execution; any text may be asked for."""
        ...

    async def response(self, execution_no: int) -> Response | None:
        """The stored response; None while there is none."""
        ...

    async def read_body(
        self, route: Route, content_type: str | None, body: bytes, paths: list[str]
    ) -> BodyKeys:
        """A body too big for the loop, checked against the trigger's ``body`` and read in a
        worker; ``paths``: those into the body."""
        ...

    def used_key(self, key_no: int) -> None:
        """A key let a call in."""
        ...
