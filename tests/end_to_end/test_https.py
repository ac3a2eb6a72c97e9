"""HTTPS on both ports, and Java's HttpClient on the plain one."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import trustme

from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

JAVA_CALL = Path(__file__).parents[1] / "unit" / "gateway" / "Call.java"
ECHO = """
from firesteel import workflow

@workflow
def echo(input, message):
    return message.body
"""


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    folder = ProjectFolder(tmp_path / "project")
    folder.module("echo", ECHO)
    workflow = {"python": "echo:echo"}
    trigger = {"request_response": True, "authentication": []}
    folder.integration({"name": "Echo", "trigger": trigger, "workflow": workflow})
    return folder


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def issue(authority: trustme.CA, folder: Path) -> dict[str, str]:
    """Write a certificate and its key; the settings that name them."""
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return {
        "FIRESTEEL_TLS_CERT": str(folder / "cert.pem"),
        "FIRESTEEL_TLS_KEY": str(folder / "key.pem"),
    }


def use(node: RunningNode, context: ssl.SSLContext) -> None:
    """Let the test's client trust what the context trusts."""
    node.client.close()
    node.client = httpx2.Client(verify=context, timeout=60.0)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serial(url: str, context: ssl.SSLContext) -> str:
    """The serial number of the certificate that a new connection is shown."""
    address = urlsplit(url)
    assert address.hostname is not None
    with (
        socket.create_connection((address.hostname, address.port or 443)) as plain,
        context.wrap_socket(plain, server_hostname=address.hostname) as connection,
    ):
        shown = connection.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])


def both_ports_answer(node: RunningNode) -> None:
    assert node.public_url.startswith("https://")
    assert node.address["admin_url"].startswith("https://")
    answer = node.call("Echo", content=b"\x00over tls")
    assert (answer.status_code, answer.content) == (200, b"\x00over tls")
    assert node.admin("GET", "/workers")


def test_a_given_certificate_serves_both_ports_and_is_taken_anew_when_it_changes(
    data_dir: Path, project: ProjectFolder, authority: trustme.CA, tmp_path: Path
) -> None:
    context = trusting(authority)
    with running_node(data_dir, project.path, **issue(authority, tmp_path)) as node:
        use(node, context)
        both_ports_answer(node)
        urls = (node.public_url, node.address["admin_url"])
        before = [serial(url, context) for url in urls]
        issue(authority, tmp_path)
        wait_until(lambda: all(serial(u, context) != b for u, b in zip(urls, before, strict=True)))
        both_ports_answer(node)


def test_browsers_are_told_to_come_by_https_only_where_that_is_wanted(
    data_dir: Path, project: ProjectFolder, authority: trustme.CA, tmp_path: Path
) -> None:
    settings = {**issue(authority, tmp_path), "FIRESTEEL_HSTS_MAX_AGE": "8760h"}
    with running_node(data_dir, project.path, **settings) as node:
        use(node, trusting(authority))
        for port in (node.public_url, node.address["admin_url"]):
            for path in ("/-/health", "/health/live", "/nothing", "/api/v1/me", "/sign-in"):
                answer = node.client.get(port + path)
                assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]


def test_a_self_signed_certificate_serves_both_ports(
    data_dir: Path, project: ProjectFolder
) -> None:
    with running_node(data_dir, project.path, FIRESTEEL_TLS="self-signed") as node:
        use(node, ssl.create_default_context(cafile=node.address["certificate"]))
        both_ports_answer(node)
        health = node.client.get(f"{node.public_url}/-/health")
        assert "strict-transport-security" not in health.headers
        first = Path(node.address["certificate"]).read_bytes()
    with running_node(data_dir, project.path, FIRESTEEL_TLS="self-signed") as node:
        # The same one after a restart: who trusted it goes on.
        assert Path(node.address["certificate"]).read_bytes() == first


def test_plain_http_to_a_node_with_tls_is_no_way_in(
    data_dir: Path, project: ProjectFolder, authority: trustme.CA, tmp_path: Path
) -> None:
    with running_node(data_dir, project.path, **issue(authority, tmp_path)) as node:
        use(node, trusting(authority))
        plain = node.public_url.replace("https://", "http://")
        with pytest.raises(httpx2.TransportError):
            httpx2.post(f"{plain}/test/Echo", content=b"in clear")
        both_ports_answer(node)


@pytest.mark.skipif(shutil.which("java") is None, reason="no java here")
def test_javas_http_client_that_asks_for_h2c_reaches_a_workflow_with_its_body(
    data_dir: Path, project: ProjectFolder
) -> None:
    with running_node(data_dir, project.path) as node:
        command = ["java", str(JAVA_CALL), f"{node.public_url}/test/Echo", "200000"]
        called = subprocess.run(command, check=True, capture_output=True, text=True)
        assert called.stdout.split("\n") == ["200 HTTP_1_1", "200 HTTP_1_1", ""]
        items = node.admin("GET", "/workspaces/test/messages")["items"]
        assert [item["state"] for item in items] == ["succeeded", "succeeded"]
        for item in items:
            shown = node.admin("GET", f"/workspaces/test/messages/{item['id']}")
            body = shown["executions"][0]["response"]["body"]
            assert body["size_bytes"] == 200_000
            assert set(body["text"]) == {"x"}
