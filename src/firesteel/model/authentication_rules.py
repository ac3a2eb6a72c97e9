"""Rules of ``/trigger/authentication`` that hold between its keys, looked for in the document as it
was written. No text of a fault repeats a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from firesteel.errors import CallerError
from firesteel.model.api_key import check_pasted, unseen_fault
from firesteel.model.authentication import (
    PLACEHOLDER,
    PUBLIC_KEY_ALGORITHMS,
    SHARED_KEY_ALGORITHMS,
    Authentication,
)
from firesteel.model.fault import Pointer, child
from firesteel.model.findings import items, mapping
from firesteel.model.references import ReferenceInvalid, references

if TYPE_CHECKING:
    from firesteel.model.findings import Findings

_AT: Final = "/trigger/authentication"
_OWN: Final = ("header", "algorithm", "encoding", "prefix", "timestamp_header", "signed")
_BRACED: Final = re.compile(r"\{[^{}]*\}")


def check_authentication(trigger: dict[str, Any], findings: Findings) -> None:
    """Look at every way to authenticate: exactly one kind each, labels and secrets once."""
    declared = trigger.get("authentication")
    if declared is None or declared == []:
        detail = "the trigger is open: anybody who knows the URL may call it"
        findings.warning("/trigger", "trigger_open", detail, "add authentication with an api_key")
    labels: set[str] = set()
    consumers: set[str] = set()
    values: dict[str, str] = {}
    for index, item in enumerate(items(declared)):
        if not isinstance(item, dict):
            continue
        _exactly_one(item, child(_AT, index), findings)
        for kind in Authentication.keys():  # noqa: SIM118  # the keys of the document
            declaration, pointer = item.get(kind), child(_AT, index, kind)
            if isinstance(declaration, dict):
                _label(declaration.get("label"), child(pointer, "label"), labels, findings)
        _consumer(mapping(item.get("consumer")).get("name"), index, consumers, findings)
        key = mapping(item.get("api_key"))
        if isinstance(key.get("value"), str):
            pointer = child(_AT, index, "api_key", "value")
            _key_value(key["value"], pointer, values, findings)
        _signature(mapping(item.get("signature")), child(_AT, index, "signature"), findings)
        _jwt(mapping(item.get("jwt")), child(_AT, index, "jwt"), findings)
        _certificate(item.get("client_certificate"), child(_AT, index), findings)


def _exactly_one(item: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    kinds = Authentication.keys()
    present = [kind for kind in kinds if item.get(kind) is not None]
    if len(present) > 1:
        detail = f"one way to authenticate has {' and '.join(present)}, and may have one of them"
        findings.fault_at_key(child(pointer, present[1]), "one_of", detail, "write two items")
    # A key that is not known is most likely the kind, misspelt: one fault is enough.
    elif not present and set(item) <= set(kinds):
        findings.fault(pointer, "one_of", f"a way to authenticate needs one of {', '.join(kinds)}")


def _label(label: Any, pointer: Pointer, labels: set[str], findings: Findings) -> None:
    if not isinstance(label, str):
        return
    _seen(label, pointer, findings)
    if label in labels:
        findings.fault(pointer, "not_unique", f"the label {label} stands twice in this trigger")
    labels.add(label)


def _consumer(name: Any, index: int, names: set[str], findings: Findings) -> None:
    """A consumer is granted a trigger once; an API key with its name as label is the same party."""
    if not isinstance(name, str):
        return
    pointer = child(_AT, index, "consumer", "name")
    _seen(name, pointer, findings)
    if name in names:
        findings.fault(pointer, "not_unique", f"the consumer {name} stands twice in this trigger")
    names.add(name)


def _seen(name: str, pointer: Pointer, findings: Findings) -> None:
    fault = unseen_fault(name)
    if fault:
        findings.fault(pointer, "name_invalid", fault)


def _key_value(value: str, pointer: Pointer, values: dict[str, str], findings: Findings) -> None:
    """A pasted secret."""
    if value in values:
        detail = "the same secret stands twice in this trigger"
        findings.fault(pointer, "not_unique", detail, "one secret, one label")
    values[value] = pointer
    try:
        if references(value):
            return
        weak = check_pasted(value)
    except ReferenceInvalid as error:
        findings.fault(pointer, "reference_invalid", error.detail)
    except CallerError as error:
        findings.fault(pointer, "key_value_invalid", error.detail, "leave it out to generate one")
    else:
        if weak:
            findings.warning(pointer, "key_value_weak", weak, "leave it out to generate one")
            return
        hint = "take it from a secret: ${NAME}"
        findings.warning(pointer, "secret_in_clear", "the secret itself stands in the file", hint)


def _signature(signature: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    """A preset says all; without one the header is needed, and a time for what is not to be sent
    again."""
    if not signature:
        return
    if signature.get("preset") is not None:
        for key in _OWN:
            if signature.get(key) is not None:
                detail = f"the preset says what {key} would"
                findings.fault_at_key(
                    child(pointer, key), "one_of", detail, "remove it or the preset"
                )
        return
    if signature.get("header") is None:
        presets = "standard_webhooks, github, stripe, shopify, slack, twilio"
        detail = "a signature needs a preset, or the header that carries it"
        findings.fault(pointer, "one_of", detail, f"presets: {presets}")
    signed = signature.get("signed")
    if isinstance(signed, str):
        _signed(signed, child(pointer, "signed"), signature, findings)
    if signature.get("timestamp_header") is None:
        detail = "without a time that is signed, a call that was seen can be sent again for ever"
        hint = "add timestamp_header, or rely on the idempotency key"
        findings.warning(pointer, "signature_replayable", detail, hint)
    elif "{timestamp}" not in str(signed or ""):
        detail = "the time of signing is not part of what is signed"
        hint = 'such as signed: "{timestamp}.{body}"'
        findings.warning(pointer, "signature_replayable", detail, hint)


def _signed(signed: str, pointer: Pointer, signature: dict[str, Any], findings: Findings) -> None:
    for braced in _BRACED.findall(signed):
        if not PLACEHOLDER.fullmatch(braced):
            detail = f"{braced} is not a part of a call"
            hint = "{body}, {timestamp}, {method}, {path}, {query}, {url}, {headers.NAME}"
            findings.fault(pointer, "placeholder_unknown", detail, hint)
    if "{body}" not in signed:
        detail = "the body is not part of what is signed"
        findings.fault(pointer, "placeholder_unknown", detail, "add {body}")
    if "{timestamp}" in signed and signature.get("timestamp_header") is None:
        detail = "{timestamp} stands for the value of timestamp_header, which is missing"
        findings.fault(pointer, "placeholder_unknown", detail, "add timestamp_header")


def _jwt(declared: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    if not declared:
        return
    url, secret = declared.get("jwks_url"), declared.get("secret")
    if (url is None) == (secret is None):
        words = "both; one of them is enough" if url is not None else "neither"
        findings.fault(pointer, "one_of", f"a jwt has jwks_url or secret, and this has {words}")
    wanted = PUBLIC_KEY_ALGORITHMS if secret is None else SHARED_KEY_ALGORITHMS
    for index, algorithm in enumerate(items(declared.get("algorithms"))):
        known = algorithm in (*PUBLIC_KEY_ALGORITHMS, *SHARED_KEY_ALGORITHMS)
        if known and algorithm not in wanted:
            kind = "public keys" if secret is None else "a shared secret"
            detail = f"{algorithm} does not go with {kind}"
            at = child(pointer, "algorithms", index)
            findings.fault(at, "algorithm_mixed", detail, f"one of {', '.join(wanted)}")
    if isinstance(url, str):
        _jwks_url(url, child(pointer, "jwks_url"), findings)
        if declared.get("issuer") is None:
            detail = "with jwks_url the issuer is needed: keys may be those of several"
            findings.fault(child(pointer, "issuer"), "required", detail)
        if declared.get("audience") is None:
            detail = "tokens that the issuer made for other services are taken too"
            findings.warning(pointer, "jwt_any_audience", detail, "add audience")


def _jwks_url(url: str, pointer: Pointer, findings: Findings) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("https", "http") and bool(parts.hostname)
        sound = sound and parts.username is None and not parts.fragment and url.isascii()
        sound = sound and not re.search(r"[\x00-\x20\x7f]", url)
    except ValueError:
        sound = False
    if not sound:
        detail = "the address of a JWKS begins with https:// and holds no user name"
        findings.fault(pointer, "url_invalid", detail)
    elif parts.scheme == "http":
        detail = "whoever sits on the way to the keys can replace them, and make tokens"
        findings.warning(pointer, "url_in_clear", detail, "use https")


def _certificate(declared: Any, pointer: Pointer, findings: Findings) -> None:
    if not isinstance(declared, dict):
        return
    if all(declared.get(key) is None for key in ("fingerprint", "subject", "san")):
        at = child(pointer, "client_certificate")
        detail = "a client certificate needs fingerprint, subject or san"
        findings.fault(at, "one_of", detail, "or every certificate of the CA would be taken")
