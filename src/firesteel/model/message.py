"""A message: one accepted call, and what is kept of it."""

from __future__ import annotations

import msgspec

Headers = list[tuple[bytes, bytes]]

CREDENTIAL_HEADERS = frozenset({b"x-api-key", b"authorization", b"cookie", b"proxy-authorization"})


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was received beside the body. ``headers`` have lower-case names, keep order and number,
    and hold no credential header; ``raw_query`` is the part after ``?`` as received. ``way``: which
    way to authenticate let the call in, by its key in a document; "": none was needed, or it is of
    a release that did not note it."""

    method: str
    path: str
    raw_query: bytes
    headers: Headers
    way: str = ""

    def header(self, name: bytes) -> bytes | None:
        """The last header of that lower-case name, as the gateway reads it: where a sender names
        two content types, what was checked and what a workflow gets are of one and the same."""
        for key, value in reversed(self.headers):
            if key == name:
                return value
        return None


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message as the store returns it and a worker gets it; ``request`` is an encoded Request."""

    id: str
    sequence: int
    received_at_us: int
    consumer: str | None
    request: bytes
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Request)


def encode_request(request: Request) -> bytes:
    """As it is stored and sent to workers."""
    return _encoder.encode(request)


def decode_request(data: bytes) -> Request:
    """The opposite of ``encode_request``."""
    return _decoder.decode(data)


def without_credentials(headers: Headers) -> Headers:
    """The headers that may be stored (P05: all but the credentials, in order)."""
    return [pair for pair in headers if pair[0] not in CREDENTIAL_HEADERS]
