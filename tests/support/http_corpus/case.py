"""What a case of the corpus is, and what its requests are made of."""

from __future__ import annotations

from dataclasses import dataclass

PATH = b"/test/Open"
"""An open trigger without Request-Response, with GET and POST: what is accepted is 202."""
HEAD = b"POST " + PATH + b" HTTP/1.1\r\nHost: a\r\n"
GOOD = b"POST " + PATH + b"?n=%d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ngood"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = ((400, "bad_request"),)
TAKEN = ((202, ""),)


@dataclass(frozen=True, slots=True)
class Case:
    """``data`` is sent at once, then maybe the end of what is sent (``ends``). ``answers``: status
    and code of a problem of all that come. ``closes``: whether the connection is closed behind
    them. ``started``: how many messages it makes. ``mended``: how many it may make at most behind
    nginx, which passes on what it has understood in its own words."""

    name: str
    data: bytes
    answers: tuple[tuple[int, str], ...] = BAD
    closes: bool = True
    ends: bool = False
    mended: int = 0

    @property
    def started(self) -> int:
        """How many messages it makes."""
        return sum(status == 202 for status, _ in self.answers)


def bad(name: str, data: bytes, *, mended: int = 0) -> Case:
    """400, and closed."""
    return Case(name, data, mended=mended)


def taken(name: str, data: bytes) -> Case:
    """Accepted, and the connection goes on."""
    return Case(name, data, TAKEN, closes=False, mended=1)


def told(name: str, data: bytes, status: int, code: str, *, closes: bool = True) -> Case:
    """Another answer."""
    return Case(name, data, ((status, code),), closes=closes)


def cut(name: str, data: bytes) -> Case:
    """Not complete when the client says that it sends no more."""
    return Case(name, data, ends=True)
