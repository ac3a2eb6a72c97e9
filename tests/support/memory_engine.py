"""An engine in memory behind the gateway's port: accepts, answers what it is told to, forgets.

It stands in for the engine where HTTP is tested, and nothing of it is durable. Keys, routes and
problems are the real ones.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from firesteel.engine.calls import Acceptance, BodyKeys, fingerprint
from firesteel.engine.data_keys import DataKeys
from firesteel.engine.keyring import Keyring
from firesteel.engine.questions import NoWorker
from firesteel.engine.route import Route, RouteKey, Routes, compile_route
from firesteel.engine.waiters import Waiters
from firesteel.errors import CallerError
from firesteel.model.document import parse_document
from firesteel.model.execution import MessageStatus, Response, State
from firesteel.model.redaction.redaction import Redaction
from firesteel.telemetry.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from firesteel.engine.calls import Call, Caller

OK = Response(200, [("content-type", "application/json")], b'{"done":true}')


@dataclasses.dataclass(slots=True)
class Stored:
    """An accepted call; ``response`` None while it runs."""

    call: Call
    acceptance: Acceptance
    response: Response | None = None


class MemoryEngine:
    """``answer``: what an accepted call is answered at once; None lets it run until ``finish``.
    ``body_keys``: what a worker finds in a big body; None where there is no worker."""

    def __init__(self) -> None:
        self.routes = Routes()
        self.keyring = Keyring(DataKeys.derived(bytes(range(32))))
        self.refusal: str | None = None
        self._starting: str | None = None
        self.gateways = 1
        self.meter = Meter()
        self.answer: Callable[[Call], Response | None] = lambda _call: OK
        self.body_keys: BodyKeys | None = BodyKeys([], [])
        self.stored: list[Stored] = []
        self.used_keys: list[int] = []
        self.refused_calls: list[int] = []
        self.big_bodies: list[tuple[bytes, list[str]]] = []
        self.key_documents: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.accepted = asyncio.Event()
        self._waiters = Waiters()
        self._waiting_changed = asyncio.Event()
        self._by_key: dict[tuple[int, str | None, str], Stored] = {}
        self._sequences: dict[int, itertools.count[int]] = {}
        self._trigger_nos = itertools.count(1)

    # setting up

    @property
    def unready(self) -> str | None:
        """As ``Engine.unready``; what is set holds while calls are not refused."""
        return self.refusal or self._starting

    @unready.setter
    def unready(self, code: str | None) -> None:
        self._starting = code

    def publish(
        self,
        document: dict[str, Any],
        *,
        workspace: str = "t37ed",
        enabled: bool = True,
        keys: Iterable[tuple[str, str] | tuple[str, str, int]] = (),
        secrets: Mapping[str, str] | None = None,
    ) -> Route:
        """Publish a document; ``keys``: label, secret, and maybe the expiry in microseconds.
        ``secrets``: what ``${NAME}`` stands for, by name."""
        no = next(self._trigger_nos)
        digests = {
            self.keyring.digest(key[1]): RouteKey(
                no * 100 + index, key[0], key[2] if len(key) > 2 else None
            )
            for index, key in enumerate(keys)
        }
        route = compile_route(
            parse_document(document),
            numbers=(no, no, 1),
            workspace=workspace,
            enabled=enabled,
            keys=digests,
        )
        known = {f"${{{name}}}": value for name, value in (secrets or {}).items()}
        route = dataclasses.replace(route, secrets=known)
        self.routes = Routes([*self.routes, route])
        return route

    def switch(self, route: Route, *, enabled: bool) -> None:
        """Switch an integration on or off."""
        changed = dataclasses.replace(route, enabled=enabled)
        others = [other for other in self.routes if other.trigger_no != route.trigger_no]
        self.routes = Routes([*others, changed])

    @property
    def calls(self) -> list[Call]:
        return [stored.call for stored in self.stored]

    def finish(self, response: Response = OK, index: int = -1) -> None:
        """End an execution that runs."""
        stored = self.stored[index]
        stored.response = response
        self._waiters.answer(stored.acceptance.execution_no, response)
        self._changed()

    def stop_waiting(self) -> None:
        """The node stops: nobody is answered any more."""
        self._waiters.stop()

    async def until_waiting(self, callers: int) -> None:
        """Return when so many callers wait for a response."""
        async with asyncio.timeout(60):
            while len(self._waiters) != callers:
                self._waiting_changed.clear()
                await self._waiting_changed.wait()

    def _changed(self) -> None:
        self._waiting_changed.set()

    # the port

    def accept(self, call: Call, caller: Caller) -> None:
        try:
            acceptance = self._accepted(call)
        except CallerError as error:
            caller.refused(error)
        else:
            caller.accepted(acceptance)

    def _accepted(self, call: Call) -> Acceptance:
        no = call.route.trigger_no
        if call.idempotency_key is not None:
            earlier = self._by_key.get((no, call.consumer, call.idempotency_key))
            if earlier is not None:
                if fingerprint(earlier.call) != fingerprint(call):
                    raise CallerError(code="idempotency_mismatch")
                return msgspec.structs.replace(earlier.acceptance, duplicate=True)
        sequence = next(self._sequences.setdefault(no, itertools.count(1)))
        execution_no = len(self.stored)
        acceptance = Acceptance(f"{no:08x}{execution_no:024x}", sequence, execution_no)
        stored = Stored(call, acceptance, self.answer(call))
        self.stored.append(stored)
        if call.idempotency_key is not None:
            self._by_key[no, call.consumer, call.idempotency_key] = stored
        self.accepted.set()
        return acceptance

    def wait(self, acceptance: Acceptance, timeout_s: float, caller: Caller) -> None:
        response = self.stored[acceptance.execution_no].response
        if response is not None:
            caller.answered(response)
        else:
            self._waiters.add(acceptance.execution_no, timeout_s, caller)
            self._changed()

    def forget(self, acceptance: Acceptance, caller: Caller) -> None:
        self._waiters.forget(acceptance.execution_no, caller)
        self._changed()

    async def status(self, message_id: str) -> MessageStatus | None:
        for stored in self.stored:
            if stored.acceptance.message_id == message_id:
                return MessageStatus(
                    message_id=message_id,
                    trigger_no=stored.call.route.trigger_no,
                    sequence=stored.acceptance.sequence,
                    consumer=stored.call.consumer,
                    state=State.RUNNING if stored.response is None else State.SUCCEEDED,
                    received_at_us=1_700_000_000_123_456,
                    settled_at_us=None if stored.response is None else 1_700_000_001_000_000,
                    attempts=1,
                    execution_no=stored.acceptance.execution_no,
                )
        return None

    async def response(self, execution_no: int) -> Response | None:
        return self.stored[execution_no].response

    async def fetch_keys(self, url: str) -> bytes:
        self.fetched.append(url)
        document = self.key_documents.get(url)
        if document is None:
            raise NoWorker("no such document")
        return document

    async def read_body(
        self, route: Route, content_type: str | None, body: bytes, paths: list[str]
    ) -> BodyKeys:
        self.big_bodies.append((body, paths))
        if self.body_keys is None:
            raise NoWorker("no worker is connected")
        return self.body_keys

    async def redact(self, redact: Sequence[str], content_type: str | None, body: bytes) -> bytes:
        self.big_bodies.append((body, list(redact)))
        if self.body_keys is None:
            raise NoWorker("no worker is connected")
        redaction = Redaction.compile(redact)
        assert redaction is not None
        return redaction.of_body(content_type, body)

    def count_refused(self, trigger_no: int, code: str) -> None:
        self.refused_calls.append(trigger_no)

    def used_key(self, key_no: int) -> None:
        self.used_keys.append(key_no)
