"""What the head of a request must be: the rules of HTTP/1.1 that the parser leaves open.

llhttp refuses bad lengths, bare LF, folded lines and control bytes by itself. Checked here are the
version, Host, transfer codings, and the sizes (P40). ``rtsp`` looks for what it takes beside HTTP.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

Headers = list[tuple[bytes, bytes]]

URL_LIMIT_BYTES: Final = 8 * 1024
HEADERS_LIMIT_BYTES: Final = 32 * 1024
HEADERS_LIMIT: Final = 100
# A head that is not complete after this much is refused, whatever part of it is so long; so is a
# chunked body of which this much in a row is no body (extensions of chunks, trailers).
HEAD_LIMIT_BYTES: Final = URL_LIMIT_BYTES + HEADERS_LIMIT_BYTES + 1024

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")


class Refused(Exception):
    """The request is not taken and the connection is closed after the answer; ``code`` is of
    ``model.problem``."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Framing(msgspec.Struct, frozen=True, gc=False):
    """How the message goes on after its head. ``length_bytes``: None where the body is chunked, 0
    where there is none. ``named``: the headers by name, of a repeated one the last."""

    length_bytes: int | None
    expects_continue: bool
    http_1_1: bool
    named: dict[bytes, bytes]


def check_size(headers: Headers) -> None:
    """Refused 431 for more than 100 headers, or more than 32 KiB of them."""
    size_bytes = sum(len(name) + len(value) + 4 for name, value in headers)
    if len(headers) > HEADERS_LIMIT or size_bytes > HEADERS_LIMIT_BYTES:
        raise Refused("headers_too_large")


def check_head(version: str, headers: Headers) -> Framing:
    """The framing of a request whose head is complete. ``headers``: names in lower case.

    Raises Refused: 400 for a head that breaks RFC 9112, 501 for an unknown transfer coding.
    """
    named = dict(headers)
    http_1_1 = version == "1.1"
    if not http_1_1 and version != "1.0":
        raise Refused("bad_request", "The version of HTTP is neither 1.1 nor 1.0.")
    host = named.get(b"host")
    if host is None:
        if http_1_1:
            raise Refused("bad_request", "The Host header is missing.")
    elif not _is_host(host):
        raise Refused("bad_request", "The Host header is not a host.")
    if len(named) != len(headers) and sum(name == b"host" for name, _ in headers) > 1:
        raise Refused("bad_request", "The Host header was sent more than once.")
    length: int | None = 0
    if b"transfer-encoding" in named:
        _check_transfer_coding(headers, http_1_1=http_1_1)
        length = None
    elif b"content-length" in named:
        length = int(named[b"content-length"])
    expect = named.get(b"expect")
    expects_continue = expect is not None and http_1_1 and expect.lower() == b"100-continue"
    return Framing(length, expects_continue, http_1_1, named)


@lru_cache(maxsize=256)
def _is_host(host: bytes) -> bool:
    """Most calls name the same few."""
    return _HOST.fullmatch(host) is not None


def _check_transfer_coding(headers: Headers, *, http_1_1: bool) -> None:
    """Nothing but ``chunked``, once, on HTTP/1.1 (RFC 9112 sections 6.1 and 6.3)."""
    if not http_1_1:
        raise Refused("bad_request", "HTTP/1.0 has no transfer codings.")
    lists = [value for name, value in headers if name == b"transfer-encoding"]
    codings = [coding.strip().lower() for coding in b",".join(lists).split(b",")]
    if codings == [b"chunked"]:
        return
    if b"" in codings or b"chunked" in codings[:-1]:
        raise Refused("bad_request", "The Transfer-Encoding header is not valid.")
    raise Refused("not_implemented", "The only transfer coding that is taken is chunked.")
