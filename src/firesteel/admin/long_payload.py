"""What a message holds may be 100 MiB long, and no call of ours into C may take that long (P27): a
thread of the engine holds the interpreter's lock for as long as one of them lasts.

So a long payload is not made into one text. It is looked at, and written as JSON, piece by piece;
a shape has its beginning, for people.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, PrivateAttr

from firesteel.admin.shapes.messages import PayloadShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WHOLE_BYTES: Final = 4 * 1024 * 1024
"""What is longer is a LongPayload. More could not be sent back by an edited replay either."""
_BEGINNING_BYTES: Final = 384 * 1024
_PIECE_BYTES: Final = 384 * 1024  # of base64 too, which takes three at a time
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class LongPayload(PayloadShape):
    """``text`` or ``base64`` is the beginning alone."""

    _data: bytes = PrivateAttr(b"")

    @property
    def data(self) -> bytes:
        """All of it."""
        return self._data


def payload_of(data: bytes) -> PayloadShape:
    """Bytes as text where people can read them."""
    return PayloadShape(size_bytes=len(data), **_written(data, is_text=_is_text(data)))


def bounded_payload_of(data: bytes) -> PayloadShape:
    """The same for what is written by ``json_of``: a LongPayload where they are many."""
    if len(data) <= WHOLE_BYTES:
        return payload_of(data)
    beginning = _written(data[:_BEGINNING_BYTES], is_text=_is_text(data))
    shape = LongPayload(size_bytes=len(data), **beginning)
    shape._data = data
    return shape


def json_of(shape: BaseModel) -> Iterator[bytes]:
    """The JSON of a shape in pieces; each is made without the others."""
    if isinstance(shape, LongPayload):
        yield from _json_of_payload(shape)
        return
    parts = {name: value for name, value in shape if _has_parts(value)}
    rest = shape.model_dump_json(exclude=set(parts)).encode()
    if not parts:
        yield rest
        return
    yield rest[:-1]
    joint = "," if len(rest) > len("{}") else ""
    for name, value in parts.items():
        yield f"{joint}{json.dumps(name)}:".encode()
        yield from json_of(value) if isinstance(value, BaseModel) else _json_of_list(value)
        joint = ","
    yield b"}"


def joined(pieces: Iterable[bytes], size_bytes: int = 64 * 1024) -> Iterator[bytes]:
    """The same in fewer pieces, none much longer than the longest."""
    found: list[bytes] = []
    length = 0
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length >= size_bytes:
            yield b"".join(found)
            found, length = [], 0
    yield b"".join(found)


def _has_parts(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], BaseModel)
    return isinstance(value, BaseModel)


def _json_of_list(shapes: list[BaseModel]) -> Iterator[bytes]:
    joint = b"["
    for shape in shapes:
        yield joint
        yield from json_of(shape)
        joint = b","
    yield b"]"


def _json_of_payload(payload: LongPayload) -> Iterator[bytes]:
    told = f'{{"size_bytes":{payload.size_bytes},'
    if payload.text is None:
        yield f'{told}"text":null,"base64":"'.encode()
        for start in range(0, payload.size_bytes, _PIECE_BYTES):
            yield base64.b64encode(payload.data[start : start + _PIECE_BYTES])
        yield b'"}'
    else:
        yield f'{told}"base64":null,"text":"'.encode()
        for piece in _texts(payload.data, strict=True):
            yield json.dumps(piece, ensure_ascii=False)[1:-1].encode()
        yield b'"}'


def _is_text(data: bytes) -> bool:
    return all(_CONTROL.search(piece) is None for piece in _texts(data, strict=False))


def _texts(data: bytes, *, strict: bool) -> Iterator[str]:
    """The pieces of a text in UTF-8. Where ``data`` is none the last one is NUL, unless
    ``strict``."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _PIECE_BYTES):
            stop = start + _PIECE_BYTES
            yield decoder.decode(data[start:stop], final=stop >= len(data))
    except UnicodeDecodeError:
        if strict:
            raise
        yield "\0"


def _written(data: bytes, *, is_text: bool) -> dict[str, Any]:
    """``data``: whole, or the beginning of a longer one, which may end within a letter."""
    if is_text:
        decoder = codecs.getincrementaldecoder("utf-8")()
        return {"text": decoder.decode(data), "base64": None}
    return {"text": None, "base64": base64.b64encode(data).decode()}
