"""How calls are signed: what an HMAC is made over and where it stands, for providers and as a
document declares it. The gateway checks by it, and snippets sign by it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firesteel.model.authentication import SignatureAuth

_WEBHOOK_SECRET: Final = "whsec_"  # noqa: S105  # what stands before a secret


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """``header`` holds signatures with ``prefix`` before each, separated by ``between``. The time
    stands in ``timestamp_header``, or behind ``timestamp_mark`` in the header itself; with neither
    nothing is known of it. ``signed``: the template of what is signed; None: by Twilio's rule.
    ``base64_secret``: the HMAC's key is the secret decoded."""

    header: str
    signed: str | None
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    between: Literal[" ", ",", " ,"] = " ,"
    timestamp_header: str | None = None
    timestamp_mark: str | None = None
    base64_secret: bool = False

    def key(self, secret: str) -> bytes:
        """The bytes of the HMAC's key; none where the secret is no base64 and has to be."""
        return webhook_key(secret) if self.base64_secret else secret.encode()


PRESETS: Final[Mapping[str, SignatureScheme]] = {
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    "standard_webhooks": SignatureScheme(
        "webhook-signature",
        "{headers.webhook-id}.{timestamp}.{body}",
        encoding="base64",
        prefix="v1,",
        between=" ",
        timestamp_header="webhook-timestamp",
        base64_secret=True,
    ),
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    "github": SignatureScheme("x-hub-signature-256", "{body}", prefix="sha256="),
    # https://docs.stripe.com/webhooks#verify-manually
    "stripe": SignatureScheme(
        "stripe-signature",
        "{timestamp}.{body}",
        prefix="v1=",
        between=",",
        timestamp_mark="t=",
    ),
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    "shopify": SignatureScheme("x-shopify-hmac-sha256", "{body}", encoding="base64"),
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    "slack": SignatureScheme(
        "x-slack-signature",
        "v0:{timestamp}:{body}",
        prefix="v0=",
        timestamp_header="x-slack-request-timestamp",
    ),
    # https://www.twilio.com/docs/usage/security
    "twilio": SignatureScheme("x-twilio-signature", None, algorithm="sha1", encoding="base64"),
}


def scheme_of(declared: SignatureAuth) -> SignatureScheme:
    """That of the preset, or the one that is declared."""
    if declared.preset:
        return PRESETS[declared.preset]
    dated = declared.timestamp_header
    return SignatureScheme(
        (declared.header or "").lower(),
        declared.signed or "{body}",
        algorithm=declared.algorithm,
        encoding=declared.encoding,
        prefix=declared.prefix or "",
        timestamp_header=dated.lower() if dated else None,
    )


def webhook_key(secret: str) -> bytes:
    """The key of a secret of Standard Webhooks: base64, mostly behind ``whsec_``."""
    try:
        return base64.b64decode(secret.removeprefix(_WEBHOOK_SECRET), validate=True)
    except (binascii.Error, ValueError):
        return b""
