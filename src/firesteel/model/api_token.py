"""API tokens of machines at the admin port: ``fst_``, 256 random bits and a checksum."""

from __future__ import annotations

import re

from firesteel.errors import CallerError
from firesteel.model import generated_secret

PREFIX = "fst_"
LONGEST_NAME = 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", re.ASCII)


def generated_token(entropy: bytes) -> str:
    """A new token of 32 random bytes; ValueError for another number."""
    return generated_secret.generated(PREFIX, entropy)


def is_token(text: str) -> bool:
    """True where ``text`` has our prefix, length and checksum: nothing else is looked up."""
    return generated_secret.is_generated(PREFIX, text)


def shown_of(token: str) -> str:
    """The first characters, by which people tell tokens apart."""
    return generated_secret.shown_of(PREFIX, token)


def token_name(text: str) -> str:
    """A name as it is kept. Raises CallerError ``name_invalid``."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise CallerError(
            "a token's name has 1 to 64 letters, digits, spaces and . _ -, and begins with a "
            "letter or digit",
            code="name_invalid",
        )
    return name
