"""Whatever a call presents, it is let in or refused: nothing of it is an error of ours (P41)."""

from __future__ import annotations

import base64
import contextlib
import json
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from firesteel.engine.data_keys import DataKeys
from firesteel.engine.keyring import Keyring
from firesteel.engine.route import Route, compile_route
from firesteel.gateway.admission import Admission, Means, make_admission
from firesteel.gateway.exchange import Exchange
from firesteel.gateway.handshakes import Handshakes
from firesteel.gateway.held_bodies import HeldBodies
from firesteel.gateway.key_sets import KeySets, KeysMissing, KeysWanted, parse_keys
from firesteel.gateway.presented import AFTER_BODY
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.document import parse_document
from firesteel.model.forwarded import Proxies
from firesteel.shares import Room
from firesteel.telemetry.meter import Meter

SECRET = "a secret of 32 bytes, for the sake of HS256"
PRESETS = ["standard_webhooks", "github", "stripe", "shopify", "slack", "twilio"]
WAYS: list[dict[str, Any]] = [
    *(
        {"signature": {"label": preset, "preset": preset, "secrets": ["${S}"]}}
        for preset in PRESETS
    ),
    {
        "signature": {
            "label": "own",
            "header": "x-own",
            "timestamp_header": "x-time",
            "signed": "{timestamp}{url}{headers.x-time}{body}",
            "secrets": ["${S}"],
        }
    },
    {"basic": {"label": "basic", "username": "u", "password": "${S}"}},
    {"jwt": {"label": "shared", "secret": "${S}"}},
    {"jwt": {"label": "issuer", "issuer": "i", "audience": "a", "jwks_url": "https://i/keys"}},
    {"client_certificate": {"label": "certificate", "san": "a"}},
]
HANDSHAKES: list[Any] = [
    "slack",
    "microsoft_graph",
    "cloudevents",
    {"meta": {"verify_token": "${S}"}},
]
HEADERS = [
    b"authorization",
    b"x-own",
    b"x-time",
    b"x-cert",
    b"webhook-id",
    b"webhook-timestamp",
    b"webhook-signature",
    b"x-hub-signature-256",
    b"stripe-signature",
    b"x-shopify-hmac-sha256",
    b"x-slack-signature",
    b"x-slack-request-timestamp",
    b"x-twilio-signature",
    b"content-type",
    b"webhook-request-origin",
    b"host",
]
# Bytes as a header may hold them, and what is nearly right.
PARTS = st.sampled_from(
    [
        *(
            b"Basic ",
            b"Bearer ",
            b"v1,",
            b"v1=",
            b"t=",
            b"v0=",
            b"sha256=",
            b":",
            b"=",
            b".",
            b",",
            b" ",
        ),
        *(b"0", b"1700000000", b"9" * 12, b"%2D", b"-----BEGIN CERTIFICATE-----", b"e30", b"null"),
        *(b"[", b"]", b":99999", b"example.com"),
        b"application/x-www-form-urlencoded",
        base64.b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"="),
        base64.b64encode(b'{"alg":"none"}').rstrip(b"="),
        base64.b64encode(b'{"alg":"RS256","kid":null,"crit":[]}').rstrip(b"="),
    ]
)
VALUES = st.lists(st.one_of(PARTS, st.binary(max_size=20)), max_size=6).map(b"".join)
CALLS = st.tuples(
    st.sampled_from(["GET", "POST", "OPTIONS"]),
    st.lists(st.tuples(st.sampled_from(HEADERS), VALUES), max_size=8),
    st.one_of(
        VALUES,
        st.sampled_from([b"validationToken=%ff", b"hub.mode=subscribe&hub.verify_token=%00"]),
        st.just(b"&".join([b"a=1"] * 1500)),
    ),
    st.one_of(
        st.binary(max_size=60), st.sampled_from([b'{"type":"url_verification"}', b"a=%ff&a"])
    ),
)


def made() -> tuple[Route, Admission]:
    trigger = {"authentication": WAYS, "handshakes": HANDSHAKES}
    route = compile_route(
        parse_document({"name": "any", "trigger": trigger}),
        numbers=(1, 1, 1),
        workspace="test",
        enabled=True,
        keys={},
    )
    cast("dict[str, str]", route.secrets)["${S}"] = SECRET

    async def fetch(_url: str) -> bytes:
        raise AssertionError("nothing is fetched here")

    means = Means(
        Keyring(DataKeys.derived(bytes(32))),
        KeySets(fetch, lambda: 0.0),
        "",
        Meter(),
        HeldBodies(),
        Room(1),
    )
    admission = make_admission(route, means)
    assert admission is not None
    return route, admission


ROUTE, ADMISSION = made()


def exchange(method: str, headers: list[tuple[bytes, bytes]], query: bytes) -> Exchange:
    """What admissions look at of an exchange."""
    proxies = Proxies(["127.0.0.1"])
    protocol = SimpleNamespace(
        client=("127.0.0.1", 1),
        scheme="https",
        state=SimpleNamespace(proxies=proxies, certificate_header=b"x-cert"),
    )
    found = SimpleNamespace(
        method=method,
        headers=headers,
        named=dict(headers),
        raw_path=b"/test/any",
        raw_query=query,
        protocol=protocol,
        client=SimpleNamespace(scheme=None, host=None),
    )
    return cast("Exchange", found)


@given(call=CALLS)
@settings(max_examples=1500, deadline=None)
def test_no_credentials_are_an_error_and_made_up_ones_let_nobody_in(call: Any) -> None:
    method, headers, query, body = call
    one = exchange(method, headers, query)
    try:
        consumer = ADMISSION.consumer(one, 1_700_000_000_000_000)
    except (KeysWanted, KeysMissing):
        consumer = None
    assert consumer is None or consumer is AFTER_BODY
    assert ADMISSION.signer(one, body, 1_700_000_000_000_000) is None


@given(call=CALLS)
@settings(max_examples=500, deadline=None)
def test_a_handshake_is_answered_with_what_was_sent_or_is_none(call: Any) -> None:
    method, headers, query, body = call
    handshakes = Handshakes(ROUTE.trigger.handshakes, ROUTE.secrets, "POST")
    answers = [handshakes.of_body(body, b"r")]
    with contextlib.suppress(CallRefused):
        answers.append(handshakes.before(exchange(method, headers, query), b"r"))
    for answer in filter(None, answers):
        assert answer.status == 200
        assert b"\r\n\r\n" not in answer.headers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["keys", "kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x"]),
            inner | st.sampled_from(["RSA", "EC", "OKP", "AQAB", "P-256", "Ed25519", "sig"]),
            max_size=8,
        )
    ),
    max_leaves=20,
)


@given(
    document=st.one_of(st.binary(max_size=40), JSON.map(lambda found: json.dumps(found).encode()))
)
@settings(max_examples=500, deadline=None)
def test_a_document_of_keys_is_read_or_a_value_error(document: bytes) -> None:
    for text in (document, b'{"keys": [' + document + b"]}"):
        try:
            keys = parse_keys(text)
        except ValueError:
            continue
        assert all(key.kind in ("RSA", "EC", "OKP") for key in keys)
