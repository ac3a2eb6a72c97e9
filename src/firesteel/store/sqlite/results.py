"""How responses and failures stand in the tables: MessagePack of their structs."""

from __future__ import annotations

import msgspec

from firesteel.model.execution import Failure, Response

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
