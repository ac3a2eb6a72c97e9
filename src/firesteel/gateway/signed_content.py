"""What a signature is made over: the template of a document, or Twilio's rule."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from firesteel.model.authentication import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from firesteel.gateway.presented import Presented

    Pieces = list[bytes]

_FORM: Final = b"application/x-www-form-urlencoded"
_FIELDS_MOST: Final = 1000
_PORTS: Final = {"https": 443, "http": 80}


class Signed:
    """A call whose body has come. ``base_url``: what its URL begins with, before the path;
    ``timestamp``: as it was sent, empty where none is."""

    __slots__ = ("base_url", "body", "presented", "timestamp")

    def __init__(self, presented: Presented, body: bytes, base_url: str) -> None:
        self.presented = presented
        self.body = body
        self.base_url = base_url
        self.timestamp = b""

    @property
    def url(self) -> bytes:
        """The whole URL, as the caller has it."""
        exchange = self.presented.exchange
        url = self.base_url.encode() + exchange.raw_path
        return url + b"?" + exchange.raw_query if exchange.raw_query else url


def compile_template(template: str) -> Callable[[Signed], Iterable[Pieces]]:
    """``{timestamp}.{body}`` as a function: the one content that may be signed, in pieces, so that
    a body is not copied; none where a header that is part of it was not sent once."""
    parts: list[bytes | str] = []
    at = 0
    for match in PLACEHOLDER.finditer(template):
        parts += [template[at : match.start()].encode(), match.group(1)]
        at = match.end()
    parts.append(template[at:].encode())
    kept = [part for part in parts if part != b""]

    def content(signed: Signed) -> Iterable[Pieces]:
        pieces: Pieces = []
        for part in kept:
            piece = part if isinstance(part, bytes) else _part(part, signed)
            if piece is None:
                return []
            pieces.append(piece)
        return [pieces]

    return content


def _part(name: str, signed: Signed) -> bytes | None:
    exchange = signed.presented.exchange
    if name == "body":
        return signed.body
    if name == "timestamp":
        return signed.timestamp
    if name.startswith("headers."):
        return signed.presented.header(name.removeprefix("headers.").lower().encode())
    known = {
        "method": exchange.method.encode(),
        "path": exchange.raw_path,
        "query": exchange.raw_query,
    }
    return signed.url if name == "url" else known[name]


def twilio_content(signed: Signed) -> Iterable[Pieces]:
    """The URL, and behind it name and value of every form field, sorted by name; of a body without
    fields its SHA-256 stands in the URL, or the URL alone would be signed. With and without the
    standard port, since Twilio signs either (https://www.twilio.com/docs/usage/security)."""
    kind = signed.presented.exchange.named.get(b"content-type", b"").partition(b";")[0]
    fields = _sorted_fields(signed.body) if kind.strip().lower() == _FORM else b""
    if fields is None or not (fields or _hash_fits(signed)):
        return []
    return [[url, fields] for url in _with_and_without_port(signed.url)]


def _sorted_fields(body: bytes) -> bytes | None:
    """Each pair once, as Twilio's own libraries have it; None where they cannot be read."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=False,
            errors="strict",
            max_num_fields=_FIELDS_MOST,
        )
    except ValueError:
        return None
    return "".join(name + value for name, value in sorted(set(pairs))).encode()


def _hash_fits(signed: Signed) -> bool:
    """Whether the body is the one whose hash stands in the URL; where none does there is none."""
    query = signed.presented.exchange.raw_query.decode("latin-1")
    try:
        sent = dict(parse_qsl(query, max_num_fields=_FIELDS_MOST)).get("bodySHA256")
    except ValueError:
        return False
    if sent is None:
        return not signed.body
    found = hashlib.sha256(signed.body).hexdigest()
    return hmac.compare_digest(sent.lower().encode(), found.encode())


def _with_and_without_port(url: bytes) -> list[bytes]:
    text = url.decode("latin-1")
    try:
        parts = urlsplit(text)
        named = parts.port
    except ValueError:  # of a Host that is none, where the public URL is not known
        return [url]
    port = _PORTS.get(parts.scheme)
    if port is None or named not in (None, port):
        return [url]
    host = parts.netloc.removesuffix(f":{port}")
    rest = text[len(parts.scheme) + len("://") + len(parts.netloc) :]
    return [
        f"{parts.scheme}://{netloc}{rest}".encode("latin-1") for netloc in (host, f"{host}:{port}")
    ]
