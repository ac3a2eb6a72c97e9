"""The exact form in which results of steps are journaled: what is read equals what was written.

MessagePack, which tells integers, floats, texts and bytes apart, with extension types of ours for
what it has no type for. JSON-like values pass through nearly untouched; whoever shows a result to
people uses ``as_json``.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from firesteel.errors import AuthorError

LIMIT_BYTES = 10 * 1024 * 1024
DEPTH_LIMIT = 200

_BIG_INTEGER, _DECIMAL, _DATETIME, _DATE, _TIME, _DURATION, _UUID, _TUPLE, _SET, _PAIRS = range(
    1, 11
)
_MOST, _LEAST = 2**63 - 1, -(2**63)
_PLAIN = frozenset({str, bool, float, bytes, type(None)})

_encoder = msgspec.msgpack.Encoder()


class ResultInvalid(AuthorError):
    """The result of a step cannot be journaled; the text names the type."""

    code = "result_invalid"


def encode_result(value: Any) -> bytes:
    """Raises ResultInvalid for a value of another kind, code ``result_too_large`` past 10 MiB."""
    try:
        data = _encoder.encode(_prepared(value, 0))
    except UnicodeEncodeError as error:
        raise ResultInvalid("a text of the result has half a surrogate pair") from error
    if len(data) > LIMIT_BYTES:
        raise ResultInvalid("the result of a step is larger than 10 MiB", code="result_too_large")
    return data


def decode_result(data: bytes) -> Any:
    """The value that was encoded; raises msgspec.DecodeError on anything else."""
    return _decoder.decode(data)


def as_json(value: Any) -> Any:
    """A decoded result for people: what JSON has no type for as text, bytes as base64."""
    if isinstance(value, Mapping):
        return {str(as_json(key)): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str | int | float | type(None)):
        return value
    return str(value)


def _prepared(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is int:
        return value if _LEAST <= value <= _MOST else _extension(_BIG_INTEGER, hex(value))
    if depth >= DEPTH_LIMIT:
        raise ResultInvalid("the result of a step is nested too deeply")
    if kind is dict:
        return _mapping(value, depth + 1)
    if kind is list:
        return [_prepared(item, depth + 1) for item in value]
    return _other(value, depth)


def _mapping(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str for key in value):
        return {key: _prepared(item, depth) for key, item in value.items()}
    pairs = [[_prepared(key, depth), _prepared(item, depth)] for key, item in value.items()]
    return msgspec.msgpack.Ext(_PAIRS, _encoder.encode(pairs))


def _other(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return _prepared(value.value, depth + 1)
    for kind, code, written in _WRITTEN:
        if isinstance(value, kind):
            return _extension(code, written(value))
    if isinstance(value, tuple | set | frozenset):
        items = [_prepared(item, depth + 1) for item in value]
        code = _TUPLE if isinstance(value, tuple) else _SET
        return msgspec.msgpack.Ext(code, _encoder.encode(items))
    for base, plain in _BASES:
        if isinstance(value, base):  # a subclass, such as a defaultdict
            return _prepared(plain(value), depth + 1)
    raise ResultInvalid(
        f"a step returned {type(value).__name__}, which cannot be journaled: return JSON-like"
        " values, or annotate the step's return type with a data class or pydantic model"
    )


_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int),
    (float, float),
    (str, str),
    (bytes, bytes),
    (dict, dict),
    (list, list),
)


def _extension(code: int, text: str) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, text.encode())


def _duration_text(value: timedelta) -> str:
    return f"{value.days},{value.seconds},{value.microseconds}"


def _duration(text: str) -> timedelta:
    days, seconds, microseconds = text.split(",")
    return timedelta(int(days), int(seconds), int(microseconds))


_WRITTEN: tuple[tuple[type, int, Callable[[Any], str]], ...] = (
    (Decimal, _DECIMAL, str),
    (datetime, _DATETIME, datetime.isoformat),  # before date: a datetime is one
    (date, _DATE, date.isoformat),
    (time, _TIME, time.isoformat),
    (timedelta, _DURATION, _duration_text),
    (uuid.UUID, _UUID, str),
)

_READ: dict[int, Callable[[str], Any]] = {
    _BIG_INTEGER: lambda text: int(text, 16),
    _DECIMAL: Decimal,
    _DATETIME: datetime.fromisoformat,
    _DATE: date.fromisoformat,
    _TIME: time.fromisoformat,
    _DURATION: _duration,
    _UUID: uuid.UUID,
}


def _read_extension(code: int, data: memoryview) -> Any:
    if code in _READ:
        return _READ[code](bytes(data).decode())
    items = _decoder.decode(data)
    if code == _TUPLE:
        return tuple(items)
    if code == _SET:
        return set(items)
    return dict(items)


_decoder = msgspec.msgpack.Decoder(ext_hook=_read_extension)
