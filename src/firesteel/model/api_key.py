"""API keys: how a secret is made, what a pasted one must be, what of it may be shown.

A generated key is ``fsk_`` with 256 random bits and a checksum, see ``generated_secret`` (P47).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta

from firesteel.errors import CallerError
from firesteel.model import generated_secret

PREFIX = "fsk_"
SHORTEST_PASTED = 8
LONGEST_PASTED = 512
ADVISED_LENGTH = 20

# What a header value can carry without being altered on the way (RFC 9110, section 5.5).
_CARRIED = re.compile(r"[\x21-\x7e]+")
LABEL = r"[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?"
_LABEL = re.compile(LABEL, re.ASCII)
# As a label, but a part of an address without escapes.
CONSUMER_NAME = r"[^\s/\x00-\x1f\x7f]([^/\x00-\x1f\x7f]{0,98}[^\s/\x00-\x1f\x7f])?"
_CONSUMER_NAME = re.compile(CONSUMER_NAME, re.ASCII)
# Control, format and lone surrogate characters, and separators of lines and paragraphs (Unicode,
# section 4.5): not seen, they make two names look alike or turn the text around them.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def generated_key(entropy: bytes) -> str:
    """A new key of ``entropy``: 32 bytes of a cryptographic source. ValueError otherwise."""
    return generated_secret.generated(PREFIX, entropy)


def is_generated(secret: str) -> bool:
    """True where ``secret`` has our prefix, length and checksum."""
    return generated_secret.is_generated(PREFIX, secret)


def check_pasted(secret: str) -> str | None:
    """A warning where a pasted secret is short, else None.

    Raises CallerError ``key_invalid`` where it cannot be taken.
    """
    if not SHORTEST_PASTED <= len(secret) <= LONGEST_PASTED:
        raise CallerError(
            f"an API key has {SHORTEST_PASTED} to {LONGEST_PASTED} characters", code="key_invalid"
        )
    if not _CARRIED.fullmatch(secret):
        raise CallerError(
            "an API key has visible ASCII characters only, and no spaces", code="key_invalid"
        )
    if secret.startswith(PREFIX) and not is_generated(secret):
        return f"the key begins with {PREFIX} but its checksum is wrong: was it cut when copied?"
    if len(secret) < ADVISED_LENGTH:
        return f"the key is shorter than {ADVISED_LENGTH} characters and may be guessed"
    return None


def check_label(label: str) -> str:
    """The label, which must be one that a document can declare. Raises CallerError
    ``name_invalid``."""
    if not _LABEL.fullmatch(label):
        raise CallerError(
            "a label has 1 to 100 characters, no control characters, no spaces at its ends",
            code="name_invalid",
        )
    _check_seen(label)
    return label


def check_consumer_name(name: str) -> str:
    """The name of a consumer, which must be one that a document can declare. Raises CallerError
    ``name_invalid``."""
    if not _CONSUMER_NAME.fullmatch(name):
        raise CallerError(
            "a consumer's name has 1 to 100 characters, no slash, no control characters, no spaces "
            "at its ends",
            code="name_invalid",
        )
    _check_seen(name)
    return name


def unseen_fault(name: str) -> str:
    """What is wrong with a label or name in which something is not seen, else an empty text. It is
    apart from the pattern, so that a version of before the rule stays readable."""
    for at, character in enumerate(name, 1):
        if unicodedata.category(character) in _UNSEEN:
            code = f"U+{ord(character):04X}"
            return f"a name has no control or format characters: character {at} is {code}"
    return ""


def _check_seen(name: str) -> None:
    fault = unseen_fault(name)
    if fault:
        raise CallerError(fault, code="name_invalid")


def display_prefix(secret: str) -> str:
    """The first characters, by which people tell keys apart: at most a quarter of the secret, and
    of a generated one its prefix and four characters (24 of its 256 bits)."""
    if is_generated(secret):
        return generated_secret.shown_of(PREFIX, secret)
    return secret[: min(4, len(secret) // 4)]


def expiry_us(day: str) -> int:
    """The end of that day in UTC, in microseconds since 1970: the first instant at which the key
    is no longer taken. ``day`` is ``YYYY-MM-DD``; CallerError ``expiry_invalid`` otherwise."""
    try:
        if not _DAY.fullmatch(day):
            raise ValueError(day)
        last = date.fromisoformat(day)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise CallerError(
            "an expiry is a date such as 2027-06-30", code="expiry_invalid"
        ) from error
    return (end - _EPOCH) // timedelta(microseconds=1)


def expiry_day(expires_at_us: int) -> str:
    """The inverse of ``expiry_us``: the last day on which the key is taken."""
    last = _EPOCH + timedelta(microseconds=expires_at_us - 1)
    return last.date().isoformat()
