"""Texts are cut into literal parts and expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.template import Expression, TemplateError, sources, split, whole_expression


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("{% input.no %}", [Expression("input.no")]),
        ("{%a%}", [Expression("a")]),
        ("/items/{% input.no %}", ["/items/", Expression("input.no")]),
        ("{% a %}-{% b %}", [Expression("a"), "-", Expression("b")]),
        ("{% a %}{% b %}", [Expression("a"), Expression("b")]),
        ("\n  {% a %}\n", [Expression("a")]),
        ("  {% a %} x", ["  ", Expression("a"), " x"]),
        ("100 %} {", ["100 %} {"]),
        ("{% '{%' %} is literal", [Expression("'{%'"), " is literal"]),
        ('{% {"a": b % 2 } %}', [Expression('{"a": b % 2 }')]),
    ],
)
def test_a_text_is_cut_at_its_delimiters(text: str, parts: list[str | Expression]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{% a", "expression_unclosed"),
        ("{% a %} {% b", "expression_unclosed"),
        ("{%%}", "expression_empty"),
        ("a {%  %}", "expression_empty"),
    ],
)
def test_an_expression_that_is_open_or_empty_is_refused(text: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        split(text)
    assert caught.value.code == code


def test_only_an_expression_alone_keeps_its_type() -> None:
    assert whole_expression(" {% a %} ") == "a"
    assert whole_expression("x{% a %}") is None
    assert whole_expression("{% a %}{% b %}") is None
    assert whole_expression("x") is None


@given(st.text(alphabet="a{%} ", max_size=30))
def test_the_parts_of_a_text_written_out_again_are_the_same_parts(text: str) -> None:
    try:
        parts = split(text)
    except TemplateError:
        return
    written = (part if isinstance(part, str) else f"{{% {part.source} %}}" for part in parts)
    assert split("".join(written)) == parts
    assert all(part.source.strip() for part in parts if isinstance(part, Expression))
    assert len(sources(text)) == sum(isinstance(part, Expression) for part in parts)
