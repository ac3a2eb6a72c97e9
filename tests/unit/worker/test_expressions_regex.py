"""Regular expressions run on RE2: JSONata's functions on it, and linear time on any text."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.worker.expressions import ExpressionFailed, ExpressionSyntax, compile_expression


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$contains('Hello', /h(e)llo/i)", True),
        ("$contains('a\nb', /^b$/m)", True),
        ("$contains('a\nb', /^b$/)", False),
        ("$contains('a\n', /a$/)", False),
        (
            "$match('ab12cd3', /[a-z]+(\\d)+/)",
            [
                {"match": "ab12", "index": 0, "groups": ["2"]},
                {"match": "cd3", "index": 4, "groups": ["3"]},
            ],
        ),
        ("$match('aXbX', /X/, 1)", {"match": "X", "index": 1, "groups": []}),
        ("$match('b', /(a)|b/).groups", [None]),
        ("$match('x', /y/)", "undefined"),
        ("$split('a1b22c', /\\d+/)", ["a", "b", "c"]),
        ("$split('a1b22c', /(\\d)+/, 2)", ["a", "b"]),
        ("$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1')", "Smith, John"),
        ("$replace('265USD', /([0-9]+)USD/, '$$$1')", "$265"),
        ("$replace('abc', /b/, '[$0]$12')", "a[b]2c"),
        ("$replace('abx', /(ab)(cd)?/, '$18$2')", "ab8x"),
        ("$replace('a\\\\1', /a/, '\\\\g<1>')", "\\g<1>\\1"),
        ("$replace('aaa', /a/, 'b', 2)", "bba"),
        (
            "$replace('68F', /(\\d+)F/, function($m) { $number($m.groups[0]) + 1 & 'C' })",
            "69C",
        ),
        ("$contains('\u20ac', /\\u20ac/)", True),
        ("$contains('a/b', /a\\/b/)", True),
        ("($b := /b+/; $b('abb').end)", 3),
        ("($a := /a/; $a('aa').next().start)", 1),
        ("$filter(['ab', 'cd'], function($s) { $contains($s, /a/) })", "ab"),
        ("$map(['a1', 'b2'], /[0-9]/).match", ["1", "2"]),
    ],
)
def test_functions_take_regular_expressions(source: str, value: Any) -> None:
    found = compile_expression(source).evaluate({}, undefined="undefined")
    assert found == value


@pytest.mark.parametrize(
    "pattern", ["(?=a)b", "(?!a)b", "(?<=a)b", "(a)\\1", "a{1001}", "a**", "[z-a]"]
)
def test_what_re2_does_not_have_is_a_fault_of_the_source(pattern: str) -> None:
    with pytest.raises(ExpressionSyntax, match="RE2"):
        compile_expression(f"$match(body, /{pattern}/)")


def test_a_pattern_that_would_backtrack_for_ever_takes_linear_time() -> None:
    # Of the classical ones: exponential with backtracking, in a text of 100,000 characters.
    source = "$contains(text, /^(a+)+$/) or $contains(text, /(a|aa)+$/)"
    assert compile_expression(source).evaluate({"text": "a" * 100_000 + "!"}) is False


@pytest.mark.parametrize(
    "source", ["$replace('abc', /x*/, '-')", "$split('abc', /x*/)", "$match('abc', /x*/)"]
)
def test_a_match_of_nothing_is_an_error_as_in_jsonata(source: str) -> None:
    with pytest.raises(ExpressionFailed, match="zero length"):
        compile_expression(source).evaluate({})
