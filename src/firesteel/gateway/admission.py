"""How the calls of one trigger are let in: made once for its route.

API keys come first, by digest; then what else the head of a call can hold; a signature is looked at
when the body has come. Whatever was wrong, the answer is one and the same 401.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firesteel.gateway.authentication import KEY_HEADERS
from firesteel.gateway.basic import BasicWay
from firesteel.gateway.client_certificates import CertificateWay
from firesteel.gateway.key_sets import KeysMissing, KeysWanted
from firesteel.gateway.presented import AFTER_BODY, Presented
from firesteel.gateway.signatures import SignatureRule
from firesteel.gateway.signed_content import Signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from firesteel.engine.route import Route, RouteKey
    from firesteel.gateway.engine_port import KeyDigests
    from firesteel.gateway.exchange import Exchange
    from firesteel.gateway.held_bodies import HeldBodies
    from firesteel.gateway.key_sets import KeySets
    from firesteel.gateway.presented import Way
    from firesteel.model.authentication import Authentication
    from firesteel.model.forwarded import IPAddress
    from firesteel.shares import Room
    from firesteel.telemetry.meter import Meter

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_REALM: Final = 'realm="firesteel"'
_SCHEMES: Final = {
    "api_key": f"Bearer {_REALM}",
    "jwt": f"Bearer {_REALM}",
    "basic": f'Basic {_REALM}, charset="UTF-8"',
    "signature": f"Signature {_REALM}",
    "client_certificate": f"Certificate {_REALM}",
}
"""Of Signature and Certificate the registry of schemes knows nothing; RFC 9110 section 15.5.2 asks
for a challenge all the same."""


@dataclass(frozen=True, slots=True)
class Admission:
    """``open``: no credentials are needed, only the right address. ``challenge``: the header of
    every 401 of the trigger. ``credentials``: the headers that hold any. ``networks`` None: calls
    may come from everywhere."""

    trigger_no: int
    open: bool
    keys: Mapping[bytes, RouteKey]
    ways: Sequence[Way]
    signatures: Sequence[SignatureRule]
    networks: Sequence[IpNetwork] | None
    challenge: tuple[tuple[str, str], ...]
    credentials: frozenset[bytes]
    base_url: str

    def near(self, address: IPAddress | None) -> bool:
        """Whether calls may come from that address; None: it is not known."""
        if self.networks is None:
            return True
        return address is not None and any(address in network for network in self.networks)

    def consumer(self, exchange: Exchange, now_us: int) -> str | None:
        """Who calls, by other means than API keys, which the exchange is told; AFTER_BODY; None:
        nobody who may. Raises KeysWanted, KeysMissing."""
        presented = Presented(exchange, now_us)
        unknown: KeysWanted | KeysMissing | None = None
        for way in self.ways:
            try:
                consumer = way.consumer(presented)
            except (KeysWanted, KeysMissing) as error:
                unknown = error if unknown is None else unknown
                continue
            if consumer is not None:
                exchange.way = way.name
                return consumer
        if any(rule.presented(presented) for rule in self.signatures):
            return AFTER_BODY
        if unknown is not None:
            raise unknown
        return None

    def signer(self, exchange: Exchange, body: bytes, now_us: int) -> str | None:
        """Who signed the call; None: nobody who may."""
        presented = Presented(exchange, now_us)
        base_url = self.base_url or _base_url(exchange)
        for rule in self.signatures:
            if rule.fits(Signed(presented, body, base_url)):
                return rule.label
        return None

    def presents(self, exchange: Exchange) -> bool:
        """Whether the call holds credentials at all, so that it was a guess."""
        return not self.credentials.isdisjoint(exchange.named)


@dataclass(frozen=True, slots=True)
class Means:
    """What targets are made with. ``public_url``: empty where it is not known. ``bodies`` and
    ``calls``: what triggers share."""

    keyring: KeyDigests
    key_sets: KeySets
    public_url: str
    meter: Meter
    bodies: HeldBodies
    calls: Room


def make_admission(route: Route, means: Means) -> Admission | None:
    """None: every call is let in."""
    trigger = route.trigger
    if route.open and trigger.allowed_addresses is None:
        return None
    signatures = [
        SignatureRule(item.signature, _known(item.signature.secrets, route))
        for item in trigger.authentication
        if item.signature is not None
    ]
    networks = trigger.allowed_addresses
    kinds = [kind for item in trigger.authentication for kind in sorted(item.model_fields_set)]
    return Admission(
        trigger_no=route.trigger_no,
        open=route.open,
        keys=route.keys,
        ways=_ways(trigger.authentication, route, means),
        signatures=signatures,
        networks=None if networks is None else [ipaddress.ip_network(text) for text in networks],
        challenge=_challenge(kinds),
        credentials=KEY_HEADERS.union(rule.scheme.header for rule in signatures),
        base_url=means.public_url,
    )


def _ways(declared: Sequence[Authentication], route: Route, means: Means) -> Sequence[Way]:
    """By kind, those that cost the least first."""
    secrets = route.secrets
    pairs = [
        (item.basic.label, item.basic.username, secrets[item.basic.password])
        for item in declared
        if item.basic is not None and item.basic.password in secrets
    ]
    ways: list[Way] = [BasicWay(pairs, means.keyring)] if pairs else []
    certificates = [item.client_certificate for item in declared if item.client_certificate]
    if certificates:
        ways.append(CertificateWay(certificates))
    labels = _labels(declared) | {key.label for key in route.keys.values()}
    for item in declared:
        if item.jwt is not None:
            # Not at the start of a node: it takes a tenth of a second, and few triggers need it.
            from firesteel.gateway.tokens import TokenWay

            keys = means.key_sets.at(item.jwt.jwks_url) if item.jwt.jwks_url else None
            secret = secrets.get(item.jwt.secret or "")
            taken = (labels - {item.jwt.label}) | route.consumers
            ways.append(TokenWay(item.jwt, secret=secret, keys=keys, taken=taken))
    return ways


def _labels(declared: Sequence[Authentication]) -> set[str]:
    """Of all items, and the names of consumers: also of those that have no key, or none any more,
    for their messages are still theirs."""
    kinds = (
        kind
        for item in declared
        for kind in (item.api_key, item.signature, item.basic, item.jwt, item.client_certificate)
    )
    consumers = {item.consumer.name for item in declared if item.consumer is not None}
    return consumers | {kind.label for kind in kinds if kind is not None}


def _base_url(exchange: Exchange) -> str:
    """What the caller's URL begins with, as far as it can be told without FIRESTEEL_PUBLIC_URL."""
    client = exchange.client
    host = client.host or exchange.named.get(b"host", b"").decode("latin-1")
    return f"{client.scheme or exchange.protocol.scheme}://{host}"


def _known(references: Sequence[str], route: Route) -> list[str]:
    return [route.secrets[text] for text in references if text in route.secrets]


def _challenge(kinds: Sequence[str]) -> tuple[tuple[str, str], ...]:
    schemes = dict.fromkeys(_SCHEMES[kind] for kind in kinds if kind in _SCHEMES)
    value = ", ".join(schemes) or _SCHEMES["api_key"]
    return (("www-authenticate", value),)
