"""Texts with expressions in them: ``"{% expr %}"`` alone, or within text ``"/items/{% no %}"``.

An expression opens with ``{%`` and ends at the first ``%}`` after it. There is no escape: who needs
a literal ``{%`` writes it as an expression, ``{% '{%' %}``; an expression that must hold ``%}``
writes a blank between the two (``% }``) or ``'%' & '}'`` for a text. White space around an
expression that stands alone does not count, so that block texts of YAML keep their value's type.
"""

from __future__ import annotations

from dataclasses import dataclass

OPEN = "{%"
CLOSE = "%}"


@dataclass(frozen=True, slots=True)
class Expression:
    """The source between the delimiters, without white space around it; never empty."""

    source: str


class TemplateError(ValueError):
    """An expression is not closed, or is empty: ``code`` is one of ``fault.CODES``."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def split(text: str) -> list[str | Expression]:
    """The parts of a text in order; literal parts are never empty.

    One Expression and nothing else: the value keeps its type. Raises TemplateError.
    """
    parts: list[str | Expression] = []
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        end = text.find(CLOSE, start + 2)
        if end < 0:
            raise TemplateError("expression_unclosed", "an expression is not closed with %}")
        source = text[start + 2 : end].strip()
        if not source:
            raise TemplateError("expression_empty", "an expression is empty")
        if start > at:
            parts.append(text[at:start])
        parts.append(Expression(source))
        at = end + 2
    if at < len(text):
        parts.append(text[at:])
    return _alone(parts)


def _alone(parts: list[str | Expression]) -> list[str | Expression]:
    """Just the expression, where nothing but white space stands around one."""
    expressions = [part for part in parts if isinstance(part, Expression)]
    blank = all(isinstance(part, Expression) or part.isspace() for part in parts)
    return list(expressions) if len(expressions) == 1 and blank else parts


def whole_expression(text: str) -> str | None:
    """The source of a text that is one expression alone, else None. Raises TemplateError."""
    parts = split(text)
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return parts[0].source
    return None


def sources(text: str) -> list[str]:
    """The sources of all expressions in a text, in order. Raises TemplateError."""
    return [part.source for part in split(text) if isinstance(part, Expression)]
