"""Requests of RTSP, which the parser reads as if they were HTTP, and does not tell apart.

A connection feeds its parser by ``feed_warily`` where ``MARK`` or ``NAME`` stands in what came, or
a line of before may go on with it. The name only tells where it stands behind the target of a
request line: headers and bodies may speak of RTSP.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from firesteel.gateway.head import Headers, Refused

# ``MARK`` is found at once where there is none; ``_LINE`` is the beginning of a request.
MARK: Final = ord("R")
NAME: Final = b" RTSP/"
_LINE: Final = re.compile(rb"[A-Z_]{1,13} +([^ \r\n]+) +RTSP/")


class Reader(Protocol):
    """A connection: what its parser has told of the request that it reads."""

    url: bytes
    headers: Headers

    @property
    def in_head(self) -> bool:
        """Whether a head has begun that is not complete."""
        ...

    def feed(self, data: bytes) -> None:
        """Parse."""
        ...


def feed_warily(reader: Reader, line: bytes, data: bytes) -> None:
    """Parse what may hold a request of RTSP. ``line``: what ``line_left`` gave before. Raises
    Refused where it holds one, and what ``feed`` raises."""
    fed = 0
    if NAME in line[-len(NAME) :] + data:
        for match in _LINE.finditer(line + data):
            at = match.end(1) - len(line)
            if at > fed:
                asks = _ends_in_the_target(reader, data[fed:at])
                fed = at
            else:
                asks = reader.url == match[1] and not reader.headers
            if asks and reader.in_head:
                raise Refused("bad_request", "The request is none of HTTP.")
    reader.feed(data[fed:])


def _ends_in_the_target(reader: Reader, data: bytes) -> bool:
    """Parse; whether the last byte belongs to the target of a request."""
    reader.feed(data[:-1])
    before = len(reader.url)
    reader.feed(data[-1:])
    return len(reader.url) > before


def line_left(reader: Reader, line: bytes, data: bytes, *, fresh: bool) -> bytes:
    """The request line of a head that has not ended, as far as it has come; empty where it is
    complete. ``line``: the one before ``data``; ``fresh``: the head has begun within ``data``."""
    above, newline, rest = data.rpartition(b"\n")
    if not fresh:
        return b"" if newline or not line else line + data
    complete = newline and reader.url and _is_request_line(above, reader.url)
    return b"" if reader.headers or complete else rest


def _is_request_line(text: bytes, url: bytes) -> bool:
    """Whether the last line ends as the request line with this target does."""
    target, _, version = text.rpartition(b"\n")[2].rpartition(b" ")
    return version.startswith(b"HTTP/") and target.rstrip(b" ").endswith(b" " + url)
