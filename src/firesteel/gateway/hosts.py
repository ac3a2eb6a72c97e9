"""By which names a port may be called: an allow-list of the Host header.

It keeps out calls that were sent elsewhere, and pages of other sites whose name was made to resolve
to this node while a browser looked at them (DNS rebinding): those carry the other name.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import httptools

from firesteel.gateway.head import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

HEALTH_PATH: Final = b"/-/health"


class Hosts:
    """``names``: in lower case, ``*.example.com`` for all names below one; or addresses. Names of
    this machine (localhost, 127.0.0.1, ::1) are always allowed, and ``open_paths`` by any name:
    what probes call by address."""

    def __init__(self, names: Collection[str], open_paths: Collection[bytes] = ()) -> None:
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*."))
        self._open_paths = frozenset(open_paths)
        # Most calls name the same few.
        self._allows = lru_cache(maxsize=256)(self._is_allowed)

    def check(self, host: bytes | None, url: bytes, raw_path: bytes) -> None:
        """Raises Refused ``misdirected_request``. ``url``: the request target, whose own authority
        counts as well where it has one (RFC 9112 section 3.2.2)."""
        named = [host or b""]
        if not url.startswith(b"/"):
            named.append(httptools.parse_url(url).host or b"")
        if not all(map(self._allows, named)) and raw_path not in self._open_paths:
            raise Refused("misdirected_request")

    def _is_allowed(self, host: bytes) -> bool:
        name = _name(host.decode("latin-1").lower())
        if name in self._names or name.endswith(self._suffixes):
            return True
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _name(host: str) -> str:
    """Without port, brackets and the dot of the root."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, _ = host.rpartition(":")
    # What httptools took out of a target has no brackets.
    return (name if colon and ":" not in name else host).removesuffix(".")
