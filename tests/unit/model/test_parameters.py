"""Query parameters are typed, filled in and refused exactly as the reference says."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.parameters import (
    MAX_PAIRS,
    InvalidParameters,
    ParameterRules,
    compile_parameters,
)
from firesteel.model.problem import FAULTS, PROBLEMS
from firesteel.model.trigger import Trigger


def rules(*parameters: dict[str, Any], undeclared: str = "keep") -> ParameterRules:
    document = {"query_parameters": list(parameters), "undeclared": undeclared}
    return compile_parameters(Trigger.model_validate(document))


def faults(compiled: ParameterRules, raw_query: bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidParameters) as caught:
        compiled.read(raw_query)
    assert caught.value.code in PROBLEMS
    assert all(fault.code in FAULTS for fault in caught.value.faults)
    return [(fault.parameter, fault.code) for fault in caught.value.faults]


def test_nothing_declared_and_nothing_sent_is_an_empty_query() -> None:
    query = rules().read(b"")
    assert (query.values, query.pairs) == ({}, [])


def test_undeclared_parameters_are_kept_as_texts_and_as_lists_where_repeated() -> None:
    query = rules().read(b"a=1&b=x&a=2&c")
    assert query.values == {"a": ["1", "2"], "b": "x", "c": ""}
    assert query.pairs == [("a", "1"), ("b", "x"), ("a", "2"), ("c", "")]


def test_undeclared_parameters_are_refused_where_the_trigger_says_so() -> None:
    compiled = rules({"name": "a"}, undeclared="reject")
    assert compiled.read(b"a=1").values == {"a": "1"}
    assert faults(compiled, b"a=1&b=2&c=3") == [("", "undeclared")]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", b"012", "012"),
        ("string", b"", ""),
        ("string", b"%C3%A9+x%2B", "é x+"),
        ("string", "é".encode(), "é"),
        ("integer", b"0", 0),
        ("integer", b"-12", -12),
        ("integer", b"012", 12),
        ("integer", b"9007199254740993", 9007199254740993),
        ("integer", b"9" * 4300, int("9" * 4300)),
        ("number", b"1", Decimal(1)),
        ("number", b"-1.50", Decimal("-1.50")),
        ("number", b"1e3", Decimal("1e3")),
        ("number", b"1E%2B03", Decimal("1e3")),
        ("boolean", b"true", True),
        ("boolean", b"0", False),
        ("date", b"2024-02-29", "2024-02-29"),
    ],
)
def test_a_value_is_read_by_its_type(type_: str, text: bytes, value: Any) -> None:
    read = rules({"name": "p", "type": type_}).read(b"p=" + text).values["p"]
    assert read == value
    assert type(read) is type(value)
    assert str(read) == str(value)


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("integer", b""),
        ("integer", b"+1"),
        ("integer", b"%2B1"),
        ("integer", b"1.0"),
        ("integer", b"1_000"),
        ("integer", "٣".encode()),
        ("integer", b"1%0A"),
        ("integer", b"9" * 4301),
        ("number", b""),
        ("number", b"01"),
        ("number", b".5"),
        ("number", b"5."),
        ("number", b"NaN"),
        ("number", b"Infinity"),
        ("number", b"1e309"),
        ("number", b"1e999999999"),
        ("number", b"1e-999999999"),
        ("number", b"0x1F"),
        ("boolean", b""),
        ("boolean", b"True"),
        ("boolean", b"yes"),
        ("date", b""),
        ("date", b"2023-02-29"),
        ("date", b"2023-2-9"),
        ("date", b"20230209"),
        ("date", b"2023-02-09T00:00:00"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused(type_: str, text: bytes) -> None:
    assert faults(rules({"name": "p", "type": type_}), b"p=" + text) == [("p", "wrong_type")]


def test_a_default_stands_in_for_what_was_not_sent_and_only_then() -> None:
    compiled = rules(
        {"name": "currency", "default": "EUR"},
        {"name": "quantity", "type": "integer", "default": 1},
        {"name": "price", "type": "number", "default": 1.10},
        {"name": "tags", "many": True, "default": ["a"]},
        {"name": "none"},
    )
    first = compiled.read(b"")
    assert first.values == {
        "currency": "EUR",
        "quantity": 1,
        "price": Decimal("1.1"),
        "tags": ["a"],
    }
    first.values["tags"].append("changed by the caller")
    assert compiled.read(b"").values["tags"] == ["a"]
    assert compiled.read(b"currency=&tags=x").values["currency"] == ""
    assert compiled.read(b"currency=&tags=x").values["tags"] == ["x"]


def test_every_fault_is_reported_at_once_and_none_shows_what_was_sent() -> None:
    compiled = rules(
        {"name": "item", "required": True},
        {"name": "currency", "enum": ["EUR", "SEK"]},
        {"name": "quantity", "type": "integer"},
        {"name": "day", "type": "date"},
        undeclared="reject",
    )
    raw_query = b"currency=s3cret&quantity=s3cret&day=2024-01-01&day=x&s3cret=1&x=%ff&y=%z"
    with pytest.raises(InvalidParameters) as caught:
        compiled.read(raw_query)
    assert [(fault.parameter, fault.code) for fault in caught.value.faults] == [
        ("", "not_utf8"),
        ("", "not_utf8"),
        ("item", "missing"),
        ("currency", "not_in_enum"),
        ("quantity", "wrong_type"),
        ("day", "repeated"),
        ("", "undeclared"),
    ]
    assert "s3cret" not in str(caught.value.faults)


def test_a_parameter_that_may_be_sent_often_is_always_a_list() -> None:
    compiled = rules({"name": "n", "type": "integer", "many": True, "enum": [1, 2]})
    assert compiled.read(b"n=1").values == {"n": [1]}
    assert compiled.read(b"n=1&n=2").values == {"n": [1, 2]}
    assert faults(compiled, b"n=1&n=3&n=x") == [("n", "not_in_enum"), ("n", "wrong_type")]


def test_an_empty_string_of_a_required_parameter_was_sent() -> None:
    compiled = rules({"name": "item", "required": True})
    assert compiled.read(b"item").values == {"item": ""}
    assert compiled.read(b"item=").values == {"item": ""}
    assert faults(compiled, b"Item=1") == [("item", "missing")]


def test_the_number_of_pairs_is_bounded() -> None:
    assert len(rules().read(b"&".join([b"a=1"] * MAX_PAIRS)).pairs) == MAX_PAIRS
    assert faults(rules(), b"&".join([b"a=1"] * (MAX_PAIRS + 1))) == [("", "too_many")]


def test_a_parameter_that_was_sent_and_not_read_is_not_said_to_be_missing() -> None:
    compiled = rules({"name": "item", "required": True})
    assert faults(compiled, b"&".join([b"item=1"] * (MAX_PAIRS + 1))) == [("", "too_many")]
    assert faults(compiled, b"item=%E5") == [("", "not_utf8")]
    assert faults(compiled, b"other=%E5") == [("", "not_utf8"), ("item", "missing")]
    assert faults(compiled, b"%E5=1") == [("", "not_utf8"), ("item", "missing")]


NAMES = st.sampled_from(["a", "b", "ü", "undeclared", "x y", ""])
VALUES = st.one_of(
    st.sampled_from(["", "1", "-12", "1.5", "1e5", "true", "0", "2024-02-30", "EUR", "+", "%"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "date"])


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=8),
    st.tuples(TYPES, st.booleans(), st.booleans()),
    st.booleans(),
)
def test_the_rules_agree_with_a_slow_and_plain_reading(
    pairs: list[tuple[str, str]], first: tuple[str, bool, bool], reject: bool
) -> None:
    type_, required, many = first
    parameter = {"name": "a", "type": type_, "required": required, "many": many}
    raw_query = "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in pairs).encode()
    compiled = rules(parameter, {"name": "b"}, undeclared="reject" if reject else "keep")
    expected = plain_reading(
        parse_qsl(raw_query.decode(), keep_blank_values=True), parameter, reject
    )
    try:
        query = compiled.read(raw_query)
    except InvalidParameters:
        assert expected is None
        return
    assert query.values == expected
    assert query.pairs == pairs


def plain_reading(
    pairs: list[tuple[str, str]], parameter: dict[str, Any], reject: bool
) -> dict[str, Any] | None:
    """What ``values`` should be, None where the call is refused; a rule of the reference a line."""
    sent: dict[str, list[str]] = {}
    for name, value in pairs:
        sent.setdefault(name, []).append(value)
    if any(
        len(sent.get(name, [])) > 1 for name in ("a", "b") if name == "b" or not parameter["many"]
    ):
        return None
    if reject and set(sent) - {"a", "b"}:
        return None
    if parameter["required"] and "a" not in sent:
        return None
    values: dict[str, Any] = {n: v[0] if len(v) == 1 else v for n, v in sent.items()}
    if "a" in sent:
        read = [plain_value(text, parameter["type"]) for text in sent["a"]]
        if None in read:
            return None
        values["a"] = read if parameter["many"] else read[0]
    return values


def plain_value(text: str, type_: str) -> Any:
    if type_ == "string":
        return text
    if type_ == "integer":
        return int(text) if re.fullmatch("-?[0-9]+", text) else None
    if type_ == "number":
        pattern = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
        return Decimal(text) if re.fullmatch(pattern, text) else None
    if type_ == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(text)
    return (
        text
        if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])-([012][0-9])", text) and text != "2024-02-30"
        else None
    )
