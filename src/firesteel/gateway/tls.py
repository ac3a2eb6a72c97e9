"""Certificates: loaded for both ports, reloaded when their files change, made where none is given.

TLS 1.2 and 1.3, with the ciphers of Mozilla's intermediate profile (version 5.7) for 1.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firesteel.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

CIPHERS: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
WATCH_S: Final = 2.0
_VALID: Final = timedelta(days=397)
_RENEW_BEFORE: Final = timedelta(days=30)
_CLOCK_SKEW: Final = timedelta(days=1)

log = structlog.get_logger(__name__)
_Stamp = tuple[tuple[int, int, int], ...]


class TlsInvalid(OperatorError):
    """Certificate or key cannot be used; the text says which and why."""

    code = "tls_invalid"


@dataclass(slots=True)
class TlsFiles:
    """A certificate chain and its key as PEM files. ``client_ca``: who signs certificates of
    clients, which are then asked for one and may have none. Between ``start_watching`` and
    ``stop_watching`` new handshakes use what stands in the files, a few seconds after they change.
    A session of before cannot be resumed then, so that a client whose authority has gone is asked
    anew."""

    certificate: Path
    key: Path
    watch_s: float = WATCH_S
    client_ca: Path | None = None
    _context: ssl.SSLContext | None = field(default=None, init=False)
    _stamp: _Stamp = field(default=(), init=False)
    _watching: asyncio.Task[None] | None = field(default=None, init=False)
    _users: int = field(default=0, init=False)

    @property
    def context(self) -> ssl.SSLContext:
        """What a handshake that begins now uses; while it is watched."""
        assert self._context is not None
        return self._context

    def start_watching(self) -> None:
        """To be called by each listener. Raises TlsInvalid."""
        if self._context is None:
            self._stamp = self._stamped()
            self._context = self.load()
        if self._users == 0:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        self._users += 1

    async def stop_watching(self) -> None:
        """To be called once for each ``start_watching``."""
        self._users -= 1
        if self._users or self._watching is None:
            return
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching
        self._watching = None

    def reload(self) -> bool:
        """Take over changed files; True where there was a change that could be used. One that
        cannot (a key that does not fit, a half-written file) is logged, once, and all stays."""
        stamp = self._stamped()
        if stamp == self._stamp or self._context is None:
            return False
        self._stamp = stamp
        try:
            self._context = self.load()
        except (TlsInvalid, OSError) as error:
            log.error("certificate_not_reloaded", reason=str(error))
            return False
        log.info("certificate_reloaded")
        return True

    def load(self) -> ssl.SSLContext:
        """What the files hold now. Raises TlsInvalid."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A password would be asked for at the terminal: an empty one fails instead.
            context.load_cert_chain(self.certificate, self.key, password="")
        except ssl.SSLError as error:
            reason = error.reason or "not PEM, or a key with a password"
            raise TlsInvalid(f"certificate or key cannot be used: {reason}") from error
        except OSError as error:
            raise TlsInvalid(f"certificate or key cannot be read: {error.strerror}") from error
        if self.client_ca is not None:
            self._ask_clients(context, self.client_ca)
        return context

    def _ask_clients(self, context: ssl.SSLContext, authorities: Path) -> None:
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError as error:
            raise TlsInvalid("tls_client_ca holds no certificate in PEM") from error
        except OSError as error:
            raise TlsInvalid(f"tls_client_ca cannot be read: {error.strerror}") from error
        context.verify_mode = ssl.CERT_OPTIONAL

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.watch_s)
            self.reload()

    def _stamped(self) -> _Stamp:
        try:
            files = (self.certificate, self.key, self.client_ca)
            stats = [path.stat() for path in files if path is not None]
        except OSError:
            return ()
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)


def self_signed(data_dir: Path, hosts: Sequence[str]) -> TlsFiles:
    """A certificate of our own for ``hosts`` (names and addresses), kept in ``data_dir``/tls.

    It is made anew where it does not cover the hosts or ends within a month. Raises TlsInvalid
    where the files cannot be written.
    """
    directory = data_dir / "tls"
    files = TlsFiles(directory / "certificate.pem", directory / "key.pem")
    names = _names([*hosts, "localhost", "127.0.0.1", "::1"])
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _covers(files.certificate, names) or not files.key.exists():
            _make(files, names)
    except OSError as error:
        raise TlsInvalid(f"the certificate cannot be written: {error.strerror}") from error
    return files


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host.encode("idna").decode()))
    return names


def _covers(path: Path, names: list[x509.GeneralName]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    ends = certificate.not_valid_after_utc
    return set(names) <= set(extension.value) and ends - datetime.now(UTC) > _RENEW_BEFORE


def _make(files: TlsFiles, names: list[x509.GeneralName]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Firesteel")])
    now = datetime.now(UTC)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(files.key, pem)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    """The whole file or none, for the owner's eyes only."""
    new = path.with_suffix(".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    new.replace(path)
