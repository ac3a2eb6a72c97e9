"""Client certificates on a node, by its settings: over its own TLS, and behind a proxy."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.public_port import code_of


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def partner(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("partner.example.com")


def fill(folder: Path, partner: trustme.LeafCert) -> None:
    """An integration that takes the partner's certificate."""
    pem = partner.cert_chain_pems[0].bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    way = {"label": "partner", "fingerprint": hashlib.sha256(der).hexdigest()}
    trigger = {"authentication": [{"client_certificate": way}]}
    ProjectFolder(folder).integration({"name": "Hook", "trigger": trigger})


def consumer_of(node: RunningNode, answer: httpx2.Response) -> str:
    assert answer.status_code == 202, answer.text
    found = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
    assert found["let_in_by"] == "client_certificate"
    return str(found["consumer"])


def test_the_public_port_asks_for_a_certificate_and_the_admin_port_does_not(
    tmp_path: Path, authority: trustme.CA, partner: trustme.LeafCert
) -> None:
    project, data = tmp_path / "project", tmp_path / "data"
    project.mkdir()
    data.mkdir(mode=0o700)
    fill(project, partner)
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = {
        "FIRESTEEL_TLS_CERT": str(tmp_path / "cert.pem"),
        "FIRESTEEL_TLS_KEY": str(tmp_path / "key.pem"),
        "FIRESTEEL_TLS_CLIENT_CA": str(tmp_path / "ca.pem"),
    }
    with running_node(data, project, **settings) as node:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        node.client = httpx2.Client(verify=context, timeout=60)
        url = f"{node.public_url}/test/Hook"
        assert url.startswith("https://")
        assert code_of(node.client.post(url, content=b"{}")) == "unauthorized"
        with_certificate = ssl.create_default_context()
        authority.configure_trust(with_certificate)
        partner.configure_cert(with_certificate)
        with httpx2.Client(verify=with_certificate, timeout=60) as client:
            assert consumer_of(node, client.post(url, content=b"{}")) == "partner"


def test_a_trusted_proxy_passes_a_certificate_on(tmp_path: Path, partner: trustme.LeafCert) -> None:
    project, data = tmp_path / "project", tmp_path / "data"
    project.mkdir()
    data.mkdir(mode=0o700)
    fill(project, partner)
    settings = {
        "FIRESTEEL_TRUSTED_PROXIES": "127.0.0.0/8",
        "FIRESTEEL_CLIENT_CERTIFICATE_HEADER": "X-SSL-Client-Cert",
    }
    escaped = quote(partner.cert_chain_pems[0].bytes().decode(), safe="")
    with running_node(data, project, **settings) as node:
        url = f"{node.public_url}/test/Hook"
        sent = {"x-ssl-client-cert": escaped, "x-forwarded-for": "192.0.2.7"}
        assert consumer_of(node, node.client.post(url, content=b"{}", headers=sent)) == "partner"
        assert code_of(node.client.post(url, content=b"{}")) == "unauthorized"
