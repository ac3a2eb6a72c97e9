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
_OF_THE_HOST = frozenset(
    {
        "accept-ch",
        "alt-svc",
        "clear-site-data",
        "critical-ch",
        "expect-ct",
        "nel",
        "origin-agent-cluster",
        "public-key-pins",
        "public-key-pins-report-only",
        "report-to",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "strict-transport-security",
    }
)
# Which nginx, Apache and lighttpd take for an order to send another file.
_OF_THE_PROXY = ("x-accel-", "x-sendfile", "x-lighttpd-", "x-reproxy-")
# Whose bodies run nothing in a browser that does not guess (``nosniff``).
_INERT = frozenset(
    {
        "application/gzip",
        "application/json",
        "application/jsonl",
        "application/octet-stream",
        "application/pdf",
        "application/x-ndjson",
        "application/zip",
        "text/csv",
        "text/plain",
    }
)
_INERT_KINDS = ("audio/", "font/", "image/", "video/")


def header_name_fault(name: str) -> str | None:
    """Why a response cannot set a header of this name, in any case of letters, or None."""
    lower = name.lower()
    if not _NAME.fullmatch(lower):
        return "a header of the response has a name that no header can have"
    if lower in _OF_THE_CONNECTION or lower.startswith("firesteel-"):
        return f"a response does not set {lower}: the gateway does"
    if lower in _OF_THE_HOST:
        return f"a response does not set {lower}: it would hold for the whole host"
    if lower.startswith(_OF_THE_PROXY):
        return f"a response does not set {lower}: a proxy would act on it"
    return None


def header_value_fault(name: str, value: str) -> str | None:
    """Why the text cannot be the value of the header ``name``, or None."""
    if _VALUE.fullmatch(value.strip(" \t")):
        return None
    return f"the header {name} has a character that no header can have"


def is_inert(content_type: str) -> bool:
    """Whether a body of this type runs nothing in a browser; one of no type might, and one with a
    comma too: browsers read the value as a list and take the last type of it."""
    if "," in content_type:
        return False
    media_type = content_type.partition(";")[0].strip(" \t").lower()
    if media_type in _INERT or media_type.endswith("+json"):
        return True
    return media_type.startswith(_INERT_KINDS) and not media_type.endswith("xml")
