"""Checks of ports, certificates and what callers are told of the address."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from firesteel.cli.doctor.finding import Case, Finding, fault, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

_SOON = timedelta(days=14)
_ANSWER_S = 5.0


def certificate(case: Case) -> Iterator[Finding]:
    """Readable, with the key that belongs to it, and valid for a while."""
    from firesteel.gateway.tls import TlsFiles, TlsInvalid

    settings = case.settings
    if settings.tls_cert is None or settings.tls_key is None:
        return
    files = TlsFiles(settings.tls_cert, settings.tls_key, client_ca=settings.tls_client_ca)
    try:
        files.load()
    except TlsInvalid as error:
        remedy = "name a PEM chain and its key without password: tls_cert, tls_key"
        yield fault("tls", f"{error.detail} [{error.code}]", remedy)
        return
    mode = stat.S_IMODE(settings.tls_key.stat().st_mode)
    if mode & 0o007:
        says = f"everyone may read the key (mode {mode:04o})"
        yield warning("tls", says, f"chmod 0600 {settings.tls_key}")
    yield _validity(settings.tls_cert)
    host = urlsplit(settings.public_url or "").hostname
    # Behind a proxy that ends TLS, the name that callers know is for the proxy's certificate.
    if host and not settings.trusted_proxies and not _is_for(settings.tls_cert, host):
        says = f"the certificate is not for {host}, the host of public_url: callers refuse it"
        yield fault("tls", says, "get one with that name, or correct public_url")


def _is_for(path: Path, host: str) -> bool:
    """Whether a name of the certificate is the host's, as RFC 9525 compares them: its subject does
    not count, and ``*`` stands for one whole label, the first."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    known = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return bool(known & {host.lower(), f"*.{host.lower().partition('.')[2]}"})


def _validity(path: Path) -> Finding:
    from cryptography import x509

    found = x509.load_pem_x509_certificate(path.read_bytes())
    now, ends = datetime.now(UTC), found.not_valid_after_utc
    until = f"{ends:%Y-%m-%d %H:%M} UTC"
    renew = "renew it; nodes take the new file within seconds"
    if found.not_valid_before_utc > now:
        return fault("tls", "the certificate is not valid yet", "look at the clock, or renew it")
    if ends <= now:
        return fault("tls", f"the certificate has expired on {until}", renew)
    if ends - now < _SOON:
        return warning("tls", f"the certificate expires on {until}", renew)
    return ok("tls", f"certificate and key fit; until {until}")


def addresses(case: Case) -> Iterator[Finding]:
    """What callers are told fits how they come in."""
    settings = case.settings
    for told in settings.warnings():
        yield warning("addresses", told, "docs/how-to/run-with-https.md")
    for network in settings.trusted_proxies:
        if ipaddress.ip_network(network).prefixlen == 0:
            says = f"trusted_proxies has {network}: anyone may claim any address"
            yield fault("addresses", says, "name the proxies' own addresses")
    scheme = urlsplit(settings.public_url or "").scheme
    if scheme == "https" and not (settings.tls_enabled or settings.trusted_proxies):
        says = "public_url is https, but the node has neither TLS nor trusted_proxies"
        remedy = "name the proxy in trusted_proxies, or set tls_cert and tls_key"
        yield warning("addresses", says, remedy)
    elif scheme == "http" and settings.tls_enabled:
        says = "public_url is http, but the node speaks https"
        yield warning("addresses", says, "write https in public_url")
    elif scheme:
        yield ok("addresses", f"callers are told {settings.public_url}")


def ports(case: Case) -> Iterator[Finding]:
    """Free, or held by our own node."""
    settings = case.settings
    wanted = [("admin_port", settings.admin_host, settings.admin_port)]
    if settings.public_port:
        wanted.insert(0, ("port", settings.host, settings.port))
    for name, host, port in wanted:
        place = f"{host}:{port}"
        reason = _refused(host, port)
        if not port or reason is None:
            yield ok("ports", f"{place} is free" if port else f"{name} takes a free one")
        elif case.runs and reason.errno == errno.EADDRINUSE:
            yield ok("ports", f"{place} is held while the node runs")
        else:
            remedy = f"end what listens there, or choose another {name}"
            yield fault("ports", f"{place} cannot be had: {reason.strerror}", remedy)


def _refused(host: str, port: int) -> OSError | None:
    """Why the address cannot be bound; nothing listens there for it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error
    return None


def node(case: Case) -> Iterator[Finding]:
    """Whether one runs here, and what it says of itself."""
    if not case.runs:
        left = ", and the last one was killed" if case.described else ""
        yield ok("node", f"none runs on this data directory{left}")
        return
    if case.described is None:
        yield warning("node", "one is starting, or cannot", "look at its log")
        return
    import httpx2

    from firesteel.cli.node_client import Node, trust

    told = case.described
    own = told.get("certificate")
    known = Node(str(told.get("admin_url")), "", certificate=Path(own) if own else None)
    answer = None
    with (
        contextlib.suppress(httpx2.TransportError),
        httpx2.Client(verify=trust(known), timeout=_ANSWER_S) as client,
    ):
        answer = client.get(f"{known.admin_url.rstrip('/')}/health/ready")
    if answer is None:
        yield fault("node", f"{known.admin_url} does not answer", "look at its log")
    elif answer.status_code != httpx2.codes.OK:
        says = f"{known.admin_url} is not ready: {_reason(answer)}"
        yield fault("node", says, "look at its log; docs/how-to/watch-a-node.md")
    else:
        yield ok("node", f"{known.admin_url} is ready")


def _reason(answer: httpx2.Response) -> str:
    """The code that it gives, or the status."""
    with contextlib.suppress(ValueError, AttributeError):
        return str(answer.json().get("reason") or answer.status_code)
    return str(answer.status_code)
