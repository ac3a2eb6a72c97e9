"""HTTPS: certificates given, made, and changed while the node runs."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from firesteel.gateway.app import Gateway
from firesteel.gateway.server import Listener
from firesteel.gateway.tls import TlsFiles, TlsInvalid, self_signed
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import RawConnection, request
from tests.unit.gateway.conftest import bound_socket


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def issued(authority: trustme.CA, folder: Path) -> TlsFiles:
    files = TlsFiles(folder / "cert.pem", folder / "key.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(files.key)
    certificate.cert_chain_pems[0].write_to_path(files.certificate)
    return files


@asynccontextmanager
async def serving(engine: MemoryEngine, files: TlsFiles) -> AsyncIterator[int]:
    bound = bound_socket()
    listener = Listener(Gateway(engine), [bound], tls=files)
    await listener.start()
    yield bound.getsockname()[1]
    await listener.stop(5.0)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_calls_come_over_tls(
    engine: MemoryEngine, authority: trustme.CA, tmp_path: Path
) -> None:
    engine.publish({"name": "Open"})
    body = b"x" * 300_000
    async with (
        serving(engine, issued(authority, tmp_path)) as port,
        await RawConnection.open(port, ssl=trusting(authority)) as connection,
    ):
        assert (await connection.call(request("POST", "/t37ed/Open", body))).status == 202
    assert engine.calls[0].body == body


async def test_tls_below_1_2_is_refused(
    engine: MemoryEngine, authority: trustme.CA, tmp_path: Path
) -> None:
    context = trusting(authority)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(engine, issued(authority, tmp_path)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await RawConnection.open(port, ssl=context)


async def test_a_changed_certificate_is_used_for_new_handshakes(
    engine: MemoryEngine, authority: trustme.CA, tmp_path: Path
) -> None:
    files = issued(authority, tmp_path)
    async with serving(engine, files) as port:
        other = trustme.CA()
        issued(other, tmp_path)
        assert files.reload()
        async with await RawConnection.open(port, ssl=trusting(other)) as connection:
            assert (await connection.call(request("GET", "/none"))).status == 404
        with pytest.raises(ssl.SSLCertVerificationError):
            await RawConnection.open(port, ssl=trusting(authority))


async def test_a_certificate_without_its_key_leaves_the_old_one_in_use(
    engine: MemoryEngine, authority: trustme.CA, tmp_path: Path
) -> None:
    files = issued(authority, tmp_path)
    async with serving(engine, files) as port:
        trustme.CA().issue_cert("127.0.0.1").cert_chain_pems[0].write_to_path(files.certificate)
        assert not files.reload()
        async with await RawConnection.open(port, ssl=trusting(authority)) as connection:
            assert (await connection.call(request("GET", "/none"))).status == 404


@pytest.mark.parametrize("text", [None, "", "no certificate"])
async def test_an_unusable_certificate_is_refused_at_start(
    authority: trustme.CA, tmp_path: Path, text: str | None
) -> None:
    files = issued(authority, tmp_path)
    if text is None:
        files.certificate.unlink()
    else:
        files.certificate.write_text(text)
    with pytest.raises(TlsInvalid):
        files.start_watching()


async def test_a_self_signed_certificate_is_made_once_and_covers_its_hosts(
    engine: MemoryEngine, tmp_path: Path
) -> None:
    files = self_signed(tmp_path, ["firesteel.test", "10.0.0.7"])
    made = files.certificate.read_bytes()
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert self_signed(tmp_path, ["firesteel.test"]).certificate.read_bytes() == made
    async with serving(engine, files) as port:
        for host in ("firesteel.test", "10.0.0.7", "localhost"):
            context = ssl.create_default_context(cafile=files.certificate)
            options = {"ssl": context, "server_hostname": host}
            async with await RawConnection.open(port, **options) as connection:
                assert (await connection.call(request("GET", "/none"))).status == 404


def test_a_self_signed_certificate_is_made_anew_for_another_host(tmp_path: Path) -> None:
    made = self_signed(tmp_path, []).certificate.read_bytes()
    assert self_signed(tmp_path, ["other.test"]).certificate.read_bytes() != made
