"""The command line finds and trusts a node on its own machine that has TLS."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
import trustme

from tests.end_to_end.cli.conftest import CommandLine
from tests.support.node import RunningNode, start_node


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.delenv("FIRESTEEL_URL", raising=False)
    return CommandLine(capsys)


def stop(node: RunningNode) -> None:
    assert node.stop() == 0


def test_a_node_with_a_self_signed_certificate_is_trusted_by_its_own_machine(
    quiet: CommandLine, tmp_path: Path
) -> None:
    node = start_node(tmp_path / "data", FIRESTEEL_TLS="self-signed")
    try:
        url = node.public_url
        assert url.startswith("https://")
        assert quiet("status", "--data-dir", tmp_path / "data") == 0, quiet.err
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{url}/-/health")
    finally:
        stop(node)


def test_a_node_with_a_certificate_for_another_name_is_trusted_by_its_own_machine(
    quiet: CommandLine, tmp_path: Path
) -> None:
    issued = trustme.CA().issue_cert("hooks.example.com")
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))

    node = start_node(
        tmp_path / "data", FIRESTEEL_TLS_CERT=str(certificate), FIRESTEEL_TLS_KEY=str(key)
    )
    try:
        assert quiet("status", "--data-dir", tmp_path / "data") == 0, quiet.err
    finally:
        stop(node)
