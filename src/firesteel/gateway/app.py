"""The public port's ASGI application: each call is checked, accepted and answered here.

The order of the checks is part of the contract: 404, 401, 405, 413, 503, 429, 400. Nothing of a
body is read, and ``100 Continue`` is not sent, before the checks that do not need it have passed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from firesteel.engine.calls import Acceptance, Call, NodeStopping
from firesteel.errors import FiresteelError
from firesteel.gateway.answers import Answer, MessageRef, accepted, document, refused, responded
from firesteel.gateway.authentication import authenticate
from firesteel.gateway.body import check_length, read_body
from firesteel.gateway.exchange import DISCONNECT_EXTENSION
from firesteel.gateway.held_bodies import BODIES_LIMIT_BYTES, HeldBodies
from firesteel.gateway.keys import Received
from firesteel.gateway.prefer import read_prefer
from firesteel.gateway.rate_limit import RateLimiter
from firesteel.gateway.redaction import redacted
from firesteel.gateway.refused_call import CallerGone, CallRefused
from firesteel.gateway.request_id import RequestIds
from firesteel.gateway.status import answer_status
from firesteel.gateway.target import HEALTH_PATH, MessageTarget, Target, Targets
from firesteel.model.message import Request, without_credentials
from firesteel.model.parameters import InvalidParameters
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

    from firesteel.engine.route import Route
    from firesteel.gateway.engine_port import EnginePort
    from firesteel.gateway.keys import Keys

Sent = dict[bytes, bytes]
"""The headers by name; of a repeated one the last."""

log = structlog.get_logger(__name__)
_GET_ONLY: Final = (("allow", "GET"),)


def wall_clock_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Gateway:
    """``public_url``: FIRESTEEL_PUBLIC_URL, what shown URLs begin with; None: paths are shown.
    ``bodies_limit_bytes``: of all bodies that are held at once. ``now_us``: the wall clock, for the
    expiry of keys."""

    def __init__(
        self,
        engine: EnginePort,
        *,
        public_url: str | None = None,
        bodies_limit_bytes: int = BODIES_LIMIT_BYTES,
        now_us: Callable[[], int] = wall_clock_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._public_url = (public_url or "").rstrip("/")
        self._now_us = now_us
        self._rates = RateLimiter(monotonic)
        self._bodies = HeldBodies(bodies_limit_bytes)
        self._request_ids = RequestIds()
        self._targets = Targets(engine.routes, self._public_url)

    async def __call__(
        self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """One call."""
        sent: Sent = dict(scope["headers"])
        request_id = self._request_ids.taken_over(sent.get(b"request-id"))
        try:
            answer = await self._answer(scope, sent, receive)
        except CallerGone:
            return
        except FiresteelError as error:
            answer = self._refused(error, request_id)
        except Exception:  # the edge: whatever it is, the caller gets an answer
            log.exception("call_failed", request_id=request_id.decode())
            answer = refused(Problem("internal_error"), _instance(request_id))
        status, headers, body = answer
        headers.append((b"request-id", request_id))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _answer(self, scope: Any, sent: Sent, receive: ASGIReceiveCallable) -> Answer:
        raw_path = scope["raw_path"]
        if self._targets.routes is not self._engine.routes:
            self._targets = Targets(self._engine.routes, self._public_url)
        target = self._targets.find(raw_path)
        if type(target) is Target:
            return await self._call(scope, sent, receive, target=target)
        if isinstance(target, MessageTarget):
            consumer = self._consumer(target.trigger.route, scope["headers"], sent)
            _check_get(scope)
            return await answer_status(target, consumer, self._engine)
        if raw_path == HEALTH_PATH:
            _check_get(scope)
            return self._health()
        raise CallRefused(Problem("not_found"))

    async def _call(
        self, scope: Any, sent: Sent, receive: ASGIReceiveCallable, *, target: Target
    ) -> Answer:
        """A call of a trigger, from the first check to the answer."""
        route = target.route
        if not route.enabled:
            raise CallRefused(Problem("not_found"))
        consumer = self._consumer(route, scope["headers"], sent)
        if scope["method"] not in route.methods:
            raise CallRefused(Problem("method_not_allowed", headers=(("allow", target.allow),)))
        check_length(sent, target.limit_bytes)
        self._check_load(route, consumer, sent)
        acceptance = await self._accept(scope, sent, receive, target=target, consumer=consumer)
        if target.timeout_s is None:
            return accepted(_reference(acceptance, target))
        return await self._wait(scope, sent, target, acceptance=acceptance)

    async def _accept(
        self,
        scope: Any,
        sent: Sent,
        receive: ASGIReceiveCallable,
        *,
        target: Target,
        consumer: str | None,
    ) -> Acceptance:
        """Read the body, check what needs it, store the call; the body is let go of then."""
        body = await read_body(receive, target.limit_bytes, self._bodies)
        try:
            query = target.route.parameters.read(scope["query_string"]).values
            keys = target.keys.simple(sent)
            if keys is None:
                content_type = _text(sent.get(b"content-type"))
                received = Received(query, scope["headers"], consumer, content_type, body)
                keys = await target.keys.read(received, self._engine)
            call = await self._make_call(scope, target, body, consumer=consumer, keys=keys)
            return await self._engine.accept(call)
        finally:
            self._bodies.give_back(len(body))

    async def _wait(
        self, scope: Any, sent: Sent, target: Target, *, acceptance: Acceptance
    ) -> Answer:
        """The response of a Request-Response call, or what stands for it when time runs out."""
        message = _reference(acceptance, target)
        preference = read_prefer(sent.get(b"prefer"))
        timeout_s = target.timeout_s or 0.0
        preferred = preference is not None and preference.wait_s < timeout_s
        if preference is not None and preferred:
            timeout_s = preference.wait_s
        try:
            response = await self._response(scope, acceptance, timeout_s) if timeout_s else None
        except NodeStopping:
            return _late("node_stopping", message)
        if response is not None:
            return responded(response, message)
        if preference is not None and preferred:
            return accepted(message, [(b"preference-applied", preference.applied.encode())])
        if target.accepted_on_timeout:
            return accepted(message)
        return _late("response_timeout", message)

    async def _response(self, scope: Any, acceptance: Acceptance, timeout_s: float) -> Any:
        """The engine's answer; when the caller goes, its place among the waiting ones is freed."""
        cancel_on_disconnect = scope.get("extensions", {}).get(DISCONNECT_EXTENSION)
        if cancel_on_disconnect is None:
            return await self._engine.wait(acceptance, timeout_s)
        cancel_on_disconnect(True)
        try:
            return await self._engine.wait(acceptance, timeout_s)
        finally:
            cancel_on_disconnect(False)

    def _consumer(self, route: Route, headers: Any, sent: Sent) -> str | None:
        """The label of the caller's key; None on an open trigger."""
        if route.open:
            return None
        if len(sent) != len(headers) and sum(name == b"x-api-key" for name, _ in headers) > 1:
            raise CallRefused(Problem("unauthorized"))
        key = authenticate(route, sent, keyring=self._engine.keyring, now_us=self._now_us())
        self._engine.used_key(key.key_no)
        return key.label

    def _check_load(self, route: Route, consumer: str | None, sent: Sent) -> None:
        refusal = self._engine.refusal
        if refusal is not None:
            raise CallRefused(Problem(refusal))
        if self._bodies.held_bytes:
            self._bodies.check(sent)
        rule = route.trigger.rate_limit
        if rule is not None:
            wait_s = self._rates.take(rule, route.trigger_no, consumer)
            if wait_s:
                raise CallRefused(Problem("rate_limited", retry_after_s=wait_s))

    async def _make_call(
        self, scope: Any, target: Target, body: bytes, *, consumer: str | None, keys: Keys
    ) -> Call:
        headers = without_credentials(scope["headers"])
        raw_query = scope["query_string"]
        if target.redaction is not None:
            headers, raw_query, body = await redacted(target.redaction, headers, raw_query, body)
        request = Request(scope["method"], scope["raw_path"].decode("ascii"), raw_query, headers)
        return Call(target.route, request, body, consumer, keys.lane, keys.idempotency, keys.search)

    def _health(self) -> Answer:
        refusal = self._engine.refusal
        if refusal is not None:
            raise CallRefused(Problem(refusal))
        return document(200, b'{"status":"ok"}')

    def _refused(self, error: FiresteelError, request_id: bytes) -> Answer:
        if isinstance(error, CallRefused):
            problem = error.problem
        elif isinstance(error, InvalidParameters):
            problem = Problem(error.code, errors=error.faults)
        else:
            problem = Problem.of(error)
        if problem.code == "internal_error":
            log.error("call_failed", code=error.code, request_id=request_id.decode())
        return refused(problem, _instance(request_id))


def _check_get(scope: Mapping[str, Any]) -> None:
    if scope["method"] != "GET":
        raise CallRefused(Problem("method_not_allowed", headers=_GET_ONLY))


def _reference(acceptance: Acceptance, target: Target) -> MessageRef:
    message_id = acceptance.message_id.encode()
    url = target.status_base + message_id
    return MessageRef(message_id, acceptance.sequence, url, acceptance.duplicate)


def _late(code: str, message: MessageRef) -> Answer:
    """The message is stored, but there is no response now."""
    message_id = message.message_id.decode()
    problem = Problem(code, id=message_id, status_url=message.status_url.decode())
    return refused(problem, f"urn:firesteel:message:{message_id}", message)


def _instance(request_id: bytes) -> str:
    return f"urn:firesteel:request:{request_id.decode()}"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
