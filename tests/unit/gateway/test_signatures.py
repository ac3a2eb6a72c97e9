"""Signatures of providers, held against the vectors that they have published."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from firesteel.gateway.signatures import LOOP_LIMIT_BYTES
from tests.unit.gateway.conftest import Served

FORM = "application/x-www-form-urlencoded"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
TWILIO_FORM = (
    b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309"
    b"&CallSid=CA1234567890ABCDE"
)
VECTORS: dict[str, dict[str, Any]] = {
    # Test vector of the reference libraries: standard-webhooks/libraries, tests of every language.
    "standard_webhooks": {
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "at_s": 1614265330,
        "body": b'{"test": 2432232314}',
        "headers": {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        "header": "webhook-signature",
    },
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    #   "Testing the webhook payload validation"
    "github": {
        "secret": "It's a Secret to Everybody",
        "at_s": 1700000000,
        "body": b"Hello, World!",
        "headers": {
            "x-hub-signature-256": "sha256="
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        },
        "header": "x-hub-signature-256",
    },
    # https://docs.slack.dev/authentication/verifying-requests-from-slack, the example request
    "slack": {
        "secret": "8f742231b10e8888abcd99yyyzzz85a5",
        "at_s": 1531420618,
        "body": SLACK_BODY,
        "headers": {
            "content-type": FORM,
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": "v0="
            "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        "header": "x-slack-signature",
    },
    # Stripe publishes the procedure and no vector (https://docs.stripe.com/webhooks#verify-manually)
    # ; this one follows its steps with the secret and payload of the tests of its libraries.
    "stripe": {
        "secret": "whsec_test_secret",
        "at_s": 1700000000,
        "body": b'{\n  "id": "evt_test_webhook",\n  "object": "event"\n}',
        "headers": {
            "stripe-signature": "t=1700000000,"
            "v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39,v1=%s"
        },
        "header": "stripe-signature",
    },
    # Shopify publishes the procedure and no vector
    # (https://shopify.dev/docs/apps/build/webhooks/subscribe/https); this one is sqlpage's.
    "shopify": {
        "secret": "test-webhook-secret",
        "at_s": 1700000000,
        "body": b'{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}',
        "headers": {"x-shopify-hmac-sha256": "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw="},
        "header": "x-shopify-hmac-sha256",
    },
    # https://www.twilio.com/docs/usage/security, and the tests of its libraries (token 12345)
    "twilio": {
        "secret": "12345",
        "at_s": 1700000000,
        "body": TWILIO_FORM,
        "headers": {"content-type": FORM, "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
        "header": "x-twilio-signature",
        "path": "/myapp.php?foo=1&bar=2",
    },
}
STRIPE = VECTORS["stripe"]
STRIPE["headers"]["stripe-signature"] %= hmac.new(
    STRIPE["secret"].encode(), b"1700000000." + STRIPE["body"], hashlib.sha256
).hexdigest()
EVERY = pytest.mark.parametrize("preset", VECTORS)
SAVE_TWILIO = pytest.mark.parametrize("preset", [name for name in VECTORS if name != "twilio"])
"""Twilio signs the URL, which is another one here: it has its own tests below."""


def publish(served: Served, item: Mapping[str, Any], secrets: Mapping[str, str]) -> str:
    """A trigger that takes signatures only; its path."""
    document = {"name": "hook", "trigger": {"authentication": [{"signature": dict(item)}]}}
    served.engine.publish(document, secrets=secrets)
    return "/t37ed/hook"


def publish_preset(served: Served, preset: str, *more: str) -> str:
    names = [f"S{number}" for number in range(1 + len(more))]
    item = {"label": preset, "preset": preset, "secrets": [f"${{{name}}}" for name in names]}
    secrets = dict(zip(names, (*more, VECTORS[preset]["secret"]), strict=True))
    served.now_us = VECTORS[preset]["at_s"] * 1_000_000
    return publish(served, item, secrets)


async def sent(served: Served, path: str, vector: Mapping[str, Any], **changed: Any) -> int:
    headers = {**vector["headers"], **changed.get("headers", {})}
    named = {name.replace("-", "_"): value for name, value in headers.items() if value is not None}
    return (await served.call("POST", path, changed.get("body", vector["body"]), **named)).status


@SAVE_TWILIO
async def test_the_providers_own_vector_is_let_in_and_its_label_is_the_consumer(
    served: Served, preset: str
) -> None:
    path = publish_preset(served, preset)
    assert await sent(served, path, VECTORS[preset]) == 202
    (call,) = served.engine.calls
    assert call.consumer == preset
    assert call.body == VECTORS[preset]["body"]


@EVERY
@pytest.mark.parametrize(
    "wrong", ["body", "no signature", "another", "twice", "empty", "not encoded", "cut"]
)
async def test_a_call_that_was_altered_on_the_way_is_401(
    served: Served, preset: str, wrong: str
) -> None:
    vector = VECTORS[preset]
    path = publish_preset(served, preset)
    value = vector["headers"][vector["header"]]
    other = {
        "no signature": None,
        "another": value[:-10] + ("1" if value[-10] == "0" else "0") + value[-9:],
        "twice": [value, value],
        "empty": "",
        "not encoded": "v1=ä, v0=%%, sha256=zz",
        "cut": value[:-4],
    }
    if wrong == "body":
        status = await sent(served, path, vector, body=vector["body"] + b" ")
    else:
        status = await sent(served, path, vector, headers={vector["header"]: other[wrong]})
    assert status == 401
    assert served.engine.calls == []


@SAVE_TWILIO
async def test_any_of_several_active_secrets_is_taken_and_no_other(
    served: Served, preset: str
) -> None:
    path = publish_preset(served, preset, "b2xkIHNlY3JldCBvbGQgc2VjcmV0")
    assert await sent(served, path, VECTORS[preset]) == 202
    served.engine.routes = type(served.engine.routes)()
    alone = {"label": preset, "preset": preset, "secrets": ["${OLD}"]}
    path = publish(served, alone, {"OLD": "b2xkIHNlY3JldCBvbGQgc2VjcmV0"})
    assert await sent(served, path, VECTORS[preset]) == 401


@pytest.mark.parametrize("preset", ["standard_webhooks", "slack", "stripe"])
@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 202), (300, 202), (301, 401)])
async def test_a_signature_is_taken_five_minutes_around_its_time(
    served: Served, preset: str, seconds: int, status: int
) -> None:
    path = publish_preset(served, preset)
    served.now_us += seconds * 1_000_000
    assert await sent(served, path, VECTORS[preset]) == status


async def test_a_secret_that_is_not_set_lets_nobody_in(served: Served) -> None:
    item = {"label": "GitHub", "preset": "github", "secrets": ["${GITHUB_SECRET}"]}
    path = publish(served, item, {})
    empty = hmac.new(b"", b"Hello, World!", hashlib.sha256).hexdigest()
    vector = {"headers": {"x-hub-signature-256": f"sha256={empty}"}, "body": b"Hello, World!"}
    assert await sent(served, path, vector) == 401


async def test_standard_webhooks_takes_one_of_several_signatures_in_the_header(
    served: Served,
) -> None:
    path = publish_preset(served, "standard_webhooks")
    vector = VECTORS["standard_webhooks"]
    right = vector["headers"]["webhook-signature"]
    several = f"v1,{'A' * 43}= {right} v2,{'B' * 43}="
    assert await sent(served, path, vector, headers={"webhook-signature": several}) == 202
    of_another_kind = right.replace("v1,", "v1a,")
    wrong = await sent(served, path, vector, headers={"webhook-signature": of_another_kind})
    assert wrong == 401


AT_HOOKS = pytest.mark.parametrize("served", ["https://hooks.example.com"], indirect=True)


HASHED = f"?bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
"""Behind the URL of a call of JSON, whatever is sent in its place."""


def twilio(token: str, url: str, fields: str = "") -> str:
    mac = hmac.new(token.encode(), (url + fields).encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def test_twilios_published_vectors_are_what_the_tests_below_compute() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    fields = "CallSidCA1234567890ABCDECaller+14158675309Digits1234From+14158675309To+18005551212"
    assert twilio("12345", url, fields) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    repeated = "Digits1234Digits5678SidCA123SidAccountAC123"
    assert twilio("12345", url, repeated) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="
    body = b'{"property": "value", "boolean": true}'
    assert hashlib.sha256(body).hexdigest() == (
        "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    )


@AT_HOOKS
@pytest.mark.parametrize("base", ["https://hooks.example.com", "https://hooks.example.com:443"])
@pytest.mark.parametrize("query", ["", "?foo=1&bar=2"])
async def test_twilio_signs_the_public_url_and_the_sorted_fields(
    served: Served, base: str, query: str
) -> None:
    path = publish_preset(served, "twilio") + query
    fields = "Digits1234Digits5678SidCA123SidAccountAC123"
    form = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"
    headers = {"content-type": FORM, "x-twilio-signature": twilio("12345", base + path, fields)}
    assert await sent(served, path, {"headers": headers, "body": form}) == 202
    headers["x-twilio-signature"] = twilio("12345", base + path + "x", fields)
    assert await sent(served, path, {"headers": headers, "body": form}) == 401


@AT_HOOKS
async def test_twilio_signs_a_json_body_by_its_hash_in_the_url(served: Served) -> None:
    body = b'{"property": "value", "boolean": true}'
    path = publish_preset(served, "twilio")
    path += f"?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {
        "content-type": "application/json",
        "x-twilio-signature": twilio("12345", "https://hooks.example.com" + path),
    }
    assert await sent(served, path, {"headers": headers, "body": body}) == 202
    assert await sent(served, path, {"headers": headers, "body": body + b" "}) == 401


@AT_HOOKS
@pytest.mark.parametrize(
    ("query", "kind", "body"),
    [
        ("", FORM, b"Body=other&\xff"),
        ("", FORM, b"Body=other" + b"&a=1" * 1000),
        ("", FORM, b"&&&"),
        ("", FORM, b"="),
        ("", "text/plain", b"Body=other"),
        (HASHED, "application/json", b""),
        (HASHED, FORM, b"Body=other&\xff"),
        (HASHED, FORM, b"&&&"),
        (HASHED, FORM, b""),
    ],
)
async def test_a_twilio_signature_of_the_url_alone_lets_no_other_body_in(
    served: Served, query: str, kind: str, body: bytes
) -> None:
    path = publish_preset(served, "twilio") + query
    signature = twilio("12345", "https://hooks.example.com" + path)
    headers = {"content-type": kind, "x-twilio-signature": signature}
    assert await sent(served, path, {"headers": headers, "body": body}) == 401


@AT_HOOKS
async def test_twilio_fields_that_are_no_utf8_are_not_taken_for_others(served: Served) -> None:
    path = publish_preset(served, "twilio")
    signature = twilio("12345", "https://hooks.example.com" + path, "Body\ufffd")
    headers = {"content-type": FORM, "x-twilio-signature": signature}
    assert await sent(served, path, {"headers": headers, "body": b"Body=%FF"}) == 401
    assert await sent(served, path, {"headers": headers, "body": b"Body=%EF%BF%BD"}) == 202


async def test_without_a_public_url_it_signs_what_the_caller_called(served: Served) -> None:
    path = publish_preset(served, "twilio")
    headers = {"content-type": FORM}
    headers["x-twilio-signature"] = twilio("12345", f"http://firesteel.test{path}")
    assert await sent(served, path, {"headers": headers, "body": b""}) == 202
    headers["x-twilio-signature"] = twilio("12345", f"https://firesteel.test{path}")
    assert await sent(served, path, {"headers": headers, "body": b""}) == 401


def own_signature(algorithm: str, content: bytes) -> bytes:
    return hmac.new(b"the shared secret", content, algorithm).digest()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
async def test_a_custom_signature_is_what_its_item_says(
    served: Served, algorithm: str, encoding: str
) -> None:
    item = {
        "label": "Partner",
        "header": "X-Signature",
        "algorithm": algorithm,
        "encoding": encoding,
        "prefix": "sig=",
        "timestamp_header": "X-Time",
        "signed": "{method}\n{path}?{query}\n{headers.x-id}\n{timestamp}.{body}",
        "tolerance": "10s",
        "secrets": ["${S}"],
    }
    path = publish(served, item, {"S": "the shared secret"}) + "?a=1"
    served.now_us = 1_700_000_000_000_000
    content = b"POST\n/t37ed/hook?a=1\nid-7\n1700000000.the body"
    mac = own_signature(algorithm, content)
    text = mac.hex() if encoding == "hex" else base64.b64encode(mac).decode()
    headers = {"x-signature": f"sig={text}", "x-time": "1700000000", "x-id": "id-7"}
    vector = {"headers": headers, "body": b"the body"}
    assert await sent(served, path, vector) == 202
    for name, value in (("x-id", "id-8"), ("x-id", None), ("x-time", None), ("x-time", "1.7e9")):
        assert await sent(served, path, vector, headers={name: value}) == 401
    served.now_us += 10_000_001
    assert await sent(served, path, vector) == 401


async def test_a_long_body_is_verified_too(served: Served) -> None:
    path = publish_preset(served, "github")
    body = b"x" * (LOOP_LIMIT_BYTES + 1)
    mac = hmac.new(VECTORS["github"]["secret"].encode(), body, hashlib.sha256).hexdigest()
    vector = {"headers": {"x-hub-signature-256": f"sha256={mac}"}, "body": body}
    assert await sent(served, path, vector) == 202
    assert await sent(served, path, vector, body=body + b"x") == 401


async def test_a_signature_is_looked_at_before_what_is_wrong_with_the_call_is_told(
    served: Served,
) -> None:
    trigger = {
        "authentication": [
            {"signature": {"label": "GitHub", "preset": "github", "secrets": ["${S}"]}}
        ],
        "query_parameters": [{"name": "item", "required": True}],
    }
    secret = VECTORS["github"]["secret"]
    served.engine.publish({"name": "hook", "trigger": trigger}, secrets={"S": secret})
    assert await sent(served, "/t37ed/hook", VECTORS["github"], body=b"other") == 401
    assert await sent(served, "/t37ed/hook", VECTORS["github"]) == 400


async def test_a_forged_signature_uses_up_no_rate_of_the_signer(served: Served) -> None:
    trigger = {
        "authentication": [
            {"signature": {"label": "GitHub", "preset": "github", "secrets": ["${S}"]}}
        ],
        "rate_limit": {"rate": "1/h", "burst": 1},
    }
    secret = VECTORS["github"]["secret"]
    served.engine.publish({"name": "hook", "trigger": trigger}, secrets={"S": secret})
    for _ in range(3):
        assert await sent(served, "/t37ed/hook", VECTORS["github"], body=b"other") == 401
    assert await sent(served, "/t37ed/hook", VECTORS["github"]) == 202
    assert await sent(served, "/t37ed/hook", VECTORS["github"]) == 429


async def test_slack_is_told_its_challenge_behind_its_signature_and_no_message_is_made(
    served: Served,
) -> None:
    trigger = {
        "authentication": [
            {"signature": {"label": "Slack", "preset": "slack", "secrets": ["${S}"]}}
        ],
        "handshakes": ["slack"],
    }
    served.engine.publish({"name": "hook", "trigger": trigger}, secrets={"S": "the secret"})
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB<b>"}).encode()
    at_s = served.now_us // 1_000_000
    mac = hmac.new(b"the secret", f"v0:{at_s}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"x_slack_request_timestamp": str(at_s), "x_slack_signature": f"v0={mac}"}
    answer = await served.call("POST", "/t37ed/hook", body, **headers)
    assert (answer.status, answer.body) == (200, b"3eZbrw1aB<b>")
    assert answer["content-type"].startswith("text/plain")
    assert answer["x-content-type-options"] == "nosniff"
    headers["x_slack_signature"] = f"v0={'0' * 64}"
    assert (await served.call("POST", "/t37ed/hook", body, **headers)).status == 401
    assert served.engine.calls == []
