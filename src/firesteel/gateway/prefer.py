"""The Prefer header (RFC 7240): ``respond-async`` and ``wait``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firesteel.gateway.exchange import Exchange

# A preference: token, maybe a value (token or quoted text), maybe parameters, which are skipped.
# What one part may take it keeps, or of 30 KiB that fit nowhere every way to read them were tried.
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'
_PREFERENCE = re.compile(
    r"\s*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)"
    rf"(?:\s*+=\s*+({_QUOTED}|[^\s,;]*+))?((?:{_QUOTED}|[^,\"])*)(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Preference:
    """``wait_s``: how long the caller wants to wait at most, 0 where it does not. ``applied``: the
    value of Preference-Applied."""

    wait_s: float
    applied: str


def preference_of(exchange: Exchange) -> Preference | None:
    """What the caller of a request prefers. A header that is sent several times is one list (RFC
    9110 section 5.3)."""
    value = exchange.named.get(b"prefer")
    if value is not None and len(exchange.named) != len(exchange.headers):
        value = b", ".join(line for name, line in exchange.headers if name == b"prefer")
    return read_prefer(value)


def read_prefer(value: bytes | None) -> Preference | None:
    """What the caller prefers; None where nothing is that we know, or the header is no Prefer.

    Of a preference that is repeated the first counts (section 2). ``respond-async, wait=10`` waits
    10 s for the response and is answered 202 then (section 4.3).
    """
    if value is None:
        return None
    found: dict[str, str] = {}
    text = value.decode("latin-1")
    position = 0
    while match := _PREFERENCE.match(text, position):
        found.setdefault(match[1].lower(), (match[2] or "").strip('"'))
        position = match.end()
        if position >= len(text):
            break
    wait = found.get("wait", "")
    if wait.isascii() and wait.isdigit():
        return Preference(float(wait[:9]), f"wait={wait[:9]}")
    if "respond-async" in found:
        return Preference(0.0, "respond-async")
    return None
