"""Which headers a response may set, and which statuses have no body: one rule for the check of a
document and for the worker that makes the response.
"""

from __future__ import annotations

import re
from typing import Final

BODILESS_STATUSES: Final = frozenset({204, 205, 304})

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # token, RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Of one connection (RFC 9110, section 7.6.1), or told by the gateway itself.
_OF_THE_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "request-id",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Of the whole host, whatever the port: the console, which stands beside, would feel them (P46).
_OF_THE_HOST = frozenset({"clear-site-data", "set-cookie", "strict-transport-security"})


def header_name_fault(name: str) -> str | None:
    """Why a response cannot set a header of this name, in any case of letters, or None."""
    lower = name.lower()
    if not _NAME.fullmatch(lower):
        return "a header of the response has a name that no header can have"
    if lower in _OF_THE_CONNECTION or lower.startswith("firesteel-"):
        return f"a response does not set {lower}: the gateway does"
    if lower in _OF_THE_HOST:
        return f"a response does not set {lower}: it would hold for the whole host"
    return None


def header_value_fault(name: str, value: str) -> str | None:
    """Why the text cannot be the value of the header ``name``, or None."""
    if _VALUE.fullmatch(value.strip(" \t")):
        return None
    return f"the header {name} has a character that no header can have"
