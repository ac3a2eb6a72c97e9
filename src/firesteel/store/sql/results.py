"""How responses and failures stand in the tables: MessagePack of their structs."""

from __future__ import annotations

from typing import get_args

import msgspec

from firesteel.model.execution import ErrorKind, Failure, Response

_encoder = msgspec.msgpack.Encoder()
_response = msgspec.msgpack.Decoder(Response)
_failure = msgspec.msgpack.Decoder(Failure)


def encode_response(response: Response) -> bytes:
    """As it stands in ``result.response``."""
    return _encoder.encode(response)


def decode_response(data: bytes) -> Response:
    """What ``encode_response`` encoded."""
    return _response.decode(data)


def encode_failure(failure: Failure | None) -> bytes | None:
    """None where the attempt was handed back."""
    return None if failure is None else _encoder.encode(failure)


def decode_failure(data: bytes | None) -> Failure | None:
    """What ``encode_failure`` encoded."""
    return None if data is None else _failure.decode(data)


def failure_beginnings(code: str) -> list[bytes]:
    """The bytes with which a stored failure of that code begins, one for each kind: the head of its
    array, kind, code. So SQL can look for a code without decoding."""
    beginnings = []
    for kind in get_args(ErrorKind):
        whole = _encoder.encode(Failure(kind, code, ""))
        beginnings.append(whole[:1] + _encoder.encode(kind) + _encoder.encode(code))
    return beginnings
