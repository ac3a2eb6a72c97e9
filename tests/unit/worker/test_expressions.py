"""Expressions mean what JSONata's documentation says (docs.jsonata.org), on plain JSON."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from firesteel.model.expression_names import Reads
from firesteel.worker.expressions import (
    ExpressionFailed,
    ExpressionSyntax,
    check_expression,
    compile_expression,
)

UNDEFINED = object()
CONTEXT: dict[str, Any] = {
    "body": {
        "no": 1001,
        "price": Decimal("12.50"),
        "none": None,
        "list": [1, None, [None, 2]],
        "empty": [],
        "name": "Hello W\xf6rld",
        "lines": [
            {"item": "A", "quantity": 2, "price": Decimal("1.5"), "tags": ["x", "y"]},
            {"item": "B", "quantity": 1, "price": 3, "tags": []},
        ],
    },
    "query": {"item": "A-100"},
    "headers": {"x-event-id": "e1"},
}

SEMANTICS: list[tuple[str, Any]] = [
    # paths, predicates, grouping, ordering
    ("body.no", 1001),
    ("headers.`x-event-id`", "e1"),
    ("body.lines.item", ["A", "B"]),
    ("body.lines[0].item", "A"),
    ("body.lines[-1].item", "B"),
    ("body.lines[item='B'].price", 3),
    ("body.lines[item='B'].price[]", [3]),
    ("body.lines.item[0]", ["A", "B"]),
    ("(body.lines.item)[0]", "A"),
    ("body.lines[[0..1]].item", ["A", "B"]),
    ("body.lines.tags", ["x", "y"]),
    ("body.lines.(quantity * price)", [3, 3]),
    ("body.lines.{'i': item}", [{"i": "A"}, {"i": "B"}]),
    ("body.lines{item: quantity}", {"A": 2, "B": 1}),
    ("body.empty{item: quantity}", {}),
    ("body.lines^(>price).item", ["B", "A"]),
    ("body.lines^(quantity, >item).item", ["B", "A"]),
    ("body.lines@$l.{'x': $l.item}", [{"x": "A"}, {"x": "B"}]),
    ("body.lines#$i.{'i': $i}", [{"i": 0}, {"i": 1}]),
    ("body.lines.%.no", [1001, 1001]),
    ("body.**.tags", ["x", "y"]),
    ("$count(body.*)", 10),
    ("$$.query.item", "A-100"),
    # undefined and null
    ("body.nothing", UNDEFINED),
    ("body.nothing.more", UNDEFINED),
    ("body.none", None),
    ("body.list", [1, None, [None, 2]]),
    ("body.list[1]", None),
    ("body.empty", []),
    ("{'a': nothing, 'b': null}", {"b": None}),
    ("[1, nothing, null]", [1, None]),
    ("$exists(body.none)", True),
    ("$exists(body.nothing)", False),
    ("body.nothing + 1", UNDEFINED),
    ("body.nothing = 1", False),
    ("$map([1, null], function($x) { $type($x) })", ["number", "null"]),
    ("'a' & nothing & null & true", "anulltrue"),
    # operators
    ("7 / 2", 3.5),
    ("6 / 2", 3),
    ("5.5 % 2", 1.5),
    ("-7 % 2", -1),
    ("0.1 + 0.2", 0.30000000000000004),
    ("-body.price", -12.5),
    ("body.price = 12.5", True),
    ("body.price > 12 and body.price < 13", True),
    ("'b' in ['a', 'b']", True),
    ("1.0 in [1]", True),
    ("{'a': [1, 2.0]} = {'a': [1, 2]}", True),
    ("true = 1", False),
    ("null = null", True),
    ("[1..3]", [1, 2, 3]),
    ("[3..1]", []),
    ("body.no ? 'yes' : 'no'", "yes"),
    ("body.nothing ? 'yes'", UNDEFINED),
    ("body.nothing ?: 'default'", "default"),
    ("body.nothing ?? 'default'", "default"),
    ("false and $error('not looked at')", False),
    # functions
    ("($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(10))", 3628800),
    ("($t := function($n, $a) { $n = 0 ? $a : $t($n - 1, $a + $n) }; $t(2000, 0))", 2001000),
    ("($add := function($a, $b) { $a + $b }; $inc := $add(1, ?); $inc(5))", 6),
    ("($two := $substring(?, 0, 2); $two('hello'))", "he"),
    ("'abc' ~> $uppercase ~> $length", 3),
    ("($f := $uppercase ~> $trim; $f(' a '))", "A"),
    ("$sum(body.lines.(quantity * price))", 6),
    ("$max([1, body.price])", 12.5),
    ("$average([1, 2, 6])", 3),
    ("$round(2.5)", 2),
    ("$round(1.005, 2)", 1),
    ("$round(1250, -2)", 1200),
    ("$power(2, 10)", 1024),
    ("$formatNumber(1234.5, '#,##0.00')", "1,234.50"),
    ("$formatBase(255, 16)", "ff"),
    ("$formatInteger(1999, 'I')", "MCMXCIX"),
    ("$parseInteger('twelve', 'w')", 12),
    ("$number('12.50')", 12.5),
    ("$number('0x1F')", 31),
    ("$string({'a': [1, 2.50, null, true, '\xe9']})", '{"a":[1,2.5,null,true,"\xe9"]}'),
    ("$string(0.1 + 0.2)", "0.3"),
    ("$string(1e21) & ' ' & 1e-7 & ' ' & 1e20", "1e+21 1e-7 100000000000000000000"),
    ("$string([1], true)", "[\n  1\n]"),
    ("$substring('hello', -3, 2)", "ll"),
    ("$substringBefore('a/b', '/') & $substringAfter('a/b', '/')", "ab"),
    ("$uppercase('stra\xdfe') & $lowercase('\xdf')", "STRASSE\xdf"),
    ("$trim('  a \n b ')", "a b"),
    ("$pad('x', -3, '#') & $pad('x', 3)", "##xx  "),
    ("$join(['a', 'b'], '-')", "a-b"),
    ("$split('a,b,c', ',', 2)", ["a", "b"]),
    ("$split('abc', '')", ["a", "b", "c"]),
    ("$replace('a.b.c', '.', '-', 1)", "a-b.c"),
    ("$base64decode($base64encode('\xe4'))", "\xe4"),
    ("$encodeUrlComponent('a b/\xe9')", "a%20b%2F%C3%A9"),
    ("$decodeUrl('a%20b')", "a b"),
    ("'\\ud83d\\ude00'", "\U0001f600"),
    ("$sort([3, 1, 2])", [1, 2, 3]),
    ("$sort(body.lines, function($a, $b) { $a.price < $b.price }).item", ["B", "A"]),
    ("$sort([{'k': 1, 'i': 1}, {'k': 1, 'i': 2}], function($a, $b) { $a.k > $b.k }).i", [1, 2]),
    ("$distinct([1, 1.0, '1', true, 1, {'a': 1}, {'a': 1}])", [1, "1", True, {"a": 1}]),
    ("$zip([1, 2], [3, 4])", [[1, 3], [2, 4]]),
    ("$spread({'a': 1, 'b': null})", [{"a": 1}, {"b": None}]),
    ("$merge([{'a': 1}, {'b': 2, 'a': 3}])", {"a": 3, "b": 2}),
    ("$sift({'a': 1, 'b': 2}, function($v) { $v > 1 })", {"b": 2}),
    ("$each({'a': 1}, function($v, $k) { $k & $v })[]", ["a1"]),
    ("$filter([1..5], function($x) { $x > 3 })", [4, 5]),
    ("$reduce([1..5], function($a, $b) { $a + $b })", 15),
    ("$single([1..3], function($x) { $x = 2 })", 2),
    ("$keys(body.lines)", ["item", "quantity", "price", "tags"]),
    ("$lookup(body, 'no')", 1001),
    ("$append([1], [2, 3])", [1, 2, 3]),
    ("$reverse([1, 2])", [2, 1]),
    ("$type(body.price) & $type([]) & $type({}) & $type($sum)", "numberarrayobjectfunction"),
    ("$boolean([0, '']) or $not('a')", False),
    ("body ~> |lines|{'price': 0}, ['tags', 'quantity']| ~> $lookup('lines')", None),
    ("$now() = $now() and $millis() = $millis()", True),
    ("$fromMillis(1510067557121)", "2017-11-07T15:12:37.121Z"),
    ("$fromMillis(1510067557121, '[M01]/[D01]/[Y0001] [h#1]:[m01][P]')", "11/07/2017 3:12pm"),
    ("$toMillis('2017-11-07T15:12:37.121Z')", 1510067557121),
    ("$toMillis('13/07/2024', '[D01]/[M01]/[Y0001]')", 1720828800000),
]


@pytest.mark.parametrize(("source", "value"), SEMANTICS)
def test_an_expression_means_what_jsonata_says(source: str, value: Any) -> None:
    before = copy.deepcopy(CONTEXT)
    found = compile_expression(source).evaluate(CONTEXT, undefined=UNDEFINED)
    if source.startswith("body ~> |"):
        value = [{"item": "A", "price": 0}, {"item": "B", "price": 0}]
    assert found == value
    assert before == CONTEXT


def test_undefined_alone_is_null() -> None:
    assert compile_expression("body.nothing").evaluate(CONTEXT) is None


def test_variables_of_one_evaluation_are_not_seen_by_the_next() -> None:
    expression = compile_expression("$exists($x) ? 'leaked' : ($x := 1)")
    assert [expression.evaluate({}) for _ in range(2)] == [1, 1]


def test_a_result_shares_nothing_with_the_context() -> None:
    context = {"body": {"list": [1]}}
    compile_expression("body").evaluate(context)["list"].append(2)
    assert context == {"body": {"list": [1]}}


def test_now_is_what_the_evaluation_was_told() -> None:
    expression = compile_expression("$now()")
    assert expression.evaluate({}, now_ms=0) == "1970-01-01T00:00:00.000Z"


def test_equal_sources_are_compiled_once() -> None:
    assert compile_expression("body.a") is compile_expression("body.a")


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("", 1, 1),
        ("body.[", 1, 7),
        ("(1 +", 1, 5),
        ('"abc', 1, 5),
        ("body..x", 1, 7),
        ('{"a": 1,\n "b" 2}', 2, 7),
        ("/* open", 1, 8),
        ("$nope(1)", 1, 6),
        ("$eval('1')", 1, 6),
        ("1 ~> $nope(1)", 1, 11),
        ("$x := ", 1, 7),
        ("'\\q'", 1, 3),
        ("'\\ud83d'", 1, 9),
        ("%", 1, 1),
    ],
)
def test_faults_of_a_source_have_line_and_column(source: str, line: int, column: int) -> None:
    with pytest.raises(ExpressionSyntax) as caught:
        compile_expression(source)
    assert caught.value.code == "expression_syntax"
    assert (caught.value.line, caught.value.column) == (line, column)
    assert check_expression(source) == caught.value.detail


def test_a_sound_source_has_no_fault() -> None:
    assert check_expression("body.customer_no") == Reads((("body", "customer_no"),))


@pytest.mark.parametrize(
    "source",
    [
        "'a' + 1",
        "'a' < 1",
        "1 / 0",
        "$number('nan')",
        "$number('1_000')",
        "$sum(['a'])",
        "$sqrt(-1)",
        "$power(10, 400)",
        "$uppercase(null)",
        "{1: 2}",
        "{'a': 1, 'a': 2}",
        "$sort([1, 'a'])",
        "$base64decode('\xe9')",
        "$decodeUrl('%ff')",
        "$toMillis('yesterday')",
        "$fromMillis(0, '[Y,99999999-99999999]')",
        "$fromMillis(1e300)",
        "$toMillis('1', '(a+)+[Y]')",
        "$formatNumber(1, '0', {'grouping-separator': '(a+)+'})",
        "$formatInteger(1, '')",
        "$single([1, 2])",
        "$sum",
        "function($x) { $x }",
        "{'f': $sum}",
        "body.no()",
        "$match('a', 'a')",
        "$replace('a', /a/, 1)",
        "$error()",
    ],
)
def test_what_cannot_be_evaluated_fails_for_good(source: str) -> None:
    with pytest.raises(ExpressionFailed) as caught:
        compile_expression(source).evaluate(CONTEXT)
    assert caught.value.code == "expression_failed"


def test_errors_hold_no_values_of_the_data() -> None:
    context = {"body": {"secret": "hunter2", "list": ["hunter2"]}}
    for source in (
        "body.secret + 1",
        "body.secret < 1",
        "$number(body.secret)",
        "{body.list: 1}",
        "$sum(body.secret)",
        "body.secret.$sum()",
        "$toMillis(body.secret)",
        "body.secret()",
    ):
        with pytest.raises(ExpressionFailed) as caught:
            compile_expression(source).evaluate(context)
        assert "hunter2" not in str(caught.value)


def test_error_and_assert_say_what_the_author_wrote() -> None:
    for source in ("$error('no stock')", "$assert(false, 'no stock')"):
        with pytest.raises(ExpressionFailed, match=r"^no stock$"):
            compile_expression(source).evaluate({})


@pytest.mark.parametrize(
    "source",
    [
        "body.__class__",
        "body.keys",
        "$lookup(body, '__class__')",
        "$sum.implementation",
        "$sum.__globals__",
        "body.items",
        "(function($x) { $x }).environment",
        "$now.__self__",
    ],
)
def test_nothing_of_python_can_be_reached(source: str) -> None:
    found = compile_expression(source).evaluate({"body": {"a": 1}}, undefined=UNDEFINED)
    assert found is UNDEFINED
