"""The encryption key as it is written: 32 bytes in URL-safe base64, padding left out."""

from __future__ import annotations

import base64
import binascii

KEY_BYTES = 32


def written_key(encryption_key: bytes) -> str:
    """The key as FIRESTEEL_ENCRYPTION_KEY and the key file hold it."""
    return base64.urlsafe_b64encode(encryption_key).decode("ascii").rstrip("=")


def parse_key(text: str) -> bytes:
    """The 32 bytes of a written key; ValueError otherwise, without the text in it."""
    text = text.strip()
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("is not 32 bytes in URL-safe base64")
    return key
