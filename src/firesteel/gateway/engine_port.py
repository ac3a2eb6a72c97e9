"""What the gateway needs of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.engine.calls import Acceptance, BodyKeys, Call, Caller
    from firesteel.engine.route import Route, Routes
    from firesteel.model.execution import MessageStatus, Response
    from firesteel.telemetry.meter import Meter


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

    @property
    def unready(self) -> str | None:
        """The code of ``model.problem`` that balancers get while calls had better go elsewhere: as
        ``refusal``, and while the node starts; else None."""
        ...

    @property
    def gateways(self) -> int:
        """How many nodes take calls, this one among them."""
        ...

    def accept(self, call: Call, caller: Caller) -> None:
        """Store the call and tell the caller: accepted when it is committed and flushed, refused
        when nothing was stored (but for OutcomeUnknown): CallerError ``lane_full``,
        ``idempotency_mismatch``; StoreUnavailable; NodeStopping."""
        ...

    def wait(self, acceptance: Acceptance, timeout_s: float, caller: Caller) -> None:
        """Tell the caller the final response, that of a failure too; that the time is over; or
        that the node stops."""
        ...

    def forget(self, acceptance: Acceptance, caller: Caller) -> None:
        """The caller has gone and is told nothing more; the execution goes on."""
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

    async def redact(self, redact: Sequence[str], content_type: str | None, body: bytes) -> bytes:
        """A body too big for the loop, without what ``redact`` of the document lists, made in a
        worker. Raises Unredactable, and OperatorError where no worker is there."""
        ...

    async def fetch_keys(self, url: str) -> bytes:
        """The document with the public keys of an issuer of tokens (JWKS), fetched by a worker in
        bounded time. Raises FiresteelError."""
        ...

    @property
    def meter(self) -> Meter:
        """What the node counts."""
        ...

    def count_refused(self, trigger_no: int, code: str) -> None:
        """A call of the trigger was refused with that problem; nothing of it is stored."""
        ...

    def used_key(self, key_no: int) -> None:
        """A key let a call in."""
        ...
