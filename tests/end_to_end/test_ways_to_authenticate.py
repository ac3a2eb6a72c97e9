"""Ways to authenticate beside API keys, on a node: from the file to the stored message."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode
from tests.support.public_port import code_of, without_call, workflows

ENVIRONMENT = {"ERP_CALLS": "the-password-of-the-erp"}
OPEN = {"name": "Open", "trigger": {"authentication": []}}
BODY = b'{"event": "order.created"}'


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("flows", workflows(sink.url))
    basic = {"label": "ERP", "username": "erp", "password": "${ERP_CALLS}"}
    trigger = {"authentication": [{"basic": basic}], "request_response": True}
    workflow = {"python": "flows:received"}
    project.integration({"name": "Basic", "trigger": trigger, "workflow": workflow})


def signed(body: bytes, secret: str) -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={mac}"}


@pytest.fixture
def call(node: RunningNode) -> Callable[..., httpx2.Response]:
    """Calls without the key that ``RunningNode.call`` sends."""

    def make(name: str, **request: Any) -> httpx2.Response:
        return node.client.post(f"{node.public_url}/test/{name}", content=BODY, **request)

    return make


def put_secret(node: RunningNode, name: str, value: str) -> None:
    node.admin("PUT", f"/workspaces/test/secrets/{name}", json={"value": value})


def publish(node: RunningNode, name: str, *items: dict[str, Any]) -> httpx2.Response:
    address = node.address
    return node.client.put(
        f"{address['admin_url']}/api/v1/workspaces/test/integrations/{name}",
        headers={"Authorization": f"Bearer {address['token']}"},
        json={"name": name, "trigger": {"authentication": list(items)}},
    )


def test_a_password_of_the_environment_lets_a_call_in_and_reaches_no_workflow(
    node: RunningNode, call: Callable[..., httpx2.Response]
) -> None:
    answer = call("Basic", auth=("erp", ENVIRONMENT["ERP_CALLS"]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["consumer"] == "ERP"
    assert "authorization" not in answer.json()["headers"]
    wrong = [call("Basic", auth=("erp", "wrong")), call("Basic"), call("Basic", auth=("x", "y"))]
    assert [code_of(answer) for answer in wrong] == ["unauthorized"] * 3
    assert len({without_call(answer.json()) for answer in wrong}) == 1
    assert {answer.headers["www-authenticate"] for answer in wrong} == {
        'Basic realm="firesteel", charset="UTF-8"'
    }


def test_a_secret_that_is_changed_acts_on_the_next_call_without_a_new_version(
    node: RunningNode, call: Callable[..., httpx2.Response]
) -> None:
    put_secret(node, "HOOK_SECRET", "the first secret")
    item = {"label": "GitHub", "preset": "github", "secrets": ["${HOOK_SECRET}"]}
    published = publish(node, "Signed", {"signature": item})
    assert published.is_success, published.text
    assert call("Signed", headers=signed(BODY, "the first secret")).status_code == 202
    put_secret(node, "HOOK_SECRET", "the second secret")
    assert code_of(call("Signed", headers=signed(BODY, "the first secret"))) == "unauthorized"
    assert call("Signed", headers=signed(BODY, "the second secret")).status_code == 202
    node.admin("DELETE", "/workspaces/test/secrets/HOOK_SECRET")
    assert code_of(call("Signed", headers=signed(BODY, "the second secret"))) == "unauthorized"


def test_a_secret_in_clear_is_a_fault_that_does_not_repeat_it(node: RunningNode) -> None:
    item = {"label": "GitHub", "preset": "github", "secrets": ["the-secret-itself"]}
    refused = publish(node, "InClear", {"signature": item})
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert fault["code"] == "reference_needed"
    assert fault["pointer"] == "/trigger/authentication/0/signature/secrets/0"
    assert "the-secret-itself" not in refused.text


def test_a_secret_that_is_not_set_is_a_fault(node: RunningNode) -> None:
    item = {"label": "ERP", "username": "erp", "password": "${NEVER_SET}"}
    refused = publish(node, "NotSet", {"basic": item})
    assert [fault["code"] for fault in refused.json()["errors"]] == ["reference_missing"]


def test_a_secret_in_clear_is_not_kept_in_a_draft(node: RunningNode) -> None:
    put_secret(node, "KNOWN", "known")
    item = {"label": "ERP", "username": "erp", "password": "${KNOWN}"}
    assert publish(node, "Drafted", {"basic": item}).is_success
    found = node.admin("GET", "/workspaces/test/integrations/Drafted")
    clear = {"label": "ERP", "username": "erp", "password": "in-clear-0123456789"}
    draft = {"name": "Drafted", "trigger": {"authentication": [{"basic": clear}]}}
    address = node.address
    saved = node.client.put(
        f"{address['admin_url']}/api/v1/workspaces/test/integrations/Drafted/draft",
        headers={
            "Authorization": f"Bearer {address['token']}",
            "If-Match": f'"{found["version"]}"',
        },
        json=draft,
    )
    assert saved.is_success, saved.text
    assert "in-clear-0123456789" not in saved.text
    assert "required" in {fault["code"] for fault in saved.json()["faults"]}


def test_a_key_can_be_added_beside_other_ways_and_then_lets_calls_in(
    node: RunningNode, call: Callable[..., httpx2.Response]
) -> None:
    put_secret(node, "BESIDE", "beside")
    item = {"label": "GitHub", "preset": "github", "secrets": ["${BESIDE}"]}
    assert publish(node, "Beside", {"signature": item}).is_success
    made = node.admin(
        "POST", "/workspaces/test/integrations/Beside/keys", json={"label": "web shop"}
    )
    assert call("Beside", headers={"x-api-key": made["secret"]}).status_code == 202
    assert call("Beside", headers=signed(BODY, "beside")).status_code == 202
    assert code_of(call("Beside")) == "unauthorized"


def test_a_message_says_which_way_and_which_name_let_it_in(
    node: RunningNode, call: Callable[..., httpx2.Response]
) -> None:
    put_secret(node, "SHARED", "a shared secret of over 32 characters")
    hook = {"label": "GitHub", "preset": "github", "secrets": ["${SHARED}"]}
    erp = {"label": "ERP", "username": "erp", "password": "${ERP_CALLS}"}
    idp = {"label": "idp", "secret": "${SHARED}"}
    ways = ({"signature": hook}, {"basic": erp}, {"jwt": idp}, {"consumer": {"name": "Several"}})
    published = publish(node, "Several", *ways, {"api_key": {"label": "shop"}})
    assert published.is_success, published.text
    own = node.admin("POST", "/workspaces/test/consumers/Several/keys", json={})["secret"]
    key = node.admin("POST", "/workspaces/test/integrations/Several/keys/shop/reveal")["secret"]
    claims = {"exp": int(time.time()) + 60}
    shared = jwt.encode(claims, "a shared secret of over 32 characters", algorithm="HS256")
    calls: dict[tuple[str, str], dict[str, Any]] = {
        ("api_key", "shop"): {"headers": {"x-api-key": key}},
        ("api_key", "Several"): {"headers": {"x-api-key": own}},
        ("signature", "GitHub"): {"headers": signed(BODY, "a shared secret of over 32 characters")},
        ("basic", "ERP"): {"auth": ("erp", ENVIRONMENT["ERP_CALLS"])},
        ("jwt", "idp"): {"headers": {"authorization": f"Bearer {shared}"}},
    }
    for (way, name), request in calls.items():
        answer = call("Several", **request)
        assert answer.status_code == 202, (way, answer.text)
        found = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
        assert (found["let_in_by"], found["consumer"]) == (way, name)
        assert not {key, own, shared, ENVIRONMENT["ERP_CALLS"]} & set(repr(found).split("'"))
    page = node.client.get(
        f"{node.address['admin_url']}/w/test/messages/{found['id']}",
        headers={"Authorization": f"Bearer {node.address['token']}"},
    )
    assert "<dt>Let in by</dt><dd>JSON Web Token</dd>" in page.text
    assert node.admin("PUT", "/workspaces/test/integrations/Open", json=OPEN)
    answer = call("Open")
    found = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
    assert (found["let_in_by"], found["consumer"]) == (None, None)


def test_a_key_does_not_take_the_label_of_another_way(
    node: RunningNode, call: Callable[..., httpx2.Response]
) -> None:
    item = {"label": "ERP", "username": "erp", "password": "${ERP_CALLS}"}
    assert publish(node, "Labels", {"basic": item}).is_success
    keys = f"{node.address['admin_url']}/api/v1/workspaces/test/integrations/Labels/keys"
    bearer = {"Authorization": f"Bearer {node.address['token']}"}
    taken = node.client.post(keys, json={"label": "ERP"}, headers=bearer)
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:firesteel:label_taken")
    assert node.client.post(keys, json={"label": "shop"}, headers=bearer).is_success
    renamed = node.client.patch(f"{keys}/shop", json={"label": "ERP"}, headers=bearer)
    assert renamed.json()["type"] == "urn:firesteel:label_taken"


# tokens

ISSUER = "https://idp.example.com"


def signing_key(kid: str) -> tuple[rsa.RSAPrivateKey, dict[str, Any]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return key, {**public, "kid": kid, "use": "sig", "key_ops": ["verify"]}


def token(key: rsa.RSAPrivateKey, kid: str, **changed: Any) -> dict[str, str]:
    claims = {"iss": ISSUER, "aud": "hooks", "exp": int(time.time()) + 60, "client_id": "acme"}
    made = jwt.encode({**claims, **changed}, key, algorithm="RS256", headers={"kid": kid})
    return {"authorization": f"Bearer {made}"}


def test_a_token_is_verified_with_keys_that_a_worker_fetches(
    node: RunningNode, sink: HttpServer, call: Callable[..., httpx2.Response]
) -> None:
    key, public = signing_key("1")
    sink.reply("/keys", Reply.json({"keys": [public]}))
    item = {
        "label": "idp",
        "issuer": ISSUER,
        "audience": "hooks",
        "jwks_url": f"{sink.url}/keys",
        "consumer": "client_id",
    }
    published = publish(node, "Tokens", {"jwt": item})
    assert published.is_success, published.text
    made = call("Tokens", headers=token(key, "1"))
    assert made.status_code == 202, made.text
    found = node.admin("GET", f"/workspaces/test/messages/{made.json()['id']}")
    assert (found["consumer"], found["let_in_by"]) == ("acme", "jwt")
    other, _ = signing_key("1")
    assert code_of(call("Tokens", headers=token(other, "1"))) == "unauthorized"
    assert code_of(call("Tokens", headers=token(key, "1", aud="else"))) == "unauthorized"


def test_while_an_issuer_cannot_be_reached_its_tokens_are_503(
    node: RunningNode, call: Callable[..., httpx2.Response]
) -> None:
    key, _ = signing_key("1")
    item = {
        "label": "idp",
        "issuer": ISSUER,
        "audience": "hooks",
        # A private address that the operator has not listed: nothing is even tried (P45).
        "jwks_url": "http://10.255.255.1/keys",
    }
    assert publish(node, "Unreachable", {"jwt": item}).is_success
    answer = call("Unreachable", headers=token(key, "1"))
    assert code_of(answer) == "issuer_unavailable"
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert code_of(call("Unreachable")) == "unauthorized"


def test_a_shared_secret_that_is_too_short_is_a_fault(node: RunningNode) -> None:
    put_secret(node, "SHORT", "x" * 31)
    refused = publish(node, "Short", {"jwt": {"label": "a", "secret": "${SHORT}"}})
    assert [fault["code"] for fault in refused.json()["errors"]] == ["secret_short"]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_MTIz NDU2", "a secret of words"])
def test_a_secret_of_standard_webhooks_that_is_no_base64_is_a_fault(
    node: RunningNode, secret: str
) -> None:
    put_secret(node, "WORDS", secret)
    put_secret(node, "RIGHT", "whsec_MTIzNDU2Nzg5MA==")
    signed = {"label": "a", "preset": "standard_webhooks", "secrets": ["${RIGHT}", "${WORDS}"]}
    refused = publish(node, "Worded", {"signature": signed})
    found = [(fault["code"], fault["pointer"]) for fault in refused.json()["errors"]]
    assert found == [("secret_invalid", "/trigger/authentication/0/signature/secrets/1")]


def test_a_secret_of_a_signature_that_may_be_guessed_is_warned_of(node: RunningNode) -> None:
    put_secret(node, "GUESSED", "x" * 15)
    put_secret(node, "LONG", "x" * 16)
    put_secret(node, "GUESSED_WEBHOOK", "whsec_MTIzNDU2Nzg5MDEyMzQ1")
    github = {"label": "a", "preset": "github", "secrets": ["${LONG}", "${GUESSED}"]}
    webhooks = {"label": "b", "preset": "standard_webhooks", "secrets": ["${GUESSED_WEBHOOK}"]}
    weak = {"label": "c", "username": "erp", "password": "${GUESSED}"}
    strong = {"label": "d", "username": "shop", "password": "${LONG}"}
    published = publish(
        node,
        "Guessed",
        {"signature": github},
        {"signature": webhooks},
        {"basic": weak},
        {"basic": strong},
    )
    found = [
        fault["pointer"] for fault in published.json()["warnings"] if fault["code"] == "secret_weak"
    ]
    at = "/trigger/authentication"
    assert found == [
        f"{at}/0/signature/secrets/1",
        f"{at}/1/signature/secrets/0",
        f"{at}/2/basic/password",
    ]
