"""JSON is read and written without losing a digit, and nothing is taken that RFC 8259 forbids."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from firesteel.model.json_exact import JsonInvalid, NotJson, dumps, loads


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"[]", []),
        (b'{"":0}', {"": 0}),
        (b" [1 , 2\n]\t\r", [1, 2]),
        (b"-0", 0),
        (b"12345678901234567890123", 12345678901234567890123),
        (b"1.50", Decimal("1.50")),
        (b"1e2", Decimal("1e2")),
        (b"0e+1", Decimal("0e1")),
        (b'"\\u0061\\/\\ud834\\udd1e"', "a/\U0001d11e"),
        (b"\xef\xbb\xbf{}", {}),
        ('"\u20ac\U0001f600"'.encode(), "\u20ac\U0001f600"),
        (b"[" * 200 + b"]" * 200, None),
        (b"9" * 4300, int("9" * 4300)),
    ],
)
def test_takes_json_exactly(text: bytes, value: Any) -> None:
    found = loads(text)
    if value is not None:
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "malformed"),
        (b" ", "malformed"),
        (b"[1,]", "malformed"),
        (b'{"a":1,}', "malformed"),
        (b"{a:1}", "malformed"),
        (b"'a'", "malformed"),
        (b"01", "malformed"),
        (b"+1", "malformed"),
        (b".5", "malformed"),
        (b"1.", "malformed"),
        (b"1e", "malformed"),
        (b"0x1", "malformed"),
        (b"NaN", "malformed"),
        (b"-Infinity", "malformed"),
        (b"[1] x", "malformed"),
        (b'"a\nb"', "malformed"),
        (b'"\\x"', "malformed"),
        (b'"\\u00g0"', "malformed"),
        (b"[1]\xc2\xa0", "malformed"),
        (b"\xe4", "not_utf8"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        ('"a"'.encode("utf-16"), "not_utf8"),
        (b'"\\ud800"', "lone_surrogate"),
        (b'{"\\udc00":1}', "lone_surrogate"),
        (b'{"a":1,"a":1}', "duplicate_name"),
        (b'{"a":1,"\\u0061":1}', "duplicate_name"),
        (b"1e400", "number_out_of_range"),
        (b"-1e400", "number_out_of_range"),
        (b"1e-400", "number_out_of_range"),
        (b"1e99999999999999999999", "number_out_of_range"),
        (b"9" * 4301, "number_out_of_range"),
        (b"[" * 201 + b"]" * 201, "nested_too_deeply"),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "nested_too_deeply"),
        (b"[" * 1_000_000, "nested_too_deeply"),
    ],
)
def test_refuses_what_is_not_json_with_a_stable_code(text: bytes, code: str) -> None:
    with pytest.raises(JsonInvalid) as caught:
        loads(text)
    assert caught.value.code == code


def test_errors_do_not_repeat_what_was_sent() -> None:
    with pytest.raises(JsonInvalid) as caught:
        loads(b'{"password": hunter2}')
    assert "hunter2" not in caught.value.detail


class Colour(enum.Enum):
    RED = "red"


class Item(BaseModel):
    price: Decimal = Decimal("1.50")


@dataclass
class Line:
    item: Item


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**100, b"1267650600228229401496703205376"),
        (Decimal("12.50"), b"12.50"),
        (date(2024, 2, 29), b'"2024-02-29"'),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), b'"2024-02-29T12:00:00Z"'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        (b"\x00\xff", b'"AP8="'),
        (Colour.RED, b'"red"'),
        (Line(Item()), b'{"item":{"price":1.50}}'),
        ({"a": (1, None, True)}, b'{"a":[1,null,true]}'),
    ],
)
def test_writes_what_workflows_return(value: Any, text: bytes) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [float("inf")],
        Decimal("NaN"),
        Line(float("-inf")),  # type: ignore[arg-type]
        {"a": object()},
        {(1, 2): 3},
        "\ud800",
        1j,
    ],
)
def test_refuses_to_write_what_json_has_no_form_for(value: Any) -> None:
    with pytest.raises(NotJson):
        dumps(value)
