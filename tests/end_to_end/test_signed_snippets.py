"""Snippets sign: what the REST API gives for curl and openssl and for Python is run as it stands,
and a node lets the call in."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from typing import Any

import httpx2
import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode

SECRET = 'it\'s a $ecret `of` "both" sides'
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a key of bytes \x00\xff").decode()
INTEGRATIONS = "/workspaces/test/integrations"

OWN: dict[str, dict[str, Any]] = {
    "plain": {"header": "X-Signature"},
    "dated": {
        "header": "x-signature",
        "prefix": "it's=",
        "timestamp_header": "X-Time",
        "signed": "{timestamp}.{body}",
        "algorithm": "sha512",
        "encoding": "base64",
    },
    "whole": {
        "header": "x-mac",
        "algorithm": "sha1",
        "timestamp_header": "x-time",
        "signed": "it's {method} {path}?{query} {url} {headers.x-nonce} {timestamp} {body}$HOME",
    },
}
PRESETS = ("standard_webhooks", "github", "stripe", "shopify", "slack", "twilio")
CALLS: list[dict[str, Any]] = [
    {"method": "GET"},
    {"method": "POST", "body": '{"a": "it\'s $HOME `id` %s \\\\ åäö"}\n'},
    {"method": "POST", "body_base64": base64.b64encode(b"\x00\xff'\n\n").decode()},
    {
        "method": "POST",
        "query": [["a b", "%41'$x"], ["item", "å"]],
        "headers": [
            ["content-type", "application/x-www-form-urlencoded"],
            ["x-nonce", "7'$x"],
            ["webhook-id", "msg_1"],
        ],
        "body": "b=2&a=1+x&a=%C3%A5",
    },
]


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    del project, sink


@pytest.fixture(scope="module")
def signed(node: RunningNode) -> RunningNode:
    """With an integration for each way to sign, of its name."""
    for name, value in (("SHARED", SECRET), ("WEBHOOK", WEBHOOK_SECRET)):
        node.admin("PUT", f"/workspaces/test/secrets/{name}", json={"value": value})
    ways = {name: {"preset": name} for name in PRESETS} | OWN
    for name, way in ways.items():
        secret = "${WEBHOOK}" if name == "standard_webhooks" else "${SHARED}"
        declared = {"label": "partner", "secrets": [secret], **way}
        trigger = {"authentication": [{"signature": declared}]}
        node.admin("PUT", f"{INTEGRATIONS}/{name}", json={"trigger": trigger})
    return node


def snippets(node: RunningNode, name: str, call: dict[str, Any]) -> dict[str, str]:
    made: dict[str, str] = node.admin("POST", f"{INTEGRATIONS}/{name}/snippets", json=call)
    return made


def status_of(command: list[str], secret: str) -> str:
    """What a snippet's call was answered: both print it first or alone."""
    environment = {"PATH": os.environ["PATH"], "SECRET": secret, "no_proxy": "*"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[0]


def by_shell(text: str, secret: str) -> str:
    told = "curl -q --silent --output /dev/null --write-out '%{http_code}'"
    return status_of(["/bin/sh", "-c", text.replace("curl", told, 1)], secret)


def by_python(text: str, secret: str) -> str:
    return status_of([sys.executable, "-I", "-c", text], secret)


@pytest.mark.parametrize("name", [*PRESETS, *OWN])
def test_what_a_snippet_signs_is_let_in(signed: RunningNode, name: str) -> None:
    secret = WEBHOOK_SECRET if name == "standard_webhooks" else SECRET
    for call in CALLS:
        made = snippets(signed, name, call)
        assert made["powershell"] == ""
        assert "ecret" not in made["curl"].replace("SECRET", "")
        assert by_python(made["python"], secret) == "202", (call, made["python"])
        if shutil.which("curl") and shutil.which("openssl"):
            assert by_shell(made["curl"], secret) == "202", (call, made["curl"])
    assert by_python(made["python"], base64.b64encode(b"another").decode()) == "401"


def test_try_it_shows_how_a_call_is_signed(signed: RunningNode) -> None:
    address = signed.address
    page = signed.client.get(
        f"{address['admin_url']}/w/test/integrations/stripe/try",
        headers={"authorization": f"Bearer {address['token']}"},
    )
    assert page.status_code == httpx2.codes.OK
    assert "openssl dgst -sha256 -hmac" in page.text
    assert "The secret that signs is read from the environment variable" in page.text
    assert "PowerShell" not in page.text
