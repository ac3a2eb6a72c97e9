"""The public port: what stands at a path, and what every call of a trigger is checked against.

The order of the checks is part of the contract: 404, 401, 405, 413, 503, 429, 400. Nothing of a
body is read, and ``100 Continue`` is not sent, before the checks that do not need it have passed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from firesteel.gateway.authentication import authenticate
from firesteel.gateway.caller import HttpCaller
from firesteel.gateway.held_bodies import BODIES_LIMIT_BYTES, HeldBodies
from firesteel.gateway.rate_limit import RateLimiter
from firesteel.gateway.refused_call import CallRefused, too_large
from firesteel.gateway.request_id import RequestIds
from firesteel.gateway.target import Targets
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.engine.route import Route
    from firesteel.gateway.engine_port import EnginePort
    from firesteel.gateway.exchange import Exchange
    from firesteel.gateway.target import MessageTarget, Target


def wall_clock_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class Gateway:
    """Implements ``protocol.Handler``. ``public_url``: FIRESTEEL_PUBLIC_URL, what shown URLs begin
    with; None: paths are shown. ``bodies_limit_bytes``: of all bodies that are held at once.
    ``now_us``: the wall clock, for the expiry of keys."""

    def __init__(
        self,
        engine: EnginePort,
        *,
        public_url: str | None = None,
        bodies_limit_bytes: int = BODIES_LIMIT_BYTES,
        now_us: Callable[[], int] = wall_clock_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.request_ids = RequestIds()
        self.bodies = HeldBodies(bodies_limit_bytes)
        self._public_url = (public_url or "").rstrip("/")
        self._now_us = now_us
        self._rates = RateLimiter(monotonic)
        self._targets = Targets(engine.routes, self._public_url)

    def take(self, exchange: Exchange) -> None:
        """A request's head is complete."""
        HttpCaller(self, exchange).begin()

    def find(self, raw_path: bytes) -> Target | MessageTarget | None:
        """What stands at a path as it was sent; None where there is nothing."""
        if self._targets.routes is not self.engine.routes:
            self._targets = Targets(self.engine.routes, self._public_url)
        return self._targets.find(raw_path)

    def admit(self, exchange: Exchange, target: Target) -> str | None:
        """The consumer of a call that passes every check that needs no body. Raises CallRefused."""
        route = target.route
        if not route.enabled:
            raise CallRefused(Problem("not_found"))
        consumer = self.consumer(exchange, route)
        if exchange.method not in route.methods:
            raise CallRefused(Problem("method_not_allowed", headers=(("allow", target.allow),)))
        length = exchange.framing.length_bytes
        if length is not None and length > target.limit_bytes:
            raise too_large(target.limit_bytes)
        self._check_load(route, consumer, length)
        return consumer

    def consumer(self, exchange: Exchange, route: Route) -> str | None:
        """The label of the caller's key; None on an open trigger. Raises CallRefused."""
        if route.open:
            return None
        headers, named = exchange.headers, exchange.named
        if len(named) != len(headers) and sum(name == b"x-api-key" for name, _ in headers) > 1:
            raise CallRefused(Problem("unauthorized"))
        key = authenticate(route, named, keyring=self.engine.keyring, now_us=self._now_us())
        self.engine.used_key(key.key_no)
        return key.label

    def check_healthy(self) -> None:
        """Raises CallRefused while no call is accepted."""
        refusal = self.engine.refusal
        if refusal is not None:
            raise CallRefused(Problem(refusal))

    def _check_load(self, route: Route, consumer: str | None, length_bytes: int | None) -> None:
        self.check_healthy()
        if self.bodies.held_bytes:
            self.bodies.check(length_bytes)
        rule = route.trigger.rate_limit
        if rule is not None:
            self._rates.gateways = self.engine.gateways
            wait_s = self._rates.take(rule, route.trigger_no, consumer)
            if wait_s:
                raise CallRefused(Problem("rate_limited", retry_after_s=wait_s))
