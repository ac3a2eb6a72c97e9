"""Paths read keys out of a call before it is accepted."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.path import MAX_KEY_CHARACTERS, MISSING, Path, PathError, as_key

HEADERS = [(b"x-event-id", b"e-1"), (b"accept", b"a"), (b"accept", b"b"), (b"x-name", b"\xe9")]
BODY = {
    "customer_no": "C-7",
    "lines": [{"item": "A"}, {"item": "B"}],
    "a": {"0": "zero", "@id": 5, "nothing": None},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("query.item", "A-100"),
        ("query.with.dot", "dotted"),
        ("query.none", MISSING),
        ("headers.x-event-id", "e-1"),
        ("headers.X-Event-Id", "e-1"),
        ("headers.accept", "a, b"),
        ("headers.x-name", "é"),
        ("headers.none", MISSING),
        ("consumer", "web shop"),
        ("body", BODY),
        ("body.customer_no", "C-7"),
        ("body.lines.1.item", "B"),
        ("body.lines.2.item", MISSING),
        ("body.lines.-1.item", MISSING),
        ("body.lines.01.item", MISSING),
        ("body.lines.item", MISSING),
        ("body.a.0", "zero"),
        ("body.a.@id", 5),
        ("body.a.nothing", MISSING),
        ("body.a.nothing.more", MISSING),
        ("body.customer_no.0", MISSING),
    ],
)
def test_a_path_yields_the_value_or_nothing(path: str, value: Any) -> None:
    query = {"item": "A-100", "with.dot": "dotted"}
    assert Path.parse(path).read(query, HEADERS, "web shop", BODY) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("body.o.line.0.no", "7"),
        ("body.o.line.no", "7"),
        ("body.o.line.no.0", "7"),
        ("body.o.line.1.no", MISSING),
        ("body.o.two.0", "a"),
        ("body.o.two.2", MISSING),
        ("body.0.o.line.no", MISSING),
        ("body.0", MISSING),
    ],
)
def test_item_0_is_what_xml_has_once(path: str, value: Any) -> None:
    body = {"o": {"line": {"no": "7"}, "two": ["a", "b"]}}
    assert Path.parse(path).read({}, [], None, body, once_is_a_list=True) == value


def test_item_0_of_what_json_has_once_is_nothing() -> None:
    assert Path.parse("body.a.0").read({}, [], None, {"a": "x"}) is MISSING


def test_an_open_trigger_has_no_consumer_and_an_unread_body_yields_nothing() -> None:
    assert Path.parse("consumer").read({}, [], None, None) is MISSING
    assert Path.parse("body.a").read({}, [], None, None) is MISSING
    assert Path.parse("body.a").needs_body
    assert not Path.parse("headers.a").needs_body


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", ""),
        ("customer_no", "did you mean body.customer_no?"),
        ("payload.x", "write body.x"),
        ("header.x", "write headers.x"),
        ("Body.x", "write body.x"),
        ("$.a", "write body.customer_no, without $"),
        ("{% body.a %}", "a path stands without {% %}: it is read before the call is accepted"),
        ("body.", "remove the extra dot"),
        ("body..a", "remove the extra dot"),
        ("body.a[0].b", "write body.a.0.b"),
        ("query", "write query.NAME"),
        ("headers.", "write headers.NAME"),
        ("headers.a b", "write it as headers.x-event-id"),
        ("consumer.name", ""),
        ("body.a\n", ""),
        ("body." + "a" * 200, ""),
    ],
)
def test_what_is_no_path_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(PathError) as caught:
        Path.parse(text)
    if hint:
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("C-7", "C-7"),
        ("", MISSING),
        (None, MISSING),
        ([], MISSING),
        ({}, MISSING),
        (b"x", MISSING),
        (MISSING, MISSING),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-3, "-3"),
        (9007199254740993, "9007199254740993"),
        (1.0, "1"),
        (Decimal("1.0"), "1"),
        (Decimal("1e2"), "100"),
        (Decimal("-0.0"), "0"),
        (Decimal("0.10"), "0.1"),
        (0.1, "0.1"),
        (Decimal("123456789012345678901234567890.5"), "123456789012345678901234567890.5"),
    ],
)
def test_a_key_is_the_exact_text_of_a_scalar(value: Any, key: Any) -> None:
    assert as_key(value) == key


def test_a_huge_exponent_makes_no_huge_key() -> None:
    assert as_key(Decimal("1E+999999")) == "1E+999999"


def test_a_key_that_no_store_can_hold_is_replaced_by_its_digest() -> None:
    for value in ("x" * (MAX_KEY_CHARACTERS + 1), "a\x00b", "a\ud800b", 10**3000):
        key = as_key(value)
        assert isinstance(key, str)
        assert "sha256:" in key
        assert len(key) < 200
        key.encode()
    assert as_key("a\x00b") != as_key("a?b")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_equal_numbers_are_one_key_and_different_ones_two(number: Decimal) -> None:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    same = Decimal((sign, (*digits, 0), exponent - 1))
    other = Decimal((sign, (*digits, 1), exponent - 1))
    assert as_key(same) == as_key(number)
    assert as_key(other) != as_key(number)


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_a_path_error(text: str) -> None:
    try:
        path = Path.parse(text)
    except PathError:
        return
    assert path.text == text
    path.read({}, [], None, {})
