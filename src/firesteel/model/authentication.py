"""Ways to authenticate a call of a trigger, as a document declares them.

Secrets never stand in a document: where one is needed, ``${NAME}`` stands for a secret of the
workspace or of the node's environment. API keys are the exception, for they live beside it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from firesteel.model.fault import Pointer, child
from firesteel.model.findings import items, mapping
from firesteel.model.quantities import Duration, between
from firesteel.model.section import (
    ConsumerName,
    DateText,
    Label,
    Section,
    Text,
    matching,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE: Final = r"\$\{[A-Za-z_][A-Za-z0-9_]{0,127}\}"
HEADER_NAME: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
FINGERPRINT: Final = r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$"
SECRETS_MOST: Final = 5
NETWORKS_MOST: Final = 100

SecretReference = Annotated[
    str,
    matching(
        REFERENCE,
        "reference_needed",
        "a secret does not stand in the document itself",
        "keep it as a secret of the workspace and write ${NAME}",
    ),
    Field(json_schema_extra={"pattern": f"^{REFERENCE}$"}),
]
HeaderName = Annotated[
    str,
    matching(HEADER_NAME, "name_invalid", "the name of a header, such as x-signature"),
    Field(json_schema_extra={"pattern": HEADER_NAME}),
]
Preset = Literal["standard_webhooks", "github", "stripe", "shopify", "slack", "twilio"]
PUBLIC_KEY_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
SHARED_KEY_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
JwtAlgorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
]
PLACEHOLDER: Final = re.compile(
    r"\{(body|timestamp|method|path|query|url|headers\.[A-Za-z0-9_-]{1,100})\}"
)
"""What ``signed`` may hold between braces."""


def _fingerprint(value: str) -> str:
    return value.replace(":", "").lower()


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        detail = "not a network or an address such as 10.0.0.0/8"
        raise refuse("network_invalid", detail) from None


Fingerprint = Annotated[
    str,
    matching(FINGERPRINT, "fingerprint_invalid", "the SHA-256 of a certificate has 64 hex digits"),
    AfterValidator(_fingerprint),
    Field(json_schema_extra={"pattern": FINGERPRINT}),
]
NetworkText = Annotated[str, AfterValidator(_network)]


class ApiKeyAuth(Section):
    """A declared API key. The keys themselves live beside the document, matched by ``label``."""

    label: Label
    """The name of the consumer that holds the key; unique in its trigger."""
    value: Text | None = None
    """The secret, mostly ``${NAME}``; left out: one is generated. Never part of a version."""
    expires: DateText | None = None
    """The last day on which the key is taken, ``YYYY-MM-DD``, to its end in UTC."""


class ConsumerAuth(Section):
    """A consumer of the workspace is granted the trigger. Its keys live with the consumer, and the
    grant beside the document, as keys do."""

    name: ConsumerName
    """The consumer's name; one that is not there yet is made, without keys."""


class SignatureAuth(Section):
    """An HMAC of the call under a shared secret: a provider's, by ``preset``, or one of your own
    (``header`` and what follows).
    """

    label: Label
    """The name of the consumer that signs; unique in its trigger."""
    preset: Preset | None = None
    """How a provider signs; nothing but the secrets is then needed."""
    secrets: Annotated[list[SecretReference], Field(min_length=1, max_length=SECRETS_MOST)]
    """``${NAME}`` of one to five secrets; a signature under any of them is taken."""
    header: HeaderName | None = None
    """The header that carries the signature; several, separated by spaces or commas, may stand in
    it."""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    """The hash of the HMAC."""
    encoding: Literal["hex", "base64"] = "hex"
    """How the signature is written."""
    prefix: Annotated[str, Field(max_length=100)] | None = None
    """What stands before a signature, such as ``sha256=``."""
    timestamp_header: HeaderName | None = None
    """The header with the time of signing, in seconds since 1970."""
    signed: Text | None = None
    """What is signed, ``{body}`` by default; also ``{timestamp}``, ``{method}``, ``{path}``,
    ``{query}``, ``{url}``, ``{headers.NAME}``."""
    tolerance_s: Annotated[Duration, between("1s", "1h")] = Field(default=300.0, alias="tolerance")
    """How far the time of signing may be from the node's, 1s to 1h."""


class BasicAuth(Section):
    """User name and password by HTTP Basic (RFC 7617)."""

    label: Label
    """The name of the consumer; unique in its trigger."""
    username: Annotated[
        str, matching(r"[^:\x00-\x1f\x7f]{1,200}", "name_invalid", "1 to 200 characters, no colon")
    ]
    """As it is sent; case-sensitive."""
    password: SecretReference
    """``${NAME}`` of the password."""


