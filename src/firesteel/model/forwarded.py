"""Who calls where proxies stand in between: what the proxies say that an operator has listed.

Each proxy adds whom it had before it at the right, so the list is read from there, and as far as it
was written by somebody who is trusted. What is left of that anybody may have sent. Only the headers
that the operator's proxies write are read: others a proxy passes on as they came (decision 0030).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from firesteel.model.message import Headers

    Told = dict[str, str]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
ProxyHeaders = Literal["x-forwarded", "forwarded"]

# Nobody has so many proxies; who says so is not believed.
HOPS_LIMIT: Final = 32
_SCHEMES: Final = frozenset({"http", "https"})
# RFC 7239 section 4; addresses are often sent without the quotes that they need. What one part may
# take it keeps, or of 30 KiB that fit nowhere every way to read them were tried.
_PAIR: Final = re.compile(
    r"""[ \t]*+(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)="""
    r"""(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|([^ \t;,"]++)))?[ \t]*+([;,]|$)"""
)
_ESCAPED: Final = re.compile(r"\\(.)")


class Client(NamedTuple):
    """``address``: None where nobody who is trusted can tell. ``scheme`` and ``host``: as the
    client sent them to the first proxy; None where no proxy is between, or it does not say."""

    address: IPAddress | None
    scheme: str | None
    host: str | None


class Proxies:
    """``networks`` of the proxies that are believed, and which headers they write: ``x-forwarded``
    (X-Forwarded-For, -Proto and -Host), or ``forwarded`` (RFC 7239)."""

    __slots__ = ("_networks", "_written")

    def __init__(self, networks: Sequence[str] = (), written: ProxyHeaders = "x-forwarded") -> None:
        self._networks = tuple(map(ipaddress.ip_network, networks))
        self._written = written

    def client(self, peer: str | None, headers: Headers) -> Client:
        """Who sent a request. ``peer``: the address of the connection's other end, None where that
        is gone. ``headers``: names in lower case."""
        nearest = address_of(peer or "")
        if nearest is None or not self.trusts(nearest):
            return Client(nearest, None, None)
        if self._written == "forwarded":
            try:
                address, told = self._before(nearest, _elements(headers))
            except ValueError:
                return Client(None, None, None)
        else:
            hops = ({"for": hop} for hop in _listed(headers, b"x-forwarded-for"))
            address, told = self._before(nearest, hops)
            told["proto"] = next(_listed(headers, b"x-forwarded-proto"), "")
            told["host"] = next(_listed(headers, b"x-forwarded-host"), "")
        scheme = told.get("proto", "").lower()
        return Client(address, scheme if scheme in _SCHEMES else None, told.get("host") or None)

    def trusts(self, address: IPAddress) -> bool:
        """Whether it is one of them."""
        return any(address in network for network in self._networks)

    def _before(self, nearest: IPAddress, hops: Iterable[Told]) -> tuple[IPAddress | None, Told]:
        """The first from the right that is no proxy of ours, or the last one of them all, and what
        was told of it."""
        address: IPAddress | None = nearest
        told: Told = {}
        for place, told in enumerate(hops):
            address = None if place == HOPS_LIMIT else address_of(told.get("for", ""))
            if address is None or not self.trusts(address):
                break
        return address, told


@lru_cache(maxsize=1024)
def address_of(text: str) -> IPAddress | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``; an
    IPv4 address that is written as one of IPv6 is IPv4. None for anything else."""
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or port[:1] not in ("", ":"):
            return None
    elif text.count(":") == 1:
        text, _, _ = text.partition(":")
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address if address.version == 4 else address.ipv4_mapped or address


def _lines(headers: Headers, name: bytes) -> Iterator[str]:
    """The values of that name, the last one first."""
    return (value.decode("latin-1") for key, value in reversed(headers) if key == name)


def _listed(headers: Headers, name: bytes) -> Iterator[str]:
    """The items of a comma-separated header, the last one first; of all its lines."""
    return (item.strip() for line in _lines(headers, name) for item in reversed(line.split(",")))


def _elements(headers: Headers) -> Iterator[Told]:
    """The elements of Forwarded, the last one first. Raises ValueError where a line is not of the
    form, as when somebody opened a quote to swallow what a proxy adds behind it."""
    return (
        element for line in _lines(headers, b"forwarded") for element in reversed(_parsed(line))
    )


def _parsed(line: str) -> list[Told]:
    elements: list[Told] = [{}]
    at = 0
    while at <= len(line):
        pair = _PAIR.match(line, at)
        if pair is None:
            raise ValueError("this is no list of forwarded elements")
        name, quoted, plain, end = pair.groups()
        if name is not None:
            name = name.lower()
            if name in elements[-1]:
                raise ValueError("a parameter is given twice")
            elements[-1][name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if not end:
            break
        if end == ",":
            elements.append({})
        at = pair.end()
    return elements
