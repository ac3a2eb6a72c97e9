"""A call of a trigger as somebody wants to make it, checked, in the form in which it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from collections.abc import Sequence

API_KEY_HEADER = "x-api-key"
MAX_HEADERS = 50
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 section 5.6.2
# ASCII, as RFC 9110 section 5.5 advises: no client can be trusted with more.
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """``path`` as it stands in the URL, with the query. ``headers``: lower-case names, each once,
    without the API key. ``body`` None: none is sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


def make_call(
    method: str,
    path: str,
    *,
    query: Sequence[tuple[str, str]] = (),
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
) -> Call:
    """The call; a body without a content type gets the one that it looks like, and headers that
    come twice become one (RFC 9110 section 5.3). Raises CallerError ``invalid_request``."""
    joined = _joined(headers)
    if body is not None and "content-type" not in joined:
        joined["content-type"] = likely_type(body)
    pairs = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in query)
    return Call(method, f"{path}?{pairs}" if pairs else path, joined, body)


def likely_type(body: bytes) -> str:
    """The content type that a body looks like."""
    start = body.lstrip()[:1]
    if start in (b"{", b"["):
        return "application/json"
    if start == b"<":
        return "application/xml"
    return "application/octet-stream" if text_of(body) is None else "text/plain; charset=utf-8"


def text_of(body: bytes) -> str | None:
    """The text of a body that a command line can carry: UTF-8 without NUL."""
    try:
        return None if b"\0" in body else body.decode()
    except UnicodeDecodeError:
        return None


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    if len(headers) > MAX_HEADERS:
        raise _refused(f"at most {MAX_HEADERS} headers can be given")
    joined: dict[str, str] = {}
    for name, value in headers:
        name, value = name.strip().lower(), value.strip(" \t")
        if not _NAME.fullmatch(name):
            raise _refused("the name of a header is not one that HTTP knows")
        if name in _FRAMING:
            raise _refused(f"the header {name} is set by whoever sends the call")
        if not _VALUE.fullmatch(value):
            raise _refused(f"the value of the header {name} is not visible ASCII text")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise _refused("a query parameter is not text") from None


def _refused(detail: str) -> CallerError:
    return CallerError(detail, code="invalid_request")
