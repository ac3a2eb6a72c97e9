"""The keys that secrets are sealed and hashed under, and their envelope in the store.

The store holds the data keys itself, sealed under the node's encryption key (docs/decisions/0039):
another encryption key means another envelope, and no secret is touched. A generation of data keys
has one key that seals and one that hashes; values name the generation that sealed them.
"""

from __future__ import annotations

import json
import secrets
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firesteel.errors import OperatorError
from firesteel.model.encryption_key import KEY_BYTES

KEY_ID_BYTES = 4
NONCE_BYTES = 12
_FORMAT = 1
_WRAPPED = b"firesteel data keys"


class Generation(msgspec.Struct, frozen=True):
    """Data keys that were made together. ``id`` stands in each value that they sealed."""

    id: bytes
    seals: bytes
    digests: bytes
    made_at_us: int

    def __repr__(self) -> str:
        return f"Generation({self.id.hex()})"


class DataKeys(msgspec.Struct, frozen=True):
    """``generations``: oldest first; the last one is in use, the others open what they sealed.
    ``lasting`` hashes what cannot be hashed anew: sessions, tokens and links, of which the store
    has the hash alone. All of those are 256 random bits, so nothing is won by another key."""

    lasting: bytes
    generations: tuple[Generation, ...]

    @property
    def current(self) -> Generation:
        """The generation in use."""
        return self.generations[-1]

    @classmethod
    def made(cls, now_us: int) -> Self:
        """Random ones, for a new store."""
        return cls(secrets.token_bytes(KEY_BYTES), (new_generation(now_us),))

    @classmethod
    def derived(cls, encryption_key: bytes) -> Self:
        """Those that a store of a release before this one has, in which the encryption key itself
        was what they are derived from. ValueError for a key of another length than 32 bytes."""
        digests = derived_key(encryption_key, "digest", KEY_BYTES)
        seals = derived_key(encryption_key, "seal", KEY_BYTES)
        return cls(digests, (Generation(key_id(encryption_key), seals, digests, 0),))

    def renewed(self, now_us: int) -> DataKeys:
        """With a new generation in use; of the others only the latest is kept, whose values nodes
        may still be writing."""
        return DataKeys(self.lasting, (self.current, new_generation(now_us)))

    def __repr__(self) -> str:
        return f"DataKeys({', '.join(repr(generation) for generation in self.generations)})"


def new_generation(now_us: int) -> Generation:
    """Random keys."""
    random = secrets.token_bytes
    return Generation(random(KEY_ID_BYTES), random(KEY_BYTES), random(KEY_BYTES), now_us)


def key_id(encryption_key: bytes) -> bytes:
    """By which an encryption key is recognised; it tells nothing about the key."""
    return derived_key(encryption_key, "key id", KEY_ID_BYTES)


def derived_key(encryption_key: bytes, purpose: str, length: int) -> bytes:
    """HKDF (RFC 5869): no derived key tells anything about another."""
    if len(encryption_key) != KEY_BYTES:
        raise ValueError(f"an encryption key has {KEY_BYTES} bytes")
    info = f"firesteel {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(encryption_key)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Data keys, sealed once for each encryption key that opens the store, by the key's id in
    hexadecimal. ``next``: the id of the key that is about to take over, while two open it."""

    sealed: Mapping[str, str] = field(repr=False)
    next: str | None = None
    since_us: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises OperatorError ``sealed_value_damaged``."""
        try:
            read: dict[str, Any] = json.loads(text)
            if read["format"] != _FORMAT:
                raise ValueError
            return cls(dict(read["sealed"]), read["next"], int(read["since_us"]))
        except (ValueError, KeyError, TypeError) as error:
            raise OperatorError(
                "the data keys in the store are damaged, or of a later release",
                code="sealed_value_damaged",
            ) from error

    def text(self) -> str:
        """As the store keeps it."""
        return json.dumps(
            {
                "format": _FORMAT,
                "sealed": dict(self.sealed),
                "next": self.next,
                "since_us": self.since_us,
            }
        )

    def opens_with(self, encryption_key: bytes) -> bool:
        """Whether that key is one of the envelope's."""
        return key_id(encryption_key).hex() in self.sealed

    def open(self, encryption_key: bytes) -> DataKeys:
        """Raises OperatorError ``wrong_encryption_key``, ``sealed_value_damaged``."""
        sealed = self.sealed.get(key_id(encryption_key).hex())
        if sealed is None:
            raise wrong_key()
        try:
            given = bytes.fromhex(sealed)
            nonce, cipher = given[:NONCE_BYTES], given[NONCE_BYTES:]
            plain = _wrapping(encryption_key).decrypt(nonce, cipher, _WRAPPED)
            return msgspec.json.decode(plain, type=DataKeys)
        except (InvalidTag, ValueError, NotBase64) as error:
            raise OperatorError(
                "the data keys in the store are damaged", code="sealed_value_damaged"
            ) from error


def sealed_under(encryption_key: bytes, keys: DataKeys) -> dict[str, str]:
    """An item of ``Envelope.sealed``."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    cipher = _wrapping(encryption_key).encrypt(nonce, msgspec.json.encode(keys), _WRAPPED)
    return {key_id(encryption_key).hex(): (nonce + cipher).hex()}


def wrong_key() -> OperatorError:
    """What a node says that has another store's key, before it does anything (P35)."""
    return OperatorError(
        "this is not the encryption key that the store's secrets are sealed under: bring back "
        "encryption.key of the data directory, or set FIRESTEEL_ENCRYPTION_KEY",
        code="wrong_encryption_key",
    )


def missing_key() -> OperatorError:
    """What a node says that has none, of a store that has one."""
    return OperatorError(
        "the data directory has no encryption.key, and the store's secrets are sealed under one: "
        "bring it back, or set FIRESTEEL_ENCRYPTION_KEY",
        code="wrong_encryption_key",
    )


def _wrapping(encryption_key: bytes) -> AESGCM:
    return AESGCM(derived_key(encryption_key, "wrap", KEY_BYTES))
