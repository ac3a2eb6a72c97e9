"""Faults and warnings of ways to authenticate, each at its place."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.model.document import check_document, parse_document, without_secrets

AT = "/trigger/authentication"
GITHUB = {"label": "g", "preset": "github", "secrets": ["${S}"]}
OWN = {"label": "o", "header": "x-sig", "secrets": ["${S}"]}
DATED = {**OWN, "timestamp_header": "x-time", "signed": "{timestamp}.{body}"}
JWKS = {"label": "j", "issuer": "i", "audience": "a", "jwks_url": "https://idp.example.com/keys"}


def found(*items: dict[str, Any], **trigger: Any) -> tuple[set[tuple[str, str]], ...]:
    """(pointer, code) of faults and of warnings."""
    document = {"name": "A", "trigger": {"authentication": list(items), **trigger}}
    result = check_document(document)
    return tuple(
        {(fault.pointer, fault.code) for fault in list_}
        for list_ in (result.faults, result.warnings)
    )


SOUND: list[dict[str, Any]] = [
    {"signature": GITHUB},
    {"signature": DATED},
    {"signature": {**DATED, "secrets": ["${A}", "${B}", "${C}", "${D}", "${E}"]}},
    {"basic": {"label": "b", "username": "ä b", "password": "${P}"}},
    {"jwt": JWKS},
    {"jwt": {**JWKS, "algorithms": ["RS256", "ES256"], "leeway": "0s", "consumer": "sub"}},
    {"jwt": {"label": "j", "secret": "${S}", "algorithms": ["HS512"]}},
    {"client_certificate": {"label": "c", "fingerprint": ":".join(["aB"] * 32)}},
    {"client_certificate": {"label": "c", "subject": "CN=a", "san": "a.example.com"}},
]


@pytest.mark.parametrize("item", SOUND)
def test_a_sound_way_has_neither_fault_nor_warning(item: dict[str, Any]) -> None:
    assert found(item) == (set(), set())


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "", "one_of"),
    ({"api_key": {"label": "a"}, "basic": None, "jwt": JWKS}, "/jwt", "one_of"),
    (
        {"signature": {**GITHUB, "secrets": ["in clear"]}},
        "/signature/secrets/0",
        "reference_needed",
    ),
    ({"signature": {**GITHUB, "secrets": ["a${S}"]}}, "/signature/secrets/0", "reference_needed"),
    ({"signature": {**GITHUB, "secrets": []}}, "/signature/secrets", "out_of_range"),
    ({"signature": {**GITHUB, "secrets": ["${S}"] * 6}}, "/signature/secrets", "out_of_range"),
    ({"signature": {**GITHUB, "preset": "gitlab"}}, "/signature/preset", "not_allowed"),
    ({"signature": {**GITHUB, "header": "x"}}, "/signature/header", "one_of"),
    ({"signature": {"label": "o", "secrets": ["${S}"]}}, "/signature", "one_of"),
    ({"signature": {**OWN, "header": "x y"}}, "/signature/header", "name_invalid"),
    (
        {"signature": {**DATED, "signed": "{time}{body}"}},
        "/signature/signed",
        "placeholder_unknown",
    ),
    ({"signature": {**DATED, "signed": "{timestamp}"}}, "/signature/signed", "placeholder_unknown"),
    (
        {"signature": {**OWN, "signed": "{timestamp}.{body}"}},
        "/signature/signed",
        "placeholder_unknown",
    ),
    ({"signature": {**DATED, "tolerance": "2h"}}, "/signature/tolerance", "out_of_range"),
    (
        {"basic": {"label": "b", "username": "a:b", "password": "${P}"}},
        "/basic/username",
        "name_invalid",
    ),
    (
        {"basic": {"label": "b", "username": "a", "password": "in clear"}},
        "/basic/password",
        "reference_needed",
    ),
    ({"api_key": {"label": "gro\u202epohs"}}, "/api_key/label", "name_invalid"),
    ({"jwt": {**JWKS, "label": "j\u200b"}}, "/jwt/label", "name_invalid"),
    ({"consumer": {"name": "AC\u2066ME"}}, "/consumer/name", "name_invalid"),
    ({"jwt": {"label": "j"}}, "/jwt", "one_of"),
    ({"jwt": {**JWKS, "secret": "${S}"}}, "/jwt", "one_of"),
    ({"jwt": {**JWKS, "algorithms": ["HS256"]}}, "/jwt/algorithms/0", "algorithm_mixed"),
    ({"jwt": {**JWKS, "algorithms": ["none"]}}, "/jwt/algorithms/0", "not_allowed"),
    (
        {"jwt": {"label": "j", "secret": "${S}", "algorithms": ["HS256", "RS256"]}},
        "/jwt/algorithms/1",
        "algorithm_mixed",
    ),
    ({"jwt": {**JWKS, "issuer": None}}, "/jwt/issuer", "required"),
    ({"jwt": {**JWKS, "jwks_url": "file:///etc/passwd"}}, "/jwt/jwks_url", "url_invalid"),
    ({"jwt": {**JWKS, "jwks_url": "https://u:p@idp/keys"}}, "/jwt/jwks_url", "url_invalid"),
    ({"jwt": {**JWKS, "jwks_url": "https://[x"}}, "/jwt/jwks_url", "url_invalid"),
    ({"jwt": {**JWKS, "leeway": "10m"}}, "/jwt/leeway", "out_of_range"),
    ({"client_certificate": {"label": "c"}}, "/client_certificate", "one_of"),
    (
        {"client_certificate": {"label": "c", "fingerprint": "abc"}},
        "/client_certificate/fingerprint",
        "fingerprint_invalid",
    ),
]


@pytest.mark.parametrize(("item", "pointer", "code"), FAULTS)
def test_a_fault_is_told_at_its_place_and_repeats_no_secret(
    item: dict[str, Any], pointer: str, code: str
) -> None:
    result = check_document({"name": "A", "trigger": {"authentication": [item]}})
    assert (f"{AT}/0{pointer}", code) in {(fault.pointer, fault.code) for fault in result.faults}
    assert "in clear" not in " ".join(f"{fault.detail} {fault.hint}" for fault in result.faults)


def test_a_version_with_a_label_of_before_the_rule_stays_readable() -> None:
    (way,) = parse_document(
        {"name": "A", "trigger": {"authentication": [{"api_key": {"label": "a\u200b"}}]}}
    ).trigger.authentication
    assert way.api_key is not None
    assert way.api_key.label == "a\u200b"


WARNINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"signature": OWN}, "/signature", "signature_replayable"),
    ({"signature": {**DATED, "signed": None}}, "/signature", "signature_replayable"),
    ({"jwt": {**JWKS, "audience": None}}, "/jwt", "jwt_any_audience"),
    ({"jwt": {**JWKS, "jwks_url": "http://idp/keys"}}, "/jwt/jwks_url", "url_in_clear"),
]


@pytest.mark.parametrize(("item", "pointer", "code"), WARNINGS)
def test_what_works_and_is_seldom_meant_is_a_warning(
    item: dict[str, Any], pointer: str, code: str
) -> None:
    assert found(item) == (set(), {(f"{AT}/0{pointer}", code)})


def test_a_label_stands_once_in_a_trigger_whatever_its_kind() -> None:
    other = {"basic": {"label": "g", "username": "a", "password": "${P}"}}
    assert found({"signature": GITHUB}, other)[0] == {(f"{AT}/1/basic/label", "not_unique")}


@pytest.mark.parametrize("network", ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "10.1.2.3/8"])
def test_networks_are_taken_in_any_form(network: str) -> None:
    assert found({"signature": GITHUB}, allowed_addresses=[network]) == (set(), set())


@pytest.mark.parametrize("network", ["", "example.com", "10.0.0.0/33", "10.0.0"])
def test_what_is_no_network_is_a_fault(network: str) -> None:
    faults, _ = found({"signature": GITHUB}, allowed_addresses=[network])
    assert faults == {("/trigger/allowed_addresses/0", "network_invalid")}


def test_handshakes_are_names_or_metas_mapping() -> None:
    meta = {"meta": {"verify_token": "${T}"}}
    every = ["slack", "microsoft_graph", "cloudevents", meta]
    assert found({"signature": GITHUB}, handshakes=every) == (set(), set())
    at = "/trigger/handshakes"
    assert found({"signature": GITHUB}, handshakes=["meta"])[0] == {(f"{at}/0", "not_allowed")}
    assert found({"signature": GITHUB}, handshakes=["slack", "slack"])[0] == {
        (f"{at}/1", "not_unique")
    }
    clear = {"meta": {"verify_token": "in clear"}}
    assert found({"signature": GITHUB}, handshakes=[clear])[0] == {
        (f"{at}/0/meta/verify_token", "reference_needed")
    }


def test_a_document_is_stored_without_any_secret_that_stands_in_it() -> None:
    document = {
        "name": "A",
        "trigger": {
            "authentication": [
                {"api_key": {"label": "k", "value": "secret-1"}},
                {"signature": {**GITHUB, "secrets": ["secret-2", "${S}", "secret-3"]}},
                {"basic": {"label": "b", "username": "u", "password": "secret-4"}},
                {"jwt": {"label": "j", "secret": "secret-5"}},
                "no mapping",
            ],
            "handshakes": [{"meta": {"verify_token": "secret-6"}}, "slack"],
        },
    }
    stored = without_secrets(document)
    assert "secret-" not in str(stored)
    assert stored["trigger"]["authentication"][1]["signature"]["secrets"] == ["${S}"]
    assert stored["trigger"]["authentication"][4] == "no mapping"
    assert stored["trigger"]["handshakes"] == [{"meta": {}}, "slack"]
    assert "secret-1" in str(document)
