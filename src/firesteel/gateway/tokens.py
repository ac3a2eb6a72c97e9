"""JSON Web Tokens (RFC 7519), sent as ``Authorization: Bearer``.

What may be signed with stands in the document, and a shared secret never verifies an algorithm of
public keys or the other way round (RFC 8725, section 2.1). ``exp`` is required, ``none`` is not
taken, and neither is a token with ``crit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import jwt

from firesteel.errors import CallerError
from firesteel.model.api_key import check_label

if TYPE_CHECKING:
    from collections.abc import Collection

    from firesteel.gateway.key_sets import KeySet
    from firesteel.gateway.presented import Presented
    from firesteel.model.authentication import JwtAuth

TOKEN_LIMIT_BYTES: Final = 8192
_SCHEME: Final = b"bearer "


class TokenWay:
    """One item of ``authentication``. ``secret`` or ``keys``, whichever it declares. ``taken``: the
    labels of others and the names of consumers, which no claim may give."""

    name: ClassVar[str] = "jwt"

    def __init__(
        self,
        declared: JwtAuth,
        *,
        secret: str | None,
        keys: KeySet | None,
        taken: Collection[str],
    ) -> None:
        self._declared = declared
        self._secret = secret
        self._keys = keys
        self._taken = frozenset(taken)
        self._allowed = declared.allowed
        self._options: Any = {
            "require": ["exp"],
            "verify_aud": declared.audience is not None,
            "verify_iss": declared.issuer is not None,
            "enforce_minimum_key_length": True,
        }

    def consumer(self, presented: Presented) -> str | None:
        """The label, or the claim that names the consumer. Raises KeysWanted, KeysMissing."""
        token = presented.authorization(_SCHEME)
        if token is None or len(token) > TOKEN_LIMIT_BYTES or token.count(b".") != 2:
            return None
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._allowed or "crit" in header or not isinstance(kid, str | None):
            return None
        claims = self._claims(token, algorithm, self._key(algorithm, kid))
        return None if claims is None else self._named(claims)

    def _key(self, algorithm: str, kid: str | None) -> Any:
        if self._keys is None:
            return self._secret
        found = self._keys.find(kid, algorithm)
        return None if found is None else found.key

    def _claims(self, token: bytes, algorithm: str, key: Any) -> dict[str, Any] | None:
        if not key:
            return None
        declared = self._declared
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=declared.audience,
                issuer=declared.issuer,
                leeway=declared.leeway_s,
                options=self._options,
            )
        except Exception:  # noqa: BLE001  # whatever a token does to the library, it is no valid one
            return None

    def _named(self, claims: dict[str, Any]) -> str | None:
        declared = self._declared
        if declared.consumer is None:
            return declared.label
        name = claims.get(declared.consumer)
        if not isinstance(name, str) or name in self._taken:
            return None
        try:
            return check_label(name)
        except CallerError:
            return None


def _header(token: bytes) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except Exception:  # noqa: BLE001  # as above
        return {}
