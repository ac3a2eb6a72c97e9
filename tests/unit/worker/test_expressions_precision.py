"""Numbers that a double cannot hold are passed on exactly, and never calculated with wrongly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from firesteel.worker.expressions import ExpressionPrecision, compile_expression

BIG = 2**53 + 1
HUGE = 12345678901234567890123
LONG = Decimal("0.12345678901234567890")
CONTEXT = {
    "body": {
        "big": BIG,
        "edge": 2**53,
        "huge": HUGE,
        "long": LONG,
        "price": Decimal("12.50"),
        "rows": [{"id": BIG, "n": 1}, {"id": BIG + 1, "n": 2}],
    }
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("body.big", BIG),
        ("body.rows.id", [BIG, BIG + 1]),
        ("{'a': [body.huge, body.long]}", {"a": [HUGE, LONG]}),
        ("$lookup(body, 'huge')", HUGE),
        ("$map(body.rows, function($r) { $r.id })", [BIG, BIG + 1]),
        ("body.rows[n = 2].id", BIG + 1),
        ("body.rows^(>n).id", [BIG + 1, BIG]),
        ("$append(body.big, 1)", [BIG, 1]),
        ("body ~> |$|{'price': 1}| ~> $lookup('huge')", HUGE),
        ("$merge([{'a': body.huge}])", {"a": HUGE}),
        ("$clone(body).long", LONG),
        ("'no ' & body.huge & ' at ' & body.price", f"no {HUGE} at 12.50"),
        ("$string(body.huge)", str(HUGE)),
        ("$string({'a': body.big})", f'{{"a":{BIG}}}'),
        ("$number($string(body.huge))", HUGE),
        ("12345678901234567890123", HUGE),
        ("-12345678901234567890123", -HUGE),
        ("9007199254740993", BIG),
        ("-9007199254740993", -BIG),
        ("{'a': [9007199254740993]}", {"a": [BIG]}),
        ("'no ' & 9007199254740993", "no 9007199254740993"),
        ("9007199254740992", 2**53),
        ("body.big = 'text'", False),
        ("body.big ? 'yes' : 'no'", "yes"),
        ("$type(body.huge)", "number"),
        ("$exists(body.long)", True),
        ("body.edge - 1", 2**53 - 1),
        ("body.price * 2", 25),
        ("9007199254740991 + 1", 2**53),
    ],
)
def test_numbers_that_are_passed_on_keep_every_digit(source: str, value: object) -> None:
    found = compile_expression(source).evaluate(CONTEXT)
    assert found == value
    assert type(found) is type(value)


def test_a_decimal_is_passed_on_as_it_was_written() -> None:
    assert str(compile_expression("body.price").evaluate(CONTEXT)) == "12.50"


@pytest.mark.parametrize(
    "source",
    [
        "body.big + 1",
        "1 - body.big",
        "body.big * 1",
        "body.big / 3",
        "body.big % 2",
        "-body.big",
        "body.edge + 1",
        "3000000000 * 4000000000",
        "body.big = 1",
        "body.big != 1",
        "body.big = body.big",
        "body.big < 1",
        "1 >= body.huge",
        "body.big in [1]",
        "1 in [body.big]",
        "{'a': body.big} = {'a': 1}",
        "[1..body.big]",
        "$sum([body.big, 1])",
        "$sum([9007199254740992, 1])",
        "$max([body.big, 1])",
        "$min([body.big, 1])",
        "$average([body.big])",
        "$abs(body.big)",
        "$floor(body.big)",
        "$ceil(body.big)",
        "$round(body.big)",
        "$sqrt(body.big)",
        "$power(body.big, 2)",
        "$formatNumber(body.big, '0')",
        "$formatBase(body.big)",
        "$formatInteger(body.big, '0')",
        "$fromMillis(body.huge)",
        "$sort([body.big, 1])",
        "$sort(body.rows.id)",
        "body.rows^(id)",
        "body.rows[id = 1]",
        "$distinct([body.big, body.big])",
        "[1, 2][$$.body.big]",
        "$pad('a', body.huge)",
        "$substring('abc', body.huge)",
        "12345678901234567890 + 1",
        "9007199254740993 + 0",
        "9007199254740993 = 9007199254740992",
        "9007199254740992 + 1",
        "body.long + 1",
        "body.long = 1",
        "body.long < 1",
        "$round(body.long, 2)",
    ],
)
def test_calculating_with_such_a_number_fails_and_is_never_wrong(source: str) -> None:
    with pytest.raises(ExpressionPrecision) as caught:
        compile_expression(source).evaluate(CONTEXT)
    assert caught.value.code == "expression_precision"
