"""Signatures over a call: HMACs under shared secrets, as providers of webhooks send them.

All secrets of an item are tried, and compared in constant time: which of several was right, or how
much of a signature, shows in no answer and in no time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from firesteel.gateway.signed_content import Signed, compile_template, twilio_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from firesteel.gateway.presented import Presented
    from firesteel.model.authentication import SignatureAuth

CANDIDATES_MOST: Final = 10
LOOP_LIMIT_BYTES: Final = 256 * 1024
"""A longer body is hashed in a thread: it would hold up the event loop."""
_SPACES: Final = re.compile(rb" +")
_COMMAS: Final = re.compile(rb" *, *")
_EITHER: Final = re.compile(rb"[ ,]+")
_SECONDS: Final = re.compile(rb"[0-9]{1,12}")
_WEBHOOK_SECRET: Final = "whsec_"  # noqa: S105  # what stands before a secret


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one provider signs. ``header`` holds signatures with ``prefix`` before each, separated by
    ``between``. The time stands in ``timestamp_header``, or behind ``timestamp_mark`` in the header
    itself; with neither nothing is known of it. ``content``: what may be signed."""

    header: bytes
    content: Callable[[Signed], Iterable[list[bytes]]]
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: bytes = b""
    between: re.Pattern[bytes] = _EITHER
    timestamp_header: bytes | None = None
    timestamp_mark: bytes | None = None

    @property
    def dated(self) -> bool:
        """Whether a time is asked for."""
        return self.timestamp_header is not None or self.timestamp_mark is not None

    def timestamp(self, presented: Presented, pieces: list[bytes]) -> bytes | None:
        """The time as it was sent; None where there is none."""
        if self.timestamp_header is not None:
            return presented.header(self.timestamp_header)
        mark = self.timestamp_mark or b""
        found = [piece[len(mark) :] for piece in pieces if piece.startswith(mark)]
        return found[0] if len(found) == 1 else None


PRESETS: Final[Mapping[str, Scheme]] = {
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    "standard_webhooks": Scheme(
        b"webhook-signature",
        compile_template("{headers.webhook-id}.{timestamp}.{body}"),
        encoding="base64",
        prefix=b"v1,",
        between=_SPACES,
        timestamp_header=b"webhook-timestamp",
    ),
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    "github": Scheme(b"x-hub-signature-256", compile_template("{body}"), prefix=b"sha256="),
    # https://docs.stripe.com/webhooks#verify-manually
    "stripe": Scheme(
        b"stripe-signature",
        compile_template("{timestamp}.{body}"),
        prefix=b"v1=",
        between=_COMMAS,
        timestamp_mark=b"t=",
    ),
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    "shopify": Scheme(b"x-shopify-hmac-sha256", compile_template("{body}"), encoding="base64"),
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    "slack": Scheme(
        b"x-slack-signature",
        compile_template("v0:{timestamp}:{body}"),
        prefix=b"v0=",
        timestamp_header=b"x-slack-request-timestamp",
    ),
    # https://www.twilio.com/docs/usage/security
    "twilio": Scheme(b"x-twilio-signature", twilio_content, algorithm="sha1", encoding="base64"),
}


class SignatureRule:
    """One item of ``authentication``, with the secrets that are set."""

    def __init__(self, declared: SignatureAuth, secrets: Iterable[str]) -> None:
        self.label = declared.label
        self.scheme = PRESETS[declared.preset] if declared.preset else _own(declared)
        self._tolerance_s = declared.tolerance_s
        self._keys = [key for secret in secrets if (key := _key(declared, secret))]

    def presented(self, presented: Presented) -> bool:
        """Whether the call carries such a signature, right or not."""
        return presented.header(self.scheme.header) is not None

    def fits(self, signed: Signed) -> bool:
        """Whether one of the secrets signed the call, at a time that is near enough."""
        scheme = self.scheme
        value = signed.presented.header(scheme.header)
        if value is None:
            return False
        pieces = scheme.between.split(value.strip(b" "))[: 2 * CANDIDATES_MOST]
        if scheme.dated:
            timestamp = scheme.timestamp(signed.presented, pieces)
            if timestamp is None or not self._near(timestamp, signed.presented.now_us):
                return False
            signed.timestamp = timestamp
        sent = _decoded(scheme, pieces)
        if not sent:
            return False
        found = False
        for content in scheme.content(signed):
            for key in self._keys:
                mac = hmac.new(key, digestmod=scheme.algorithm)
                for part in content:
                    mac.update(part)
                right = mac.digest()
                for candidate in sent:
                    found |= hmac.compare_digest(right, candidate)
        return found

    def _near(self, timestamp: bytes, now_us: int) -> bool:
        if not _SECONDS.fullmatch(timestamp):
            return False
        return abs(now_us / 1e6 - int(timestamp)) <= self._tolerance_s


def _own(declared: SignatureAuth) -> Scheme:
    dated = declared.timestamp_header
    return Scheme(
        (declared.header or "").lower().encode(),
        compile_template(declared.signed or "{body}"),
        algorithm=declared.algorithm,
        encoding=declared.encoding,
        prefix=(declared.prefix or "").encode(),
        timestamp_header=dated.lower().encode() if dated else None,
    )


def _key(declared: SignatureAuth, secret: str) -> bytes:
    """The bytes of the HMAC's key; none where the secret is none of Standard Webhooks, which are
    base64."""
    if declared.preset != "standard_webhooks":
        return secret.encode()
    return webhook_key(secret)


def webhook_key(secret: str) -> bytes:
    """The key of a secret of Standard Webhooks: base64, mostly behind ``whsec_``."""
    try:
        return base64.b64decode(secret.removeprefix(_WEBHOOK_SECRET), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _decoded(scheme: Scheme, pieces: list[bytes]) -> list[bytes]:
    """The signatures that were sent, as bytes; what is none is left out."""
    found = []
    for piece in pieces:
        if not piece.startswith(scheme.prefix):
            continue
        text = piece[len(scheme.prefix) :]
        try:
            if scheme.encoding == "hex":
                found.append(bytes.fromhex(text.decode("ascii")))
            else:
                found.append(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            continue
    return found[:CANDIDATES_MOST]