class JwtAuth(Section):
    """A JSON Web Token, sent as ``Authorization: Bearer``: signed by an issuer whose keys are
    fetched from ``jwks_url``, or under a shared ``secret``. Its ``exp`` is required.
    """

    label: Label
    """The name of the consumer, unless ``consumer`` names a claim; unique in its trigger."""
    issuer: Text | None = None
    """What the claim ``iss`` must be."""
    audience: Text | None = None
    """What must stand in the claim ``aud``."""
    jwks_url: Text | None = None
    """Where the issuer's public keys are."""
    secret: SecretReference | None = None
    """``${NAME}`` of a shared secret, of as many bytes as the hash at least."""
    algorithms: Annotated[list[JwtAlgorithm], Field(min_length=1)] | None = None
    """What tokens may be signed with; by default RS256, with a ``secret`` HS256."""
    leeway_s: Annotated[Duration, between("0s", "5m")] = Field(default=30.0, alias="leeway")
    """How far the issuer's clock may be from the node's, up to 5m."""
    consumer: Annotated[Text, Field(max_length=100)] | None = None
    """The claim that names the consumer, such as ``sub``; left out: it is the label."""

    @property
    def allowed(self) -> list[str]:
        """The algorithms, by default the usual one of their kind."""
        return list(self.algorithms or ["HS256" if self.secret else "RS256"])


class ClientCertificateAuth(Section):
    """A client certificate, of the connection's TLS or passed on by a trusted proxy. All that is
    given must fit.
    """

    label: Label
    """The name of the consumer; unique in its trigger."""
    fingerprint: Fingerprint | None = None
    """The SHA-256 of the certificate (DER), 64 hex digits, colons allowed."""
    subject: Text | None = None
    """The whole subject as RFC 4514 writes it, such as ``CN=partner,O=Example``."""
    san: Text | None = None
    """One of its alternative names: a DNS name, an e-mail address, a URI or an IP address."""


class Authentication(Section):
    """One way to authenticate; a call passes if any of the trigger's does. Exactly one kind."""

    api_key: ApiKeyAuth | None = None
    """An API key, sent as ``x-api-key`` or ``Authorization: Bearer``."""
    signature: SignatureAuth | None = None
    """A signature over the call, as providers of webhooks send it."""
    basic: BasicAuth | None = None
    """User name and password."""
    jwt: JwtAuth | None = None
    """A JSON Web Token."""
    client_certificate: ClientCertificateAuth | None = None
    """A client certificate."""
    consumer: ConsumerAuth | None = None
    """The own API keys of a consumer of the workspace, sent as a trigger's are."""


class MetaRule(Section):
    """How Meta confirms a URL: ``GET`` with ``hub.challenge`` and ``hub.verify_token``."""

    verify_token: SecretReference
    """``${NAME}`` of the token that you enter at Meta."""


class MetaHandshake(Section):
    """The handshake of Meta, which needs a token."""

    meta: MetaRule
    """With the token that is asked for."""


HandshakeName = Literal["slack", "microsoft_graph", "cloudevents"]


def secret_references(document: dict[str, Any]) -> Iterator[tuple[Pointer, str]]:
    """Where ``/trigger`` of a document refers to secrets, and what is written there; API keys
    excepted. Texts that are no reference come too."""
    trigger = mapping(document.get("trigger"))
    for index, item in enumerate(items(trigger.get("authentication"))):
        at = child("/trigger/authentication", index)
        secrets = items(mapping(mapping(item).get("signature")).get("secrets"))
        for number, text in enumerate(secrets):
            yield child(at, "signature", "secrets", number), text
        for kind, key in (("basic", "password"), ("jwt", "secret")):
            text = mapping(mapping(item).get(kind)).get(key)
            if text is not None:
                yield child(at, kind, key), text
    for index, item in enumerate(items(trigger.get("handshakes"))):
        text = mapping(mapping(item).get("meta")).get("verify_token")
        if text is not None:
            yield child("/trigger/handshakes", index, "meta", "verify_token"), text


def claim_names_consumer(document: dict[str, Any]) -> bool:
    """Whether a claim of a token says who calls."""
    declared = items(mapping(document.get("trigger")).get("authentication"))
    return any(mapping(mapping(item).get("jwt")).get("consumer") is not None for item in declared)


def is_reference(text: Any) -> bool:
    """Whether this is one ``${NAME}`` and nothing else."""
    return isinstance(text, str) and re.fullmatch(REFERENCE, text, re.ASCII) is not None
