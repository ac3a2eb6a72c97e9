"""API keys, sent as ``x-api-key`` or as ``Authorization: Bearer``.

Secrets are never compared: their keyed digest is looked up (P47), so the time it takes tells
nothing about the secrets that are valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from firesteel.engine.route import RouteKey
    from firesteel.gateway.engine_port import KeyDigests
    from firesteel.gateway.exchange import Exchange

SECRET_LIMIT_BYTES: Final = 1024
KEY_HEADERS: Final = frozenset({b"x-api-key", b"authorization"})
_SCHEME: Final = b"bearer "


def key_of(
    exchange: Exchange, keys: Mapping[bytes, RouteKey], keyring: KeyDigests, now_us: int
) -> RouteKey | None:
    """The key that lets the call in; ``now_us``: wall clock, for expiry.

    None for a missing, wrong and expired key alike. A sent ``x-api-key`` counts, also where
    Authorization would have been right; sent twice, neither does: what stands before us may have
    looked at the other one.
    """
    headers, named = exchange.headers, exchange.named
    read = b"x-api-key"
    secret = named.get(read)
    if secret is None:
        read = b"authorization"
        secret = _bearer(named.get(read))
    if len(named) != len(headers) and sum(name == read for name, _ in headers) > 1:
        return None
    if secret and len(secret) <= SECRET_LIMIT_BYTES:
        key = keys.get(keyring.digest(secret))
        if key is not None and (key.expires_at_us is None or now_us < key.expires_at_us):
            return key
    return None


def _bearer(authorization: bytes | None) -> bytes | None:
    """The token of RFC 6750 section 2.1; the scheme's name has no case (RFC 9110 11.1)."""
    if authorization is None or authorization[:7].lower() != _SCHEME:
        return None
    return authorization[7:].strip(b" ")
