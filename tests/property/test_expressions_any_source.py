"""No source and no data raises anything but a documented error; data passes through unchanged."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firesteel.model.json_exact import dumps
from firesteel.worker.expressions import ExpressionError, Limits, compile_expression

LIMITS = Limits(cpu_s=0.2)
NAMES = st.sampled_from(["a", "b", "c d", "$", "@", "__class__", ""])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-(10**25), max_value=10**25),
        st.decimals(allow_nan=False, allow_infinity=False, places=3),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=8),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=15,
)
WORDS = """
    a b `c d` $ $$ $x 1 2.5 'text' "t" null true /a+/i /(/ . .. * ** % [ ] { } ( ) , ; : := ? ?: ??
    + - & = != < >= ~> in and or @ # ^ | function \u03bb $sum $map $sort $string $match $replace
    $reduce $merge $each $formatNumber $fromMillis $toMillis $split $eval $lookup $zip $pad
    function($x){$x} [1..3] {'a':1} <n:n> // /* */
"""
TOKENS = st.sampled_from(WORDS.split())
SOURCES = st.one_of(
    st.lists(TOKENS, max_size=14).map(" ".join),
    st.lists(TOKENS, max_size=8).map("".join),
    st.text(max_size=30),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(SOURCES, JSON)
def test_any_source_on_any_data_ends_in_json_or_a_documented_error(source: str, data: Any) -> None:
    context = {"a": data, "b": [data, 1]}
    before = copy.deepcopy(context)
    code = "expression_"
    try:
        dumps(compile_expression(source).evaluate(context, LIMITS))
    except ExpressionError as error:
        code = error.code
    assert code.startswith("expression_")
    assert context == before


@given(JSON)
def test_data_that_is_passed_on_is_the_same(data: Any) -> None:
    context = {"a": data}
    for source in ("a", "$.a", "$lookup($, 'a')", "(a)", "$clone($).a", "{'x': a} ~> $lookup('x')"):
        assert dumps(compile_expression(source).evaluate(context)) == dumps(data)
