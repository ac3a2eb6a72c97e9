"""The public port: what stands at a path, and what every call of a trigger is checked against.

The order of the checks is part of the contract: 404, 401, 405, 413, 503, 429, 400. Nothing of a
body is read, and ``100 Continue`` is not sent, before the checks that do not need it have passed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from firesteel.gateway.admission import Means
from firesteel.gateway.authentication import key_of
from firesteel.gateway.caller import HttpCaller
from firesteel.gateway.cross_origin_caller import CrossOriginCaller
from firesteel.gateway.failed_attempts import FailedAttempts
from firesteel.gateway.held_bodies import HeldBodies, overloaded
from firesteel.gateway.key_sets import KeySets, KeysMissing
from firesteel.gateway.logged_caller import LoggedCaller, LoggedCrossOriginCaller
from firesteel.gateway.presented import AFTER_BODY
from firesteel.gateway.rate_limit import RateLimiter
from firesteel.gateway.refused_call import CallRefused, too_large
from firesteel.gateway.request_id import RequestIds
from firesteel.gateway.spool import SPOOLED_FROM_BYTES
from firesteel.gateway.target import Targets
from firesteel.model.problem import Problem
from firesteel.shares import Room

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.gateway.admission import Admission
    from firesteel.gateway.cross_origin import CrossOrigin
    from firesteel.gateway.engine_port import EnginePort
    from firesteel.gateway.exchange import Exchange
    from firesteel.gateway.refusal import Answer
    from firesteel.gateway.target import MessageTarget, Target


CALLS_LIMIT: Final = 10_000
# One trigger alone may have three quarters of all calls in hand, two of them three sevenths each.
CALLS_OF_ONE: Final = 3


def wall_clock_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Gateway:
    """Implements ``protocol.Handler``. ``public_url``: FIRESTEEL_PUBLIC_URL, what shown URLs begin
    with; None: paths are shown. ``bodies``: where those that come in are kept. ``calls_limit``: how
    many calls may be in hand at once, of all triggers. ``access_log``: each answer is logged.
    ``now_us``: the wall clock, for the expiry of keys."""

    def __init__(  # noqa: PLR0913  # all but the first are named at the call
        self,
        engine: EnginePort,
        *,
        public_url: str | None = None,
        bodies: HeldBodies | None = None,
        access_log: bool = False,
        calls_limit: int = CALLS_LIMIT,
        now_us: Callable[[], int] = wall_clock_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.request_ids = RequestIds()
        self.answers = engine.meter.elsewhere
        self._caller: type[HttpCaller] = LoggedCaller if access_log else HttpCaller
        self._cross_origin_caller: type[CrossOriginCaller] = (
            LoggedCrossOriginCaller if access_log else CrossOriginCaller
        )
        self.bodies = bodies or HeldBodies()
        self.calls = Room(calls_limit, times=CALLS_OF_ONE)
        self._plenty = calls_limit // 2
        self._now_us = now_us
        self._rates = RateLimiter(monotonic)
        self._failed = FailedAttempts(monotonic)
        self._means = Means(
            engine.keyring,
            KeySets(engine.fetch_keys, monotonic),
            (public_url or "").rstrip("/"),
            engine.meter,
            self.bodies,
            self.calls,
        )
        self._targets = Targets(engine.routes, self._means)

    def take(self, exchange: Exchange) -> None:
        """A request's head is complete."""
        self._caller(self, exchange).begin()

    def take_cross_origin(self, exchange: Exchange, cross_origin: CrossOrigin) -> None:
        """The same, where pages that came from elsewhere may call."""
        self._cross_origin_caller(self, exchange, cross_origin).begin()

    def find(self, raw_path: bytes) -> Target | MessageTarget | None:
        """What stands at a path as it was sent; None where there is nothing."""
        if self._targets.routes is not self.engine.routes:
            self._targets = Targets(self.engine.routes, self._means)
        return self._targets.find(raw_path)

    def admit(self, exchange: Exchange, target: Target) -> str | None:
        """The consumer of a call that passes every check that needs no body; AFTER_BODY where its
        signature is still to be looked at. Raises CallRefused."""
        route = target.route
        if not route.enabled:
            raise CallRefused(Problem("not_found"))
        consumer = self.consumer(exchange, target)
        if exchange.method not in route.methods:
            raise CallRefused(Problem("method_not_allowed", headers=(("allow", target.allow),)))
        length = exchange.framing.length_bytes
        if length is not None and length > target.limit_bytes:
            raise too_large(target.limit_bytes)
        self._check_load(target, length)
        # A signer's rate is looked at behind the body, or anybody could use it up.
        if target.rate_limit is not None and consumer is not AFTER_BODY:
            self.check_rate(exchange, target, consumer)
        return consumer

    def consumer(self, exchange: Exchange, target: Target) -> str | None:
        """Who calls: the label of what let the call in; None on an open trigger; AFTER_BODY. Raises
        CallRefused; KeysWanted where an issuer's keys are to be fetched first."""
        admission = target.admission
        if admission is None:
            return None
        if self._failed.any or admission.networks is not None:
            self._check_address(exchange, target)
        key = key_of(exchange, admission.keys, self.engine.keyring, self._now_us())
        if key is not None:
            self.engine.used_key(key.key_no)
            exchange.way = "api_key"
            return key.label
        if admission.open:
            return None
        try:
            consumer = admission.consumer(exchange, self._now_us())
        except KeysMissing as error:
            raise CallRefused(Problem("issuer_unavailable")) from error
        if consumer is None:
            raise self._unauthorized(exchange, admission)
        return consumer

    def find_signer(self, exchange: Exchange, target: Target, body: bytes) -> str | None:
        """Who signed a call of which ``consumer`` said AFTER_BODY; from any thread."""
        assert target.admission is not None
        return target.admission.signer(exchange, body, self._now_us())

    def signed_by(self, signer: str | None, exchange: Exchange, target: Target) -> str:
        """The signer that was found. Raises CallRefused where there is none."""
        assert target.admission is not None
        if signer is None:
            raise self._unauthorized(exchange, target.admission)
        exchange.way = "signature"
        return signer

    def shake(self, exchange: Exchange, target: Target, request_id: bytes) -> Answer | None:
        """The answer to a handshake that needs no credentials; None for any other call. Raises
        CallRefused."""
        handshakes = target.handshakes
        if handshakes is None or not target.route.enabled:
            return None
        self._check_address(exchange, target)
        try:
            return handshakes.before(exchange, request_id)
        except CallRefused as error:
            self._failed.count(exchange.client_address, target.route.trigger_no)
            if target.admission is None:
                raise
            problem = Problem(error.code, headers=target.admission.challenge)
            raise CallRefused(problem) from error

    def check_rate(self, exchange: Exchange, target: Target, consumer: str | None) -> None:
        """Raises CallRefused ``rate_limited``. The answer, whatever it is, tells what is left."""
        rule = target.rate_limit
        if rule is not None:
            self._rates.gateways = self.engine.gateways
            number = target.route.trigger_no
            wait_s, exchange.told = self._rates.take(rule, number, consumer, target.rate_policy)
            if wait_s:
                raise CallRefused(Problem("rate_limited", retry_after_s=wait_s))

    def check_healthy(self) -> None:
        """Raises CallRefused while balancers are to send no calls."""
        unready = self.engine.unready
        if unready is not None:
            raise CallRefused(Problem(unready))

    def _check_load(self, target: Target, length_bytes: int | None) -> None:
        refusal = self.engine.refusal
        if refusal is not None:
            raise CallRefused(Problem(refusal))
        # Below half of the room there is some for everybody.
        if self.calls.held >= self._plenty and not self.calls.fits(target.calls, 1):
            raise overloaded()
        if self.bodies.memory.held or (length_bytes or 0) > SPOOLED_FROM_BYTES:
            target.bodies.check(length_bytes, on_disk=target.on_disk)

    def _check_address(self, exchange: Exchange, target: Target) -> None:
        """Raises CallRefused where a call may not come from there, or not now."""
        address, admission = exchange.client_address, target.admission
        if admission is not None and not admission.near(address):
            raise CallRefused(Problem("unauthorized", headers=admission.challenge))
        if self._failed.any:
            wait_s = self._failed.wait_s(address, target.route.trigger_no)
            if wait_s:
                raise CallRefused(Problem("attempts_limited", retry_after_s=wait_s))

    def _unauthorized(self, exchange: Exchange, admission: Admission) -> CallRefused:
        """The same whatever was wrong. Wrong credentials count, none do not."""
        if admission.presents(exchange):
            self._failed.count(exchange.client_address, admission.trigger_no)
        return CallRefused(Problem("unauthorized", headers=admission.challenge))
