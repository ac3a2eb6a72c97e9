"""Client certificates: of the connection's own TLS, or passed on in a header by a trusted proxy.

The header is looked at only where the other end of the connection is such a proxy: anybody can
send one. A proxy writes the certificate in one of three ways, which tell themselves apart: RFC 9440
(``:base64 of DER:``), URL-encoded PEM (nginx's ``$ssl_client_escaped_cert``), or bare base64 of DER
(HAProxy, Traefik).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import unquote

from cryptography import x509

from firesteel.model.forwarded import address_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from firesteel.gateway.presented import Presented
    from firesteel.model.authentication import ClientCertificateAuth

LIMIT_BYTES: Final = 16 * 1024
_PEM: Final = re.compile(
    r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What items compare. ``names``: all alternative names as texts; ``valid``: its first and last
    moment, in microseconds since 1970."""

    fingerprint: str
    subject: str
    names: frozenset[str]
    valid: tuple[int, int]


class CertificateWay:
    """The items of one trigger."""

    name: ClassVar[str] = "client_certificate"

    def __init__(self, declared: Iterable[ClientCertificateAuth]) -> None:
        self._declared = list(declared)

    def consumer(self, presented: Presented) -> str | None:
        """The label of the first item that fits the certificate."""
        der = _sent(presented)
        certificate = None if der is None else certificate_of(der)
        if certificate is None:
            return None
        first_us, last_us = certificate.valid
        if not first_us <= presented.now_us <= last_us:
            return None
        for item in self._declared:
            if _fits(item, certificate):
                return item.label
        return None


def _sent(presented: Presented) -> bytes | None:
    protocol = presented.exchange.protocol
    header, peer = protocol.state.certificate_header, protocol.client
    address = None if peer is None else address_of(peer[0])
    if header is not None and address is not None and protocol.state.proxies.trusts(address):
        value = presented.header(header)
        return None if value is None else der_of(value)
    tls: ssl.SSLObject | None = protocol.transport.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)


def der_of(value: bytes) -> bytes | None:
    """The certificate in a header's value; None where none stands there."""
    if len(value) > LIMIT_BYTES:
        return None
    text = value.decode("latin-1").strip()
    if text.startswith(":") and text.endswith(":") and len(text) > 2:
        text = text[1:-1]
    else:
        text = unquote(text) if "%" in text else text
        pem = _PEM.fullmatch(text)
        text = re.sub(r"\s+", "", pem.group(1)) if pem else text
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


@lru_cache(maxsize=512)
def certificate_of(der: bytes) -> Certificate | None:
    """What a certificate says; None for what is none."""
    try:
        found = x509.load_der_x509_certificate(der)
        subject = found.subject.rfc4514_string()
        valid = _us(found.not_valid_before_utc), _us(found.not_valid_after_utc)
        names = _names(found)
    except Exception:  # noqa: BLE001  # whatever the bytes do to the parser, they are no certificate
        return None
    return Certificate(hashlib.sha256(der).hexdigest(), subject, names, valid)


def _names(found: x509.Certificate) -> frozenset[str]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    kinds = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.IPAddress)
    return frozenset(str(name.value) for name in names if isinstance(name, kinds))


def _us(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp()) * 1_000_000


def _fits(item: ClientCertificateAuth, certificate: Certificate) -> bool:
    if item.fingerprint is not None:
        same = hmac.compare_digest(item.fingerprint, certificate.fingerprint)
        if not same:
            return False
    if item.subject is not None and item.subject != certificate.subject:
        return False
    return item.san is None or item.san in certificate.names
