"""How a snippet signs a call: what the HMAC is made over, piece by piece, and where it is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from firesteel.model.authentication import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.admin.callers.call import Call
    from firesteel.model.signature_schemes import SignatureScheme

SECRET_VARIABLE = "SECRET"  # noqa: S105  # its name
BODY: Final = "body"
NOW: Final = "now"
"""Seconds since 1970, when the command is run."""
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what is signed: a text, or what is known only when the command is run: ``BODY``,
    ``NOW`` or the name of a header that is signed and that the call does not have, of which the
    command makes the value up."""

    text: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """``call``: as it is sent, but for the headers of the signature. ``made_up``: headers that are
    signed, with random values. ``header`` carries ``prefix`` and the signature, behind the time
    where ``marked`` says what stands before that."""

    call: Call
    pieces: Sequence[Piece]
    made_up: Sequence[str]
    header: str
    prefix: str
    marked: str | None
    timestamp_header: str | None
    algorithm: str
    encoding: str
    base64_secret: bool

    @property
    def dated(self) -> bool:
        """Whether the time is sent."""
        return self.marked is not None or self.timestamp_header is not None


def signing(scheme: SignatureScheme, call: Call, base_url: str) -> Signing:
    """``base_url``: what the path is appended to."""
    if scheme.signed is None:
        call, pieces = _by_twilio(call, base_url)
    else:
        pieces = _by_template(scheme.signed, call, base_url)
    known = {"", BODY, NOW}
    return Signing(
        call,
        pieces,
        list(dict.fromkeys(piece.variable for piece in pieces if piece.variable not in known)),
        scheme.header,
        scheme.prefix,
        scheme.timestamp_mark,
        scheme.timestamp_header,
        scheme.algorithm,
        scheme.encoding,
        scheme.base64_secret,
    )


def _by_template(template: str, call: Call, base_url: str) -> list[Piece]:
    pieces, at = [], 0
    for match in PLACEHOLDER.finditer(template):
        pieces += [Piece(template[at : match.start()]), _piece(match.group(1), call, base_url)]
        at = match.end()
    pieces.append(Piece(template[at:]))
    return [piece for piece in pieces if piece != Piece()]


def _piece(name: str, call: Call, base_url: str) -> Piece:
    if name == "body":
        return Piece(variable=BODY)
    if name == "timestamp":
        return Piece(variable=NOW)
    if name.startswith("headers."):
        header = name.removeprefix("headers.").lower()
        sent = call.headers.get(header)
        return Piece(variable=header) if sent is None else Piece(sent)
    path, _, query = call.path.partition("?")
    known = {"method": call.method, "path": path, "query": query, "url": base_url + call.path}
    return Piece(known[name])


def _by_twilio(call: Call, base_url: str) -> tuple[Call, list[Piece]]:
    """The URL, and behind it the fields of a form; the hash of another body stands in the URL."""
    body = call.body or b""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != _FORM:
        joint = "&" if "?" in call.path else "?"
        hashed = f"{call.path}{joint}bodySHA256={hashlib.sha256(body).hexdigest()}"
        call = replace(call, path=hashed)
        body = b""
    pairs = sorted(set(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
    fields = "".join(name + value for name, value in pairs)
    return call, [Piece(base_url + call.path + fields)]
