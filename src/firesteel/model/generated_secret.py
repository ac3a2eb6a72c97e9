"""Secrets that the node makes: a prefix that says what for, chance, and a checksum.

``<prefix>``, 256 random bits in base62 (43 characters) and the CRC-32 of all before it in base62
(6 characters): secret scanners find one by its prefix and drop look-alikes by the checksum, without
asking anyone (P47).
"""

from __future__ import annotations

import zlib

ENTROPY_BYTES = 32

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43
_CHECKSUM_LENGTH = 6
_SHOWN_LENGTH = 4


def generated(prefix: str, entropy: bytes) -> str:
    """A new secret of ``entropy``: 32 bytes of a cryptographic source. ValueError otherwise."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError("a generated secret takes 32 random bytes")
    secret = prefix + _base62(int.from_bytes(entropy, "big"), _SECRET_LENGTH)
    return secret + _checksum(secret)


def is_generated(prefix: str, secret: str) -> bool:
    """True where ``secret`` has the prefix, the length and the checksum of one."""
    body, checksum = secret[:-_CHECKSUM_LENGTH], secret[-_CHECKSUM_LENGTH:]
    right_length = len(body) == len(prefix) + _SECRET_LENGTH
    return right_length and body.startswith(prefix) and _checksum(body) == checksum


def shown_of(prefix: str, secret: str) -> str:
    """What people may see of a generated one: its prefix and four characters (24 of 256 bits)."""
    return secret[: len(prefix) + _SHOWN_LENGTH]


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode("ascii", "replace")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
