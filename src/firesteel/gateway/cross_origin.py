"""Calls of web pages that came from elsewhere: what browsers are told of them (CORS).

A browser asks first, with OPTIONS (preflight), and is answered without a message; then it calls,
and shows the page the answer only where a header allows it. Errors carry it too, or a page could
not tell a 429 from no answer. Only triggers with ``cors`` have any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.gateway.refusal import Answer

if TYPE_CHECKING:
    from firesteel.gateway.exchange import Exchange
    from firesteel.model.cors import Cors

_OURS: Final = (
    "Firesteel-Message-Id",
    "Firesteel-Sequence",
    "Firesteel-Duplicate",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Request-Id",
    "Retry-After",
)


class CrossOrigin:
    """The header lines of a trigger's answers, made once. ``methods``: as Allow lists them."""

    def __init__(self, cors: Cors, methods: str) -> None:
        self._anywhere = cors.anywhere
        self._vary = b"" if cors.anywhere else b"vary: Origin\r\n"
        self._with_credentials = (
            b"access-control-allow-credentials: true\r\n" if cors.credentials else b""
        )
        self._origins = frozenset(origin.encode() for origin in cors.origins)
        exposed = ", ".join(dict.fromkeys((*_OURS, *cors.expose)))
        self._exposed = f"access-control-expose-headers: {exposed}\r\n".encode()
        self._preflight = (
            f"access-control-allow-methods: {methods}\r\n"
            f"access-control-allow-headers: {', '.join(cors.headers)}\r\n"
            f"access-control-max-age: {int(cors.max_age_s)}\r\n"
            "cache-control: no-store\r\n"
            "vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
        ).encode()

    def lines(self, exchange: Exchange) -> bytes:
        """For the answer to a call."""
        allowed = self._allowed(exchange)
        return allowed + self._exposed + self._vary if allowed else self._vary

    def preflight(self, exchange: Exchange, request_id: bytes) -> Answer | None:
        """The answer to a browser that asks first; None for any other call. A page that may not
        call is told nothing, and its browser does not send the call."""
        named = exchange.named
        if exchange.method != "OPTIONS" or b"access-control-request-method" not in named:
            return None
        if b"origin" not in named:
            return None
        allowed = self._allowed(exchange)
        lines = (allowed and allowed + self._preflight) + self._vary
        return Answer(204, b"%brequest-id: %b\r\n" % (lines, request_id), b"")

    def _allowed(self, exchange: Exchange) -> bytes:
        """That the page may read the answer; empty where it may not, or where there is none."""
        origin = exchange.named.get(b"origin")
        if origin is None:
            return b""
        if self._anywhere:
            return b"access-control-allow-origin: *\r\n"
        if origin not in self._origins:
            return b""
        return b"access-control-allow-origin: %b\r\n%b" % (origin, self._with_credentials)
