"""A call of another system and its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A call, ready to be sent. ``target``: path and query below a connection's address, or a whole
    URL where there is no connection."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """``headers`` have lower-case names; ``retry_after_s``: what the answer asks for, else None."""

    status: int
    headers: dict[str, str]
    body: bytes
    retry_after_s: float | None


def climbs(target: str) -> bool:
    """Whether a segment of the path is ``.`` or ``..``, by which it would be another path. Escaped
    dots are no other dots (RFC 3986, section 6.2.2.2): proxies and servers obey them too."""
    return _DOTS.search(re.split("[?#]", target, maxsplit=1)[0]) is not None
