"""Handshakes: how providers make sure that a URL is theirs to call. The node answers them itself,
and no message is made.

What is sent back is what was sent, as plain text that no browser takes for anything else.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from firesteel.gateway.refusal import Answer
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.authentication import MetaHandshake
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firesteel.gateway.exchange import Exchange
    from firesteel.model.authentication import HandshakeName

CHALLENGE_MOST: Final = 4096
_BODY_MOST: Final = 64 * 1024
_FIELDS_MOST: Final = 100
_PRINTABLE: Final = range(0x20, 0x7F)


class Handshakes:
    """Those of one trigger. ``before``: decided by the head, without credentials, for providers
    send none; ``of_body``: behind the signature."""

    def __init__(
        self,
        declared: Iterable[HandshakeName | MetaHandshake],
        secrets: Mapping[str, str],
        allow: str,
    ) -> None:
        names = {item for item in declared if isinstance(item, str)}
        self._slack = "slack" in names
        self._graph = "microsoft_graph" in names
        self._events = "cloudevents" in names
        self._allow = allow
        tokens = [item.meta.verify_token for item in declared if isinstance(item, MetaHandshake)]
        self._meta = bool(tokens)
        self._token = (secrets.get(tokens[0], "") if tokens else "").encode()

    def before(self, exchange: Exchange, request_id: bytes) -> Answer | None:
        """The answer to a call that is a handshake; None for any other. Raises CallRefused for one
        with a wrong token."""
        method = exchange.method
        if method == "OPTIONS":
            return self._cloudevents(exchange, request_id) if self._events else None
        if self._graph and method == "POST" and b"validationToken=" in exchange.raw_query:
            return _echo(_fields(exchange).get("validationToken", ""), request_id)
        if self._meta and method == "GET" and b"hub." in exchange.raw_query:
            return self._verified(_fields(exchange), request_id)
        return None

    def of_body(self, body: bytes, request_id: bytes) -> Answer | None:
        """Slack's ``url_verification``; None for any other body."""
        if not self._slack or len(body) > _BODY_MOST or b"url_verification" not in body:
            return None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict) or document.get("type") != "url_verification":
            return None
        challenge = document.get("challenge")
        return _echo(challenge, request_id) if isinstance(challenge, str) else None

    def _verified(self, fields: Mapping[str, str], request_id: bytes) -> Answer | None:
        """Meta's."""
        if fields.get("hub.mode") != "subscribe":
            return None
        sent = fields.get("hub.verify_token", "").encode("utf-8", "replace")
        if not self._token or not hmac.compare_digest(sent, self._token):
            raise CallRefused(Problem("unauthorized"))
        return _echo(fields.get("hub.challenge", ""), request_id)

    def _cloudevents(self, exchange: Exchange, request_id: bytes) -> Answer | None:
        """The abuse protection of CloudEvents' HTTP webhooks, version 1.0.2, section 4: whoever
        asks may send, at any rate."""
        origin = exchange.named.get(b"webhook-request-origin", b"")
        if not origin or len(origin) > CHALLENGE_MOST or not all(c in _PRINTABLE for c in origin):
            return None
        lines = b"allow: %b, OPTIONS\r\nwebhook-allowed-origin: %b\r\n" % (
            self._allow.encode(),
            origin,
        )
        if b"webhook-request-rate" in exchange.named:
            lines += b"webhook-allowed-rate: *\r\n"
        return Answer(200, lines + _ends(0, request_id), b"")


def _fields(exchange: Exchange) -> dict[str, str]:
    query = exchange.raw_query.decode("latin-1")
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_FIELDS_MOST))
    except ValueError:
        return {}


def _echo(challenge: str, request_id: bytes) -> Answer | None:
    """The challenge as text; None where it is none that a provider would send."""
    body = challenge.encode("utf-8", "replace")
    if not body or len(body) > CHALLENGE_MOST:
        return None
    lines = (
        b"content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n"
        b"content-security-policy: sandbox; default-src 'none'\r\n"
    )
    return Answer(200, lines + _ends(len(body), request_id), body)


def _ends(length_bytes: int, request_id: bytes) -> bytes:
    return b"content-length: %d\r\ncache-control: no-store\r\nrequest-id: %b\r\n" % (
        length_bytes,
        request_id,
    )
