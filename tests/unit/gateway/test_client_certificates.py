"""Client certificates: of direct TLS, and passed on by proxies that are trusted, no others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from firesteel.gateway.app import Gateway
from firesteel.gateway.client_certificates import certificate_of
from firesteel.gateway.rules import Rules
from firesteel.gateway.server import Listener
from firesteel.gateway.tls import TlsFiles, TlsInvalid
from firesteel.model.forwarded import Proxies
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import Answer, RawConnection, request
from tests.unit.gateway.conftest import bound_socket

HEADER = "x_ssl_client_cert"


@dataclass
class Authority:
    """An authority with two clients, and one that nobody knows."""

    ca: trustme.CA
    other: trustme.CA
    partner: trustme.LeafCert
    stranger: trustme.LeafCert

    @classmethod
    def made(cls) -> Authority:
        ca = trustme.CA()
        partner = ca.issue_cert("partner.example.com", common_name="partner")
        other = trustme.CA()
        return cls(ca, other, partner, other.issue_cert("partner.example.com"))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.made()


def der(certificate: trustme.LeafCert) -> bytes:
    pem = certificate.cert_chain_pems[0].bytes()
    loaded = x509.load_pem_x509_certificate(pem)
    return loaded.public_bytes(serialization.Encoding.DER)


def item(certificate: trustme.LeafCert, by: str) -> dict[str, Any]:
    found = certificate_of(der(certificate))
    assert found is not None
    values = {
        "fingerprint": hashlib.sha256(der(certificate)).hexdigest(),
        "subject": found.subject,
        "san": "partner.example.com",
    }
    return {"client_certificate": {"label": "partner", by: values[by]}}


def publish(engine: MemoryEngine, *items: dict[str, Any]) -> None:
    engine.publish({"name": "hook", "trigger": {"authentication": list(items)}})


Call = Callable[..., Any]


@pytest.fixture
async def engine() -> MemoryEngine:
    return MemoryEngine()


# passed on by a proxy


@pytest.fixture
async def proxied(engine: MemoryEngine) -> AsyncIterator[Call]:
    """Calls from a proxy; ``trusted`` False: from somebody else on the same machine."""
    ports: dict[bool, int] = {}
    listeners = []
    for trusted in (True, False):
        bound = bound_socket()
        proxies = Proxies(["127.0.0.0/8"] if trusted else ["10.0.0.0/8"])
        rules = Rules(proxies=proxies, certificate_header=b"x-ssl-client-cert")
        listeners.append(Listener(Gateway(engine), [bound], rules=rules))
        ports[trusted] = bound.getsockname()[1]
        await listeners[-1].start()

    async def call(*, trusted: bool = True, **headers: Any) -> Answer:
        async with await RawConnection.open(ports[trusted]) as connection:
            await connection.send(request("POST", "/t37ed/hook", b"{}", **headers))
            return await connection.answer()

    yield call
    for listener in listeners:
        await listener.stop(5.0)


def forms(certificate: trustme.LeafCert) -> dict[str, str]:
    """The ways in which proxies write a certificate."""
    pem = certificate.cert_chain_pems[0].bytes().decode()
    bare = base64.b64encode(der(certificate)).decode()
    return {"nginx": quote(pem, safe=""), "RFC 9440": f":{bare}:", "HAProxy": bare}


@pytest.mark.parametrize("form", ["nginx", "RFC 9440", "HAProxy"])
@pytest.mark.parametrize("by", ["fingerprint", "subject", "san"])
async def test_a_certificate_that_a_trusted_proxy_passes_on_is_taken(
    engine: MemoryEngine, proxied: Call, authority: Authority, form: str, by: str
) -> None:
    publish(engine, item(authority.partner, by))
    answer = await proxied(**{HEADER: forms(authority.partner)[form]})
    assert answer.status == 202
    assert [call.consumer for call in engine.calls] == ["partner"]


@pytest.mark.parametrize("form", ["nginx", "RFC 9440", "HAProxy"])
async def test_the_same_header_of_anybody_else_is_nothing(
    engine: MemoryEngine, proxied: Call, authority: Authority, form: str
) -> None:
    publish(engine, item(authority.partner, "fingerprint"))
    value = forms(authority.partner)[form]
    assert (await proxied(trusted=False, **{HEADER: value})).code == "unauthorized"
    assert (await proxied(x_other=value)).code == "unauthorized"


@pytest.mark.parametrize("value", ["", ":", "::", "%", "x" * 20_000, ":AAAA:", "ä", "(null)"])
async def test_what_is_no_certificate_is_401(
    engine: MemoryEngine, proxied: Call, authority: Authority, value: str
) -> None:
    publish(engine, item(authority.partner, "san"))
    assert (await proxied(**{HEADER: value})).code == "unauthorized"


async def test_another_certificate_and_two_at_once_are_401(
    engine: MemoryEngine, proxied: Call, authority: Authority
) -> None:
    publish(engine, item(authority.partner, "fingerprint"))
    right, other = forms(authority.partner)["nginx"], forms(authority.stranger)["nginx"]
    assert (await proxied(**{HEADER: other})).status == 401
    assert (await proxied(**{HEADER: [right, other]})).status == 401


async def test_everything_that_an_item_names_must_fit(
    engine: MemoryEngine, proxied: Call, authority: Authority
) -> None:
    both = item(authority.partner, "fingerprint")
    both["client_certificate"]["san"] = "other.example.com"
    publish(engine, both)
    assert (await proxied(**{HEADER: forms(authority.partner)["nginx"]})).status == 401


async def test_a_certificate_is_taken_in_its_time_only(
    engine: MemoryEngine, authority: Authority
) -> None:
    publish(engine, item(authority.partner, "fingerprint"))
    found = certificate_of(der(authority.partner))
    assert found is not None
    for now_us, status in ((found.valid[1], 202), (found.valid[1] + 1, 401)):
        bound = bound_socket()
        rules = Rules(proxies=Proxies(["127.0.0.0/8"]), certificate_header=b"x-ssl-client-cert")
        listener = Listener(Gateway(engine, now_us=lambda at=now_us: at), [bound], rules=rules)
        await listener.start()
        async with await RawConnection.open(bound.getsockname()[1]) as connection:
            headers = {HEADER: forms(authority.partner)["nginx"]}
            await connection.send(request("POST", "/t37ed/hook", b"{}", **headers))
            assert (await connection.answer()).status == status
        await listener.stop(5.0)


# of direct TLS


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> TlsFiles:
    server = authority.ca.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in server.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    authority.ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem", client_ca=tmp_path / "ca.pem")


@pytest.fixture
async def direct(
    engine: MemoryEngine, authority: Authority, files: TlsFiles
) -> AsyncIterator[Call]:
    """Calls over TLS with a client certificate, or with none."""
    bound = bound_socket()
    listener = Listener(Gateway(engine), [bound], tls=files)
    await listener.start()

    async def call(certificate: trustme.LeafCert | None, **headers: Any) -> Answer:
        context = ssl.create_default_context()
        authority.ca.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        port = bound.getsockname()[1]
        async with await RawConnection.open(port, ssl=context) as connection:
            await connection.send(request("POST", "/t37ed/hook", b"{}", **headers))
            return await connection.answer()

    yield call
    await listener.stop(5.0)


@pytest.mark.parametrize("by", ["fingerprint", "subject", "san"])
async def test_the_certificate_of_the_connection_is_taken(
    engine: MemoryEngine, direct: Call, authority: Authority, by: str
) -> None:
    publish(engine, item(authority.partner, by))
    assert (await direct(authority.partner)).status == 202
    assert (await direct(None)).code == "unauthorized"
    header = {HEADER: forms(authority.partner)["nginx"]}
    assert (await direct(None, **header)).code == "unauthorized"
    assert [call.consumer for call in engine.calls] == ["partner"]


async def test_a_certificate_of_an_unknown_authority_ends_the_connection(
    engine: MemoryEngine, direct: Call, authority: Authority
) -> None:
    publish(engine, item(authority.stranger, "fingerprint"))
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await direct(authority.stranger)
    assert engine.calls == []


async def test_authorities_are_read_anew_when_their_file_changes(
    engine: MemoryEngine, direct: Call, authority: Authority, files: TlsFiles
) -> None:
    publish(engine, item(authority.partner, "fingerprint"), item(authority.stranger, "fingerprint"))
    assert files.client_ca is not None
    authority.other.cert_pem.write_to_path(files.client_ca)
    assert files.reload()
    assert (await direct(authority.stranger)).status == 202
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await direct(authority.partner)
    files.client_ca.write_text("half-written")
    assert not files.reload()
    assert (await direct(authority.stranger)).status == 202


async def test_authorities_that_cannot_be_read_are_refused_at_the_start(
    authority: Authority, tmp_path: Path
) -> None:
    server = authority.ca.issue_cert("127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    (tmp_path / "empty.pem").write_text("no certificate")
    for name in ("empty.pem", "missing.pem"):
        files = TlsFiles(tmp_path / "both.pem", tmp_path / "both.pem", client_ca=tmp_path / name)
        with pytest.raises(TlsInvalid, match="tls_client_ca"):
            files.start_watching()
