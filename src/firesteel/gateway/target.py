"""Targets: what a public path stands for, made ready once and kept while the routes stay.

``/{workspace}/{name}`` is a trigger; ``.../messages/{id}`` and ``.../messages/{id}/response`` are a
message of it; ``/-/health`` is for balancers. Nothing else is anything: no trailing slash, no empty
segment. Each segment is percent-decoded once, after the path was cut at its slashes, so an escaped
slash is part of a segment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, unquote_to_bytes

from firesteel.engine.route import Route, Routes
from firesteel.gateway.admission import Admission, Means, make_admission
from firesteel.gateway.cross_origin import CrossOrigin
from firesteel.gateway.handshakes import Handshakes
from firesteel.gateway.held_bodies import TriggerBodies
from firesteel.gateway.keys import KeyPlan
from firesteel.gateway.rate_limit import policy_of
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.integration import RateLimit
from firesteel.model.problem import Problem
from firesteel.model.redaction.redaction import Redaction
from firesteel.shares import Share

# Escapes write one path in many ways; the table of those seen is emptied past this.
CACHE_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Target:
    """A trigger. ``status_base``: what ``status_url`` begins with, before the message's id, as it
    stands in a header and in JSON. ``timeout_s``: None without Request-Response. ``on_disk``:
    whether a long body may lie there while it comes in. ``admission``: None where every call is let
    in. ``bodies`` and ``calls``: the trigger's share of what the node holds at once. ``answers``:
    how many there were, by the first digit of their status."""

    route: Route
    bodies: TriggerBodies
    calls: Share
    limit_bytes: int
    timeout_s: float | None
    accepted_on_timeout: bool
    keys: KeyPlan
    redaction: Redaction | None
    status_base: bytes
    allow: str
    answers: list[int]
    on_disk: bool = True
    admission: Admission | None = None
    handshakes: Handshakes | None = None
    cross_origin: CrossOrigin | None = None
    rate_limit: RateLimit | None = None
    rate_policy: bytes = b""


@dataclass(frozen=True, slots=True)
class MessageTarget:
    """A message of a trigger, switched off or not; ``part``: its state or its response."""

    trigger: Target
    message_id: str
    part: Literal["state", "response"]


def make_target(route: Route, means: Means) -> Target:
    """Of ``means`` the ``public_url`` has no slash at its end; empty: paths are shown."""
    trigger = route.trigger
    waiting = trigger.request_response
    redaction = Redaction.compile(route.integration.redact)
    path = f"/{quote(route.workspace, safe='')}/{quote(route.name, safe='')}/messages/"
    return Target(
        route=route,
        bodies=means.bodies.of(route.trigger_no),
        calls=means.calls.share_of(route.trigger_no),
        limit_bytes=trigger.max_body_bytes,
        timeout_s=waiting.timeout_s if waiting else None,
        accepted_on_timeout=waiting is not None and waiting.on_timeout == "accepted",
        keys=KeyPlan(route),
        redaction=redaction,
        on_disk=redaction is None or not redaction.reads_body,
        status_base=json.dumps(means.public_url + path)[1:-1].encode(),
        allow=(allow := ", ".join(trigger.methods)),
        answers=means.meter.triggers[route.trigger_no].answers,
        admission=make_admission(route, means),
        handshakes=Handshakes(trigger.handshakes, route.secrets, allow)
        if trigger.handshakes
        else None,
        cross_origin=CrossOrigin(trigger.cors, allow) if trigger.cors else None,
        rate_limit=trigger.rate_limit,
        rate_policy=policy_of(trigger.rate_limit) if trigger.rate_limit else b"",
    )


class Targets:
    """The targets of one table of routes."""

    def __init__(self, routes: Routes, means: Means) -> None:
        self.routes = routes
        self._means = means
        self._by_path: dict[bytes, Target] = {}
        self._by_trigger: dict[int, Target] = {}

    def find(self, raw_path: bytes) -> Target | MessageTarget | None:
        """What stands at a path as it was sent; None where there is nothing. Raises CallRefused
        ``node_outdated`` for what only nodes of a newer release can read."""
        target = self._by_path.get(raw_path)
        if target is not None:
            return target
        segments = _segments(raw_path)
        if segments is None or not 2 <= len(segments) <= 5:
            return None
        route = self.routes.find(segments[0], segments[1])
        if route is None:
            if (segments[0], segments[1]) in self.routes.newer:
                raise CallRefused(Problem("node_outdated"))
            return None
        target = self._of(route)
        if len(segments) == 2:
            self._keep(raw_path, target)
            return target
        return _message(target, segments[2:])

    def _of(self, route: Route) -> Target:
        target = self._by_trigger.get(route.trigger_no)
        if target is None:
            target = make_target(route, self._means)
            self._by_trigger[route.trigger_no] = target
        return target

    def _keep(self, raw_path: bytes, target: Target) -> None:
        if len(self._by_path) >= CACHE_LIMIT:
            self._by_path.clear()
        self._by_path[raw_path] = target


def _message(target: Target, rest: list[str]) -> MessageTarget | None:
    if rest[0] != "messages" or len(rest) < 2:
        return None
    if len(rest) == 2:
        return MessageTarget(target, rest[1], "state")
    return MessageTarget(target, rest[1], "response") if rest[2] == "response" else None


def _segments(raw_path: bytes) -> list[str] | None:
    """The decoded segments; None where one is empty or no UTF-8."""
    first, *segments = raw_path.split(b"/")
    if first or not all(segments):
        return None
    try:
        return [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError:
        return None
