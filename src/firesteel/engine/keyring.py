"""The node's encryption key at work: secrets are sealed for storing and hashed for looking up.

Two keys are derived from the encryption key (HKDF, RFC 5869), so that neither use tells anything
about the other. Sealed values carry the id of their key: a wrong key is recognised, not guessed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from firesteel.errors import OperatorError
from firesteel.model.encryption_key import KEY_BYTES, parse_key, written_key

DIGEST_BYTES = 32
KEY_FILE = "encryption.key"
CHECK_SETTING = "encryption_check"

_FORMAT = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_CHECK_PURPOSE = "encryption check"
_CHECK_TEXT = b"firesteel"


class SettingStore(Protocol):
    """The part of the catalog in which the check value lies."""

    async def setting(self, name: str) -> str | None:
        """As ``Catalog.setting``."""
        ...

    async def ensure_setting(self, name: str, value: str) -> str:
        """As ``Catalog.ensure_setting``."""
        ...


class Keyring:
    """Hashes and seals under one encryption key of 32 bytes (ValueError for another length)."""

    def __init__(self, encryption_key: bytes) -> None:
        if len(encryption_key) != KEY_BYTES:
            raise ValueError(f"an encryption key has {KEY_BYTES} bytes")
        self._key_id = _derived(encryption_key, "key id", _KEY_ID_BYTES)
        self._aead = AESGCM(_derived(encryption_key, "seal", KEY_BYTES))
        # Keyed once and copied for each secret: 0.4 us instead of 1.6 us for an HMAC-SHA256, on
        # the way of every call. BLAKE2b's keyed mode is a MAC by design (RFC 7693).
        self._hash = hashlib.blake2b(
            key=_derived(encryption_key, "digest", KEY_BYTES), digest_size=DIGEST_BYTES
        )

    def digest(self, secret: str | bytes) -> bytes:
        """The keyed hash (32 bytes) by which a secret is looked up; any text or bytes."""
        state = self._hash.copy()
        state.update(secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret)
        return state.digest()

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """``secret`` encrypted (AES-256-GCM, random nonce); opened only with the same purpose,
        which names table and owner so that a sealed value cannot be moved to another row."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, secret, purpose.encode())
        return _FORMAT + self._key_id + nonce + sealed

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """The inverse of ``seal``. OperatorError ``wrong_encryption_key`` where it was sealed
        under another key, ``sealed_value_damaged`` where it was altered or moved."""
        nonce_at = len(_FORMAT) + _KEY_ID_BYTES
        cipher_at = nonce_at + _NONCE_BYTES
        if sealed[:1] != _FORMAT or len(sealed) <= cipher_at:
            raise OperatorError(
                "a sealed value in the store is damaged", code="sealed_value_damaged"
            )
        if sealed[1:nonce_at] != self._key_id:
            raise OperatorError(
                "a secret in the store was sealed under another encryption key",
                code="wrong_encryption_key",
            )
        try:
            return self._aead.decrypt(
                sealed[nonce_at:cipher_at], sealed[cipher_at:], purpose.encode()
            )
        except InvalidTag as error:
            raise OperatorError(
                "a sealed value in the store is damaged", code="sealed_value_damaged"
            ) from error


def load_or_create(data_dir: Path) -> bytes:
    """The key in the data directory's key file, which is made (mode 0600) where there is none.

    The file appears whole or not at all, and of two nodes that start at once one wins. Raises
    OperatorError ``encryption_key_invalid``, ``encryption_key_exposed`` where others may read it.
    """
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        mode = path.stat().st_mode
        text = path.read_text("ascii", "replace")
    except OSError as error:
        raise OperatorError(
            f"the encryption key file cannot be read or made: {error.strerror}",
            code="encryption_key_invalid",
        ) from error
    if mode & 0o077:
        raise OperatorError(
            f"others may read {KEY_FILE} in the data directory: give it mode 0600",
            code="encryption_key_exposed",
        )
    try:
        return parse_key(text)
    except ValueError as error:
        raise OperatorError(
            f"{KEY_FILE} in the data directory {error}", code="encryption_key_invalid"
        ) from error


async def verify(keyring: Keyring, store: SettingStore) -> None:
    """Hold the key against the store's check value, which the first start writes; of nodes that
    start at once on one store the first.

    Raises OperatorError ``wrong_encryption_key`` before anything is done with a wrong key (P35).
    """
    stored = await store.setting(CHECK_SETTING)
    if stored is None:
        own = keyring.seal(_CHECK_TEXT, _CHECK_PURPOSE).hex()
        stored = await store.ensure_setting(CHECK_SETTING, own)
    check(keyring, stored)


def check(keyring: Keyring, stored: str) -> None:
    """Hold the key against a store's check value. Raises OperatorError ``wrong_encryption_key``."""
    try:
        keyring.open(bytes.fromhex(stored), _CHECK_PURPOSE)
    except (OperatorError, ValueError) as error:
        raise OperatorError(
            "this is not the encryption key that the store's secrets are sealed under: bring back "
            f"{KEY_FILE} of the data directory, or set FIRESTEEL_ENCRYPTION_KEY",
            code="wrong_encryption_key",
        ) from error


def _derived(encryption_key: bytes, purpose: str, length: int) -> bytes:
    info = f"firesteel {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(encryption_key)


def _create(path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{KEY_FILE}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(written_key(secrets.token_bytes(KEY_BYTES)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)  # unlike a rename, never replaces another node's key
        except FileExistsError:
            return
        _flush_directory(path.parent)
    finally:
        Path(name).unlink()


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
