"""A runaway ends by itself as expression_limit, whatever it runs away with."""

from __future__ import annotations

import pytest

from firesteel.worker.expressions import (
    ExpressionFailed,
    ExpressionLimit,
    ExpressionSyntax,
    Limits,
    compile_expression,
)

DEEP = "($f := function($s, $n) { $n = 0 ? $s : $f([[$s], [$s]], $n - 1) }; $x := $f(0, 60); "
CONTEXT = {
    "text": "a" * 3_000_000,
    "many": list(range(200_000)),
    "long": ["b" * 1_000_000 + str(number) for number in range(3)],
}
# A tenth of the second that is the default: the tests run into it on purpose.
QUICK = Limits(cpu_s=0.1)

RUNAWAYS = [
    # time
    "($f := function($n) { $f($n) }; $f(1))",
    "($f := function($n) { $f($n + 1) }; $f(1))",
    "$sort([1..200000], function($a, $b) { $a < $b })",
    "$count([1..1000000][$ % 2 = 0])",
    "$sum($map([1..1000000], function($x) { $sum([1..1000]) }))",
    "$shuffle([1..200000])^($)[0]",
    "$distinct($map(many, function($x) { [$x] }))",
    "many{$string($): $}",
    "$match(text, /a/)",
    "$replace(text, /a/, 'bb')",
    # depth
    "($f := function($n) { 1 + $f($n + 1) }; $f(1))",
    "($f := function($n) { $map([1], function() { $f($n + 1) }) }; $f(1))",
    "($f := function($n) { $replace('a', /a/, function() { $f($n + 1) }) }; $f(1))",
    "($f := function($n) { [2, 1]^($f($n + 1)) }; $f(1))",
    "$formatInteger(9007199254740991, 'I')",
    "[" * 201 + "]" * 201,
    DEEP + "$x)",
    # values that are small in memory and endless to walk through
    DEEP + "$y := $x; $string($x))",
    DEEP + "$x = $f(0, 60))",
    DEEP + "$boolean($x))",
    DEEP + "$x.*)",
    DEEP + "$clone($x))",
    "($f := function($s, $n) { $n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1) }; $f(0, 60).**)",
    # size
    "[1..1000000000]",
    "[1..1000001]",
    "$pad('x', 1000000000)",
    "$pad('x', -1000000000)",
    "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('abc', 60))",
    "($f := function($s, $n) { $n = 0 ? $s : $f($append($s, $s), $n - 1) }; $f([1, 2], 60))",
    "($a := [1..1000000]; [1..1000].$a)",
    "$replace(text, 'a', 'bbbbbbbbbb')",
    "$replace($pad('', 5000, 'a'), /a/, $pad('', 10000, 'b'))",
    "$join($map([1..1000], function() { text }))",
    "$map([1..1000], function() { text & 'x' })",
    "$map([1..1000], function() { $uppercase(text) })",
    "$split($join([text, text, text]), '')",
    "$map([1..10], function() { text })",
]


@pytest.mark.parametrize("source", RUNAWAYS)
def test_a_runaway_ends_as_expression_limit(source: str) -> None:
    with pytest.raises(ExpressionLimit) as caught:
        compile_expression(source).evaluate(CONTEXT, QUICK)
    assert caught.value.code == "expression_limit"


@pytest.mark.parametrize(
    "source",
    [
        "$formatNumber(1, $pad('', 100000, '0'))",
        "$fromMillis(0, $pad('', 100000, 'x'))",
        "$toMillis($pad('', 100000, '1'), '[Y]')",
        "$parseInteger($pad('', 100000, 'M'), 'I')",
        "$number($pad('', 100000, '9'))",
    ],
)
def test_what_would_take_long_to_read_is_refused(source: str) -> None:
    with pytest.raises(ExpressionFailed):
        compile_expression(source).evaluate({})


@pytest.mark.parametrize("source", ["(" * 5000 + "1" + ")" * 5000, "-" * 5000 + "1", "1" * 70_000])
def test_a_source_that_is_too_deep_or_too_long_does_not_compile(source: str) -> None:
    with pytest.raises(ExpressionSyntax):
        compile_expression(source)


def test_long_texts_are_sorted_within_the_time() -> None:
    source = "$sort($map([1..20], function($i) { long[$i % 3] }))[0]"
    assert compile_expression(source).evaluate(CONTEXT) == CONTEXT["long"][0]


@pytest.mark.parametrize(
    "source",
    [
        "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(190))",
        "$count([1..1000000])",
        "$sum($map([1..20000], function($x) { $x }))",
        "$length($pad('', 10000000))",
    ],
)
def test_what_stays_within_the_bounds_is_not_disturbed(source: str) -> None:
    assert compile_expression(source).evaluate({}, Limits(cpu_s=60.0)) > 0


def test_an_evaluation_after_a_runaway_has_the_whole_budget() -> None:
    expression = compile_expression("n = 0 ? 'ok' : [1..1000000000]")
    with pytest.raises(ExpressionLimit):
        expression.evaluate({"n": 1})
    assert expression.evaluate({"n": 0}) == "ok"
