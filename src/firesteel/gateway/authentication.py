"""Who calls: API keys, sent as ``x-api-key`` or as ``Authorization: Bearer``.

Secrets are never compared: their keyed digest is looked up (P47), so the time it takes tells
nothing about the secrets that are valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from firesteel.gateway.refused_call import CallRefused
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.engine.route import Route, RouteKey
    from firesteel.gateway.engine_port import KeyDigests

SECRET_LIMIT_BYTES: Final = 1024
_SCHEME: Final = b"bearer "


def authenticate(
    route: Route, headers: Mapping[bytes, bytes], *, keyring: KeyDigests, now_us: int
) -> RouteKey:
    """The key that lets the call in; ``now_us``: wall clock, for expiry.

    Raises CallRefused ``unauthorized``, the same for a missing, wrong and expired key. A sent
    ``x-api-key`` counts, also where Authorization would have been right.
    """
    secret = headers.get(b"x-api-key")
    if secret is None:
        secret = _bearer(headers.get(b"authorization"))
    if secret and len(secret) <= SECRET_LIMIT_BYTES:
        key = route.keys.get(keyring.digest(secret))
        if key is not None and (key.expires_at_us is None or now_us < key.expires_at_us):
            return key
    raise CallRefused(Problem("unauthorized"))


def _bearer(authorization: bytes | None) -> bytes | None:
    """The token of RFC 6750 section 2.1; the scheme's name has no case (RFC 9110 11.1)."""
    if authorization is None or authorization[:7].lower() != _SCHEME:
        return None
    return authorization[7:].strip(b" ")
