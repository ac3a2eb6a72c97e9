"""The public keys of issuers of tokens (JWKS, RFC 7517), fetched off the way of calls and kept.

A worker fetches them, for the engine's process calls no other system. Keys are fetched anew every
few minutes, and when a token names one that is not known, but not more often than every half
minute, whatever calls bring. While the issuer cannot be reached the keys stay good for a day.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import structlog

from firesteel.errors import FiresteelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REFRESH_S: Final = 600.0
AGAIN_S: Final = 30.0
KEPT_S: Final = 86_400.0
WAIT_S: Final = 10.0
SETS_MOST: Final = 1000
KEYS_MOST: Final = 100
_RSA_BITS: Final = range(2048, 8193)
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}

log = structlog.get_logger(__name__)


class KeysWanted(Exception):  # no error: keys are to be fetched before it is known
    """A token may be right, but its key is not known yet; ``key_set`` can be fetched."""

    def __init__(self, key_set: KeySet) -> None:
        super().__init__("the keys of an issuer are to be fetched")
        self.key_set = key_set


class KeysMissing(Exception):  # as KeysWanted
    """A token may be right, and no key of its issuer is known: it could not be reached."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``key``: as cryptography has it. ``algorithm``: the one that it is for, None: any that fits.
    ``curve``: of an elliptic one."""

    kid: str | None
    kind: str
    algorithm: str | None
    curve: str | None
    key: Any

    def verifies(self, algorithm: str) -> bool:
        """Whether tokens of that algorithm can be signed with it."""
        if self.algorithm is not None and self.algorithm != algorithm:
            return False
        if algorithm in _CURVES:
            return self.kind == "EC" and self.curve == _CURVES[algorithm]
        return self.kind == ("OKP" if algorithm == "EdDSA" else "RSA")


class KeySet:
    """The keys at one address. ``fetch`` raises FiresteelError; ``monotonic``: seconds."""

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], Awaitable[bytes]],
        monotonic: Callable[[], float],
    ) -> None:
        self._url = url
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: tuple[PublicKey, ...] = ()
        self._fetched_at = -math.inf
        self._tried_at = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    @property
    def may_fetch(self) -> bool:
        """Whether it is time to, or a fetch goes on that can be waited for."""
        return self._fetching is not None or self._monotonic() - self._tried_at >= AGAIN_S

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key of that id; without one the only key that fits. Raises KeysWanted,
        KeysMissing."""
        age_s = self._monotonic() - self._fetched_at
        if age_s > KEPT_S:
            self._keys = ()
        if not self._keys:
            raise KeysWanted(self) if self.may_fetch else KeysMissing
        if age_s > REFRESH_S and self.may_fetch:
            self._begin()
        fitting = [key for key in self._keys if key.verifies(algorithm)]
        if kid is not None:
            fitting = [key for key in fitting if key.kid == kid]
        if not fitting and self.may_fetch:
            raise KeysWanted(self)
        if len(fitting) == 1 or (fitting and kid is not None):
            return fitting[0]
        return None

    async def fetched(self) -> None:
        """Wait until the keys have been fetched, or could not be; the log is told."""
        task = self._begin()
        await asyncio.wait([task], timeout=WAIT_S)

    def _begin(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.get_running_loop().create_task(self._get())
        return self._fetching

    async def _get(self) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                document = await self._fetch(self._url)
            keys = await asyncio.to_thread(parse_keys, document)
        except (FiresteelError, TimeoutError, ValueError) as error:
            code = error.code if isinstance(error, FiresteelError) else type(error).__name__
            log.warning("issuer_keys_not_fetched", url=self._url, code=code)
        else:
            self._keys, self._fetched_at = keys, self._monotonic()
        finally:
            self._tried_at = self._monotonic()
            self._fetching = None


class KeySets:
    """By address; those that were asked for longest ago go first."""

    def __init__(
        self, fetch: Callable[[str], Awaitable[bytes]], monotonic: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._sets: dict[str, KeySet] = {}

    def at(self, url: str) -> KeySet:
        """The set of an address, empty at first."""
        found = self._sets.pop(url, None) or KeySet(url, self._fetch, self._monotonic)
        self._sets[url] = found
        if len(self._sets) > SETS_MOST:
            del self._sets[next(iter(self._sets))]
        return found


def parse_keys(document: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWKS that signatures can be verified with; others are left out. Raises
    ValueError where it is none, or has none of them."""
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("this is no JWKS") from error
    if not isinstance(listed, list) or len(listed) > KEYS_MOST:
        raise ValueError("this is no JWKS")
    keys = tuple(key for item in listed if (key := _parsed(item)) is not None)
    if not keys:
        raise ValueError("no key of the JWKS can be used")
    return keys


def _parsed(item: Any) -> PublicKey | None:
    if not isinstance(item, dict) or "d" in item or item.get("use", "sig") != "sig":
        return None
    operations = item.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    kind, kid, algorithm = item.get("kty"), item.get("kid"), item.get("alg")
    if not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        return None
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
    from jwt.exceptions import PyJWTError

    read = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}.get(str(kind))
    if read is None:
        return None
    try:
        key = cast("Any", read).from_jwk(item)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if kind == "RSA" and key.key_size not in _RSA_BITS:
        return None
    curve = key.curve.name if kind == "EC" else None
    return PublicKey(kid, str(kind), algorithm, curve, key)
