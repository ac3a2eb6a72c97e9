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
from firesteel.model.signature_schemes import scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from firesteel.gateway.presented import Presented
    from firesteel.model.authentication import SignatureAuth
    from firesteel.model.signature_schemes import SignatureScheme

CANDIDATES_MOST: Final = 10
LOOP_LIMIT_BYTES: Final = 256 * 1024
"""A longer body is hashed in a thread: it would hold up the event loop."""
_BLANKS_OR_COMMAS: Final = re.compile(rb"[ ,]+")
_SECONDS: Final = re.compile(rb"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Scheme:
    """A ``SignatureScheme`` as bytes are checked by it. ``content``: what may be signed."""

    header: bytes
    content: Callable[[Signed], Iterable[list[bytes]]]
    algorithm: str
    encoding: str
    prefix: bytes
    pieces: Callable[[bytes], list[bytes]]
    timestamp_header: bytes | None
    timestamp_mark: bytes | None

    @classmethod
    def of(cls, scheme: SignatureScheme) -> Scheme:
        """Compiled."""
        signed, dated, mark = scheme.signed, scheme.timestamp_header, scheme.timestamp_mark
        return cls(
            scheme.header.encode(),
            twilio_content if signed is None else compile_template(signed),
            scheme.algorithm,
            scheme.encoding,
            scheme.prefix.encode(),
            _PIECES[scheme.between],
            dated.encode() if dated else None,
            mark.encode() if mark else None,
        )

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


class SignatureRule:
    """One item of ``authentication``, with the secrets that are set."""

    def __init__(self, declared: SignatureAuth, secrets: Iterable[str]) -> None:
        self.label = declared.label
        scheme = scheme_of(declared)
        self.scheme = Scheme.of(scheme)
        self._tolerance_s = declared.tolerance_s
        self._keys = [key for secret in secrets if (key := scheme.key(secret))]

    def presented(self, presented: Presented) -> bool:
        """Whether the call carries such a signature, right or not."""
        return presented.header(self.scheme.header) is not None

    def fits(self, signed: Signed) -> bool:
        """Whether one of the secrets signed the call, at a time that is near enough."""
        scheme = self.scheme
        value = signed.presented.header(scheme.header)
        if value is None:
            return False
        pieces = scheme.pieces(value.strip(b" "))[: 2 * CANDIDATES_MOST]
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


def _by_comma(value: bytes) -> list[bytes]:
    """Without the spaces around each comma. A pattern of them would look at a long row of spaces
    once for each of its spaces."""
    return [piece.strip(b" ") for piece in value.split(b",")]


_PIECES: Final[dict[str, Callable[[bytes], list[bytes]]]] = {
    " ": re.compile(rb" +").split,
    ",": _by_comma,
    " ,": _BLANKS_OR_COMMAS.split,
}
