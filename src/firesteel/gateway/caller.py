"""One call, from the head of its request to its answer: begun, received, accepted, answered.

Each stage ends by handing the call on, and is called again with what became of it: by its
connection with the body, by the engine when the message is committed, and when its execution has
ended. Nothing waits in between but this object. What takes longer (a big body, a message's state in
the store) goes on in a task.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from firesteel.engine.calls import Call, fingerprint
from firesteel.gateway.answers import MessageRef, accepted, document, late, of_message, responded
from firesteel.gateway.hosts import HEALTH_PATH
from firesteel.gateway.key_sets import KeysWanted
from firesteel.gateway.keys import Received
from firesteel.gateway.prefer import preference_of
from firesteel.gateway.presented import AFTER_BODY
from firesteel.gateway.redaction import needs_worker, redacted_body, redacted_in_worker
from firesteel.gateway.refusal import problem_answer
from firesteel.gateway.refused_call import CallRefused, check_get, problem_of
from firesteel.gateway.signatures import LOOP_LIMIT_BYTES
from firesteel.gateway.status import answer_status
from firesteel.gateway.target import MessageTarget, Target
from firesteel.model.message import Request, without_credentials
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.engine.calls import Acceptance
    from firesteel.gateway.app import Gateway
    from firesteel.gateway.exchange import Exchange
    from firesteel.gateway.key_sets import KeySet
    from firesteel.gateway.keys import Keys
    from firesteel.gateway.prefer import Preference
    from firesteel.gateway.refusal import Answer
    from firesteel.model.execution import Response
    from firesteel.model.message import Headers
    from firesteel.model.redaction.redaction import Redaction


# A longer body is hashed in a thread (P27).
FINGERPRINT_LIMIT_BYTES: Final = 4 * 1024 * 1024

# How far a call has come.
_BEGUN: Final = 0
_FOUND: Final = 1
"""Its trigger is known."""
_ACCEPTED: Final = 2


class HttpCaller:
    """Implements ``exchange.Recipient`` and ``engine.calls.Caller``."""

    __slots__ = (
        "_acceptance",
        "_answers",
        "_consumer",
        "_exchange",
        "_gateway",
        "_in_hand",
        "_preference",
        "_request_id",
        "_stage",
        "_storing",
        "_target",
    )

    _target: Target
    _acceptance: Acceptance
    crosses = False

    def __init__(self, gateway: Gateway, exchange: Exchange) -> None:
        self._gateway = gateway
        self._answers = gateway.answers
        self._exchange = exchange
        self._stage = _BEGUN
        self._in_hand = 0
        self._storing = False
        self._request_id = gateway.request_ids.taken_over(exchange.named.get(b"request-id"))
        self._consumer: str | None = None
        self._preference: Preference | None = None

    # begun

    def begin(self) -> None:
        """Everything that can be checked before the body is read."""
        try:
            self._begin()
        except KeysWanted as wanted:
            self._exchange.run(self._begin_with_keys(wanted.key_set))
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    async def _begin_with_keys(self, key_set: KeySet) -> None:
        """Once more, when the keys of an issuer have been fetched; they are not fetched again for
        a while, whatever came of it."""
        await key_set.fetched()
        if not self._exchange.lost:
            self.begin()

    def _begin(self) -> None:
        gateway, exchange = self._gateway, self._exchange
        target = gateway.find(exchange.raw_path)
        if type(target) is Target:
            if target.cross_origin is not None and not self.crosses and target.route.enabled:
                gateway.take_cross_origin(exchange, target.cross_origin)
                return
            self._target = target
            self._answers = target.answers
            self._stage = _FOUND
            if target.handshakes is not None:
                answer = gateway.shake(exchange, target, self._request_id)
                if answer is not None:
                    self._answer(answer)
                    return
            self._consumer = gateway.admit(exchange, target)
            self._in_hand = gateway.calls.take(target.calls, 1) or 0
            exchange.read_body(target.limit_bytes, self, target.bodies, on_disk=target.on_disk)
        elif isinstance(target, MessageTarget):
            self._answers = target.trigger.answers
            cross_origin = target.trigger.cross_origin
            if cross_origin is not None and not self.crosses:
                gateway.take_cross_origin(exchange, cross_origin)
                return
            self._consumer = gateway.consumer(exchange, target.trigger)
            if self._consumer is AFTER_BODY:  # a body is none of a signed GET's
                signer = gateway.find_signer(exchange, target.trigger, b"")
                self._consumer = gateway.signed_by(signer, exchange, target.trigger)
            check_get(exchange)
            exchange.run(self._tell_status(target))
        elif exchange.raw_path == HEALTH_PATH:
            check_get(exchange)
            gateway.check_healthy()
            self._answer(document(b'{"status":"ok"}', self._request_id))
        else:
            raise CallRefused(Problem("not_found"))

    async def _tell_status(self, target: MessageTarget) -> None:
        engine, request_id = self._gateway.engine, self._request_id
        try:
            answer = await answer_status(target, self._consumer, engine, request_id=request_id)
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)
        else:
            self._answer(answer)

    # received

    def received(self, body: bytes) -> None:
        """The body is complete: read what the engine wants to know of it, and have it stored."""
        try:
            self._received(body)
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    def _received(self, body: bytes) -> None:
        if self._consumer is not AFTER_BODY:
            self._read(body)
        elif len(body) <= LOOP_LIMIT_BYTES:
            self._signed(body, self._gateway.find_signer(self._exchange, self._target, body))
        else:
            self._exchange.run(self._verify_in_thread(body))

    async def _verify_in_thread(self, body: bytes) -> None:
        gateway, exchange, target = self._gateway, self._exchange, self._target
        try:
            self._signed(body, await asyncio.to_thread(gateway.find_signer, exchange, target, body))
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    def _signed(self, body: bytes, signer: str | None) -> None:
        """Who signed is known, and only now whose rate the call counts against."""
        self._consumer = self._gateway.signed_by(signer, self._exchange, self._target)
        self._gateway.check_rate(self._exchange, self._target, self._consumer)
        self._read(body)

    def _read(self, body: bytes) -> None:
        exchange, target = self._exchange, self._target
        if target.handshakes is not None:
            answer = target.handshakes.of_body(body, self._request_id)
            if answer is not None:
                exchange.let_go()
                self._answer(answer)
                return
        query = target.route.parameters.read(exchange.raw_query).values
        keys = target.keys.simple(exchange.named)
        if keys is None:
            content_type = exchange.named.get(b"content-type")
            text = None if content_type is None else content_type.decode("latin-1")
            received = Received(query, exchange.headers, self._consumer, text, body)
            if target.keys.needs_worker(received):
                exchange.run(self._read_in_worker(received))
                return
            keys = target.keys.read(received)
        self._store(body, keys)

    async def _read_in_worker(self, received: Received) -> None:
        try:
            keys = await self._target.keys.read_in_worker(received, self._gateway.engine)
            self._store(received.body, keys)
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    def _store(self, body: bytes, keys: Keys) -> None:
        exchange, redaction = self._exchange, self._target.redaction
        headers = without_credentials(exchange.headers)
        if redaction is None:
            self._accept(headers, exchange.raw_query, body, keys=keys)
            return
        content_type = exchange.named.get(b"content-type", b"").decode("latin-1")
        if needs_worker(redaction, content_type, body):
            exchange.run(self._redact_in_worker(redaction, headers, body, keys=keys))
        else:
            body = redacted_body(redaction, headers, body)
            self._accept_redacted(redaction, headers, body, keys=keys)

    async def _redact_in_worker(
        self, redaction: Redaction, headers: Headers, body: bytes, *, keys: Keys
    ) -> None:
        try:
            body = await redacted_in_worker(redaction, headers, body, self._gateway.engine)
            self._accept_redacted(redaction, headers, body, keys=keys)
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    def _accept_redacted(
        self, redaction: Redaction, headers: Headers, body: bytes, *, keys: Keys
    ) -> None:
        query = redaction.of_query(self._exchange.raw_query)
        self._accept(redaction.of_headers(headers), query, body, keys=keys)

    def _accept(self, headers: Headers, raw_query: bytes, body: bytes, *, keys: Keys) -> None:
        exchange, target = self._exchange, self._target
        self._storing = True
        path = exchange.raw_path.decode("ascii")
        request = Request(exchange.method, path, raw_query, headers, exchange.way)
        call = Call(target.route, request, body, self._consumer, *keys)
        if call.idempotency_key is not None and len(body) > FINGERPRINT_LIMIT_BYTES:
            exchange.run(self._accept_with_fingerprint(call))
        else:
            self._gateway.engine.accept(call, self)

    async def _accept_with_fingerprint(self, call: Call) -> None:
        try:
            found = await asyncio.to_thread(fingerprint, call)
            self._gateway.engine.accept(msgspec.structs.replace(call, fingerprint=found), self)
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    # accepted

    def accepted(self, acceptance: Acceptance) -> None:
        """The message is committed: 202, or wait for its execution."""
        self._acceptance = acceptance
        self._stage = _ACCEPTED
        self._storing = False
        self._exchange.let_go()
        if self._exchange.lost:
            self._leave()
        try:
            self._accepted(acceptance)
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    def _accepted(self, acceptance: Acceptance) -> None:
        target = self._target
        if target.timeout_s is None:
            self._answer(accepted(self._message(), self._request_id))
            return
        timeout_s = target.timeout_s
        preference = preference_of(self._exchange)
        if preference is not None and preference.wait_s < timeout_s:
            self._preference = preference
            timeout_s = preference.wait_s
        if not timeout_s:
            self.overdue()
        elif not self._exchange.lost:
            self._gateway.engine.wait(acceptance, timeout_s, self)

    def refused(self, error: Exception) -> None:
        """The body is not taken, or nothing was stored, or nobody knows."""
        self._fail(error)

    # answered

    def answered(self, response: Response) -> None:
        """The execution has ended, however it did."""
        try:
            self._answer(responded(response, self._message(), self._request_id))
        except Exception as error:  # noqa: BLE001  # the edge: the caller gets an answer
            self._fail(error)

    def overdue(self) -> None:
        """The time to wait is over: 202 where that was asked for, else 504."""
        if self._preference is not None:
            applied = b"preference-applied: %b\r\n" % self._preference.applied.encode()
            self._answer(accepted(self._message(), self._request_id, applied))
        elif self._target.accepted_on_timeout:
            self._answer(accepted(self._message(), self._request_id))
        else:
            self._answer(late("response_timeout", self._message(), self._request_id))

    def left_alone(self) -> None:
        """The node stops: 503, with where the response will be found."""
        self._answer(late("node_stopping", self._message(), self._request_id))

    def gone(self) -> None:
        """The caller has gone: it waits no more. Its message, once accepted, is done all the
        same."""
        if self._stage == _ACCEPTED:
            self._gateway.engine.forget(self._acceptance, self)
        if not self._storing:
            self._leave()

    def known(self) -> dict[str, Any]:
        """What the log may tell of the call so far: ids and names."""
        found: dict[str, Any] = {
            "request_id": self._request_id.decode(),
            "method": self._exchange.method,
        }
        if self._stage >= _FOUND:
            route = self._target.route
            found |= {"workspace": route.workspace, "integration": route.name}
            if type(self._consumer) is str:
                found |= {"consumer": self._consumer, "way": self._exchange.way}
        if self._stage == _ACCEPTED:
            found |= {
                "message_id": self._acceptance.message_id,
                "sequence": self._acceptance.sequence,
            }
        return found

    def _message(self) -> MessageRef:
        acceptance = self._acceptance
        message_id = acceptance.message_id.encode()
        url = self._target.status_base + message_id
        return MessageRef(message_id, acceptance.sequence, url, acceptance.duplicate)

    def _answer(self, answer: Answer) -> None:
        self._leave()
        self._answers[answer.status // 100] += 1
        self._exchange.answer(*self._dressed(answer))

    def _dressed(self, answer: Answer) -> Answer:
        """The answer with what belongs to all answers of the trigger."""
        return answer

    def _leave(self) -> None:
        """The call is in nobody's hand any more; safe to repeat."""
        if self._in_hand:
            self._gateway.calls.give_back(self._target.calls, self._in_hand)
            self._in_hand = 0

    def _fail(self, error: Exception) -> None:
        self._exchange.let_go()
        if not self._exchange.answered:
            problem = problem_of(error, self.known)
            if self._stage == _FOUND:
                self._gateway.engine.count_refused(self._target.route.trigger_no, problem.code)
            answer = problem_answer(problem, self._request_id)
            if self._stage == _ACCEPTED:
                answer = of_message(answer, self._message())
            self._answer(answer)
