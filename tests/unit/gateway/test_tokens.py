"""JSON Web Tokens: whose keys count, and what is not taken whatever a token says of itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from firesteel.gateway.key_sets import AGAIN_S, KEPT_S, REFRESH_S
from tests.support.raw_http import Answer
from tests.unit.gateway.conftest import Served

ISSUER, AUDIENCE, URL = "https://idp.example.com", "firesteel", "https://idp.example.com/keys"
SHARED = "a shared secret of 32 bytes or more"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
PRIVATE = {"RS256": RSA_KEY, "PS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}
JWKS: dict[str, Any] = {"label": "idp", "issuer": ISSUER, "audience": AUDIENCE, "jwks_url": URL}


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """The public half of a key."""
    kinds = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    (algorithm,) = [found for kind, found in kinds.items() if isinstance(key, kind)]
    document = json.loads(algorithm.to_jwk(key.public_key()))
    document.pop("key_ops", None)
    return document | ({} if kid is None else {"kid": kid}) | more


def key_document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 60, "iat": now, "sub": "acme"}
    return {name: value for name, value in {**whole, **changed}.items() if value is not None}


def token(key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "1", **more: Any) -> str:
    headers = ({} if kid is None else {"kid": kid}) | more.pop("headers", {})
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


def publish(served: Served, *declared: dict[str, Any], keys: bytes | None = None) -> None:
    items = [{"jwt": item} for item in declared]
    document = {"name": "hook", "trigger": {"authentication": items}}
    served.engine.publish(document, secrets={"SHARED": SHARED})
    if keys is not None:
        served.engine.key_documents[URL] = keys


async def call(served: Served, sent: str, **headers: Any) -> Answer:
    return await served.call(
        "POST", "/t37ed/hook", b"{}", authorization=f"Bearer {sent}", **headers
    )


@pytest.mark.parametrize("algorithm", list(PRIVATE))
async def test_a_token_of_the_issuer_is_let_in(served: Served, algorithm: str) -> None:
    key = PRIVATE[algorithm]
    publish(served, {**JWKS, "algorithms": [algorithm]}, keys=key_document(jwk(key, "1")))
    assert (await call(served, token(key, algorithm))).status == 202
    assert (await call(served, token(key, algorithm, kid=None))).status == 202
    assert [found.consumer for found in served.engine.calls] == ["idp", "idp"]
    assert served.engine.fetched == [URL]


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_token_under_the_shared_secret_is_let_in(served: Served, algorithm: str) -> None:
    served.engine.publish(
        {
            "name": "hook",
            "trigger": {
                "authentication": [
                    {"jwt": {"label": "a", "secret": "${SHARED}", "algorithms": [algorithm]}}
                ]
            },
        },
        secrets={"SHARED": SHARED * 2},
    )
    assert (await call(served, token(SHARED * 2, algorithm))).status == 202
    assert (await call(served, token(SHARED * 3, algorithm))).status == 401


async def test_a_claim_may_name_the_consumer_but_no_other_label(served: Served) -> None:
    other = {"label": "other", "secret": "${SHARED}"}
    publish(served, {**JWKS, "consumer": "sub"}, other, keys=key_document(jwk(RSA_KEY, "1")))
    assert (await call(served, token(sub="acme"))).status == 202
    assert [found.consumer for found in served.engine.calls] == ["acme"]
    for sub in ("other", "", " a", "a\n", "x" * 101, None):
        assert (await call(served, token(sub=sub))).status == 401, sub


async def test_no_claim_names_a_consumer_or_a_label_that_has_no_key(served: Served) -> None:
    items = [
        {"jwt": {"label": "idp", "secret": "${SHARED}", "consumer": "sub"}},
        {"consumer": {"name": "ACME"}},
        {"api_key": {"label": "deleted"}},
    ]
    document = {"name": "hook", "trigger": {"authentication": items}}
    served.engine.publish(document, secrets={"SHARED": SHARED})
    for sub in ("ACME", "deleted"):
        assert (await call(served, token(SHARED, "HS256", sub=sub))).status == 401, sub
    assert (await call(served, token(SHARED, "HS256", sub="robot"))).status == 202


def unsigned(**header: Any) -> str:
    parts = [json.dumps(part).encode() for part in (header, claims())]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def hmac_under_the_public_key() -> str:
    head, body, _ = token(SHARED, "HS256").split(".")
    mac = hmac.new(PUBLIC_PEM, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


FORGED = {
    "another key": lambda: token(OTHER_KEY),
    "an unknown kid": lambda: token(OTHER_KEY, kid="2"),
    "none": lambda: unsigned(alg="none", kid="1"),
    "None": lambda: unsigned(alg="NONE", kid="1"),
    "no alg": lambda: unsigned(kid="1"),
    "an algorithm that is not listed": lambda: token(algorithm="RS512"),
    # CVE-2015-9235: the public key, which everybody has, as the secret of an HMAC
    "the public key as a secret": hmac_under_the_public_key,
    "the secret of another item's kind": lambda: token(SHARED, "HS256"),
    "expired": lambda: token(exp=int(time.time()) - 31),
    "no exp": lambda: token(exp=None),
    "an exp that is no number": lambda: token(exp="never"),
    "an exp beyond all numbers": lambda: token(exp=float("inf")),
    "not yet valid": lambda: token(nbf=int(time.time()) + 60),
    "another issuer": lambda: token(iss="https://idp.example.com.evil.example"),
    "no issuer": lambda: token(iss=None),
    "another audience": lambda: token(aud="somebody"),
    "no audience": lambda: token(aud=None),
    "crit": lambda: token(headers={"crit": ["x"], "x": 1}),
    "a kid that is no text": lambda: unsigned(alg="RS256", kid=1),
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: token() + ".x",
    "a cut signature": lambda: token()[:-8],
    "an altered claim": lambda: _with_another_claim(token()),
    "no base64": lambda: "ä.ö.ü",
    "too long": lambda: token(sub="x" * 8000),
}


def _with_another_claim(made: str) -> str:
    head, _, signature = made.split(".")
    body = urlsafe_b64encode(json.dumps(claims(sub="admin")).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


@pytest.mark.parametrize("what", list(FORGED))
async def test_a_token_that_is_not_the_issuers_is_401(served: Served, what: str) -> None:
    publish(served, JWKS, keys=key_document(jwk(RSA_KEY, "1")))
    answer = await call(served, FORGED[what]())
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert served.engine.calls == []


async def test_clocks_may_differ_by_the_leeway(served: Served) -> None:
    publish(served, {**JWKS, "leeway": "60s"}, keys=key_document(jwk(RSA_KEY, "1")))
    assert (await call(served, token(exp=int(time.time()) - 50))).status == 202
    assert (await call(served, token(exp=int(time.time()) - 70))).status == 401


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "key",
    [
        jwk(SHORT_KEY, "1"),
        jwk(RSA_KEY, "1", use="enc"),
        jwk(RSA_KEY, "1", key_ops=["encrypt"]),
        jwk(RSA_KEY, "1", alg="RS512"),
        {"kty": "oct", "kid": "1", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "1", "n": "x", "e": "AQAB"},
    ],
    ids=["short", "of encryption", "operations", "of another algorithm", "symmetric", "broken"],
)
async def test_a_key_that_cannot_verify_lets_nobody_in(served: Served, key: dict[str, Any]) -> None:
    publish(served, JWKS, keys=key_document(key, jwk(EC_KEY, "2")))
    assert (await call(served, token())).status == 401
    assert (await call(served, token(SHORT_KEY))).status == 401


# keys over time


async def test_a_new_key_of_the_issuer_is_taken_at_once_and_the_old_one_no_longer(
    served: Served,
) -> None:
    publish(served, JWKS, keys=key_document(jwk(RSA_KEY, "1")))
    assert (await call(served, token())).status == 202
    served.engine.key_documents[URL] = key_document(jwk(OTHER_KEY, "2"))
    served.monotonic_s += AGAIN_S
    assert (await call(served, token(OTHER_KEY, kid="2"))).status == 202
    assert (await call(served, token())).status == 401
    assert served.engine.fetched == [URL, URL]


async def test_tokens_with_unknown_keys_make_no_more_than_a_fetch_each_half_minute(
    served: Served,
) -> None:
    publish(served, JWKS, keys=key_document(jwk(RSA_KEY, "1")))
    for number in range(20):
        assert (await call(served, token(OTHER_KEY, kid=f"x{number}"))).status == 401
    assert served.engine.fetched == [URL]


async def test_keys_are_fetched_anew_beside_the_calls(served: Served) -> None:
    publish(served, JWKS, keys=key_document(jwk(RSA_KEY, "1")))
    assert (await call(served, token())).status == 202
    served.monotonic_s += REFRESH_S + 1
    assert (await call(served, token())).status == 202
    assert (await call(served, token())).status == 202
    assert served.engine.fetched == [URL, URL]


async def test_while_the_issuer_is_away_its_keys_stay_good_for_a_day(served: Served) -> None:
    publish(served, JWKS, keys=key_document(jwk(RSA_KEY, "1")))
    assert (await call(served, token())).status == 202
    del served.engine.key_documents[URL]
    served.monotonic_s += KEPT_S - 1
    assert (await call(served, token())).status == 202
    served.monotonic_s += 2
    answer = await call(served, token())
    assert (answer.status, answer.code) == (503, "issuer_unavailable")
    assert answer["retry-after"]


@pytest.mark.parametrize("document", [None, b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}'])
async def test_without_keys_a_token_is_503_and_other_ways_go_on(
    served: Served, document: bytes | None
) -> None:
    publish(served, JWKS, {"label": "b", "secret": "${SHARED}"}, keys=document)
    assert (await call(served, token())).code == "issuer_unavailable"
    assert (await call(served, token(SHARED, "HS256"))).status == 202
    assert (await call(served, "no.token.atall")).code == "unauthorized"
