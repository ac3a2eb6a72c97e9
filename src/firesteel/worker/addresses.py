"""Which addresses ``http`` steps may reach: those of the public internet, and what was allowed.

``ipaddress.is_global`` alone is not enough: addresses that carry an IPv4 address within are judged
by that one, and some global ones are reserved all the same (P45).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from firesteel.errors import AuthorError

if TYPE_CHECKING:
    from collections.abc import Iterable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_ISATAP = 0x00005EFE  # before the IPv4 address, RFC 5214; with or without the universal bit
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "::/96",  # IPv4-compatible, deprecated by RFC 4291
        "64:ff9b:1::/48",  # local NAT64, RFC 8215
        "2001::/32",  # Teredo, RFC 4380: carries an obscured IPv4 address
        "2620:4f:8000::/48",  # AS112, RFC 7534
        "3fff::/20",  # documentation, RFC 9637
        "5f00::/16",  # segment routing, RFC 9602
        "fec0::/10",  # site-local, RFC 3879
    )
)
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "168.63.129.16/32",  # Azure's metadata and wire server: global by its number only
        "192.0.0.0/24",  # IETF's own, RFC 6890; 192.0.0.192 is Oracle's metadata server
        "192.31.196.0/24",  # AS112, RFC 7535
        "192.52.193.0/24",  # AMT relays, RFC 7450
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.175.48.0/24",  # AS112, RFC 7534
    )
)


class AddressRefused(AuthorError):
    """An http step may not reach the address; the operator can allow its network."""

    code = "address_refused"


class AddressRules:
    """``allow``: networks that may be reached although private; from FIRESTEEL_OUTGOING_ALLOW."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allow: list[IpNetwork] = [
            ipaddress.ip_network(network, strict=False) for network in allow
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddressRules) and self._allow == other._allow

    def __hash__(self) -> int:
        return hash(tuple(self._allow))

    def permits(self, text: str) -> bool:
        """Whether a numeric address may be connected to."""
        written = ipaddress.ip_address(text.partition("%")[0])
        address = _inner(written)
        if any(address in network or written in network for network in self._allow):
            return True
        if "%" in text:
            return False
        refused = _REFUSED_V4 if address.version == 4 else _REFUSED_V6
        if any(address in network for network in refused):
            return False
        return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if (int(address) >> 32) & 0xFDFFFFFF == _ISATAP:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
