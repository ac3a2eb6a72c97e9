"""JSON read and written exactly: no digit lost, nothing taken that RFC 8259 does not allow.

Integers are Python ints of any size, numbers with a fraction or an exponent are Decimals as they
were written. What RFC 8259 leaves open is decided for the sender's sake where that is harmless (a
byte order mark is skipped, section 8.1), and refused where two readers could see two things:
duplicate names, lone surrogates, numbers that no double can hold.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NoReturn

import msgspec

MAX_DEPTH: Final = 200
MAX_DIGITS: Final = 4300
MAX_EXPONENT: Final = 308

_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\n\r"
_BEFORE_A_VALUE = ("", *_SPACE)
_TOO_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
# What the encoder writes for a float and for Decimals that are not finite.
_NOT_FINITE = (b"null", b"NaN", b"Infinity")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class JsonInvalid(ValueError):
    """The bytes are no JSON that is taken. ``code`` is ``malformed``, ``not_utf8``,
    ``duplicate_name``, ``lone_surrogate``, ``number_out_of_range`` or ``nested_too_deeply``; the
    text never repeats what was sent.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class NotJson(ValueError):
    """A value has no form in JSON; the text names its type."""


def loads(data: bytes) -> Any:
    """The value of a JSON text: dict, list, str, int, Decimal, bool or None; at most 200 deep.

    Raises JsonInvalid.
    """
    try:
        text = data.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise JsonInvalid("not_utf8", "the text is not UTF-8") from None
    if len(data) > MAX_DIGITS and _TOO_MANY_DIGITS.search(data):
        raise JsonInvalid("number_out_of_range", f"a number has over {MAX_DIGITS} digits")
    try:
        value = _decoded(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonInvalid("malformed", f"the text is not JSON at {place}") from None
    except RecursionError:
        raise _too_deep() from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        check_depth(value)
    if b"\\u" in data and _SURROGATE_ESCAPE.search(data):
        _check_surrogates(value)
    return value


def _decoded(text: str) -> Any:
    """What ``decode`` says, which looks for space around the value by regular expressions."""
    if text[:1] in _BEFORE_A_VALUE:
        return _decoder.decode(text)
    value, end = _decoder.raw_decode(text)
    if text[end:].strip(_SPACE):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8 of a JSON value, and of Decimals (as written), dates and times (ISO
    8601), UUIDs, bytes (base64), enumerations, data classes and pydantic models.

    Raises NotJson for everything else, NaN and the infinities among it.
    """
    try:
        data = _encoder.encode(value)
        if any(sign in data for sign in _NOT_FINITE):
            _check_finite(value)
    except RecursionError:
        raise NotJson("a value is nested too deeply for JSON") from None
    except UnicodeEncodeError:
        raise NotJson("a text has half a surrogate pair, which UTF-8 cannot hold") from None
    except (TypeError, msgspec.ValidationError, OverflowError) as error:
        raise NotJson(_unsupported(error)) from None
    return data


def check_depth(value: Any) -> None:
    """Raises JsonInvalid ``nested_too_deeply`` past 200 lists and objects within each other."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    if level:
        raise _too_deep()


def _too_deep() -> JsonInvalid:
    return JsonInvalid("nested_too_deeply", f"the text is nested over {MAX_DEPTH} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonInvalid("duplicate_name", "an object has the same name twice")
    return members


def _decimal(text: str) -> Decimal:
    if len(text) <= MAX_EXPONENT and "e" not in text and "E" not in text:
        return Decimal(text)
    # Looked at before Decimal sees it: 1e999999999 costs its sender nothing.
    exponent = text.lower().partition("e")[2].lstrip("+-").lstrip("0")
    if len(exponent) <= 4 and len(text) <= MAX_DIGITS + 8:
        number = Decimal(text)
        if not number or abs(number.adjusted()) <= MAX_EXPONENT:
            return number
    raise JsonInvalid("number_out_of_range", "a number is not between 1e-308 and 1e308")


def _constant(_name: str) -> NoReturn:
    raise JsonInvalid("malformed", "NaN and Infinity are not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_constant=_constant
)


def _check_surrogates(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise JsonInvalid(
                    "lone_surrogate", "a text has half a surrogate pair (\\ud800 to \\udfff)"
                ) from None
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


# Of subclasses such as a StrEnum's value, which the encoder does not know.
_BASES: tuple[type[Any], ...] = (str, int, float, list)


def _other(value: Any) -> Any:
    """What the encoder does not know itself; the encoder goes on with what is returned."""
    if isinstance(value, Enum):
        return value.value
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump()
    if isinstance(value, Mapping) and type(value) is not dict:
        return dict(value)
    for base in _BASES:
        if isinstance(value, base) and type(value) is not base:
            return base(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_encoder = msgspec.json.Encoder(enc_hook=_other, decimal_format="number")


def _unsupported(error: Exception) -> str:
    text = str(error)
    return text if "has no form in JSON" in text else "a name of an object is not a text"


def _check_finite(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                raise NotJson("NaN and the infinities have no form in JSON")
        elif isinstance(item, Decimal):
            if not item.is_finite():
                raise NotJson("NaN and the infinities have no form in JSON")
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            stack.extend(item)
        elif not isinstance(item, str | int | bytes | None):
            stack.extend(_fields(item))


def _fields(value: Any) -> list[Any]:
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return [dump()]
    return [value.value] if isinstance(value, Enum) else []
