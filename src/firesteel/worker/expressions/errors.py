"""What can go wrong with an expression; all of it is permanent, for no retry changes it."""

from __future__ import annotations

from firesteel.errors import AuthorError


class ExpressionError(AuthorError):
    """An expression could not be evaluated. ``line`` and ``column`` count from 1 within the
    expression and are None where the place is not known. Texts never hold values of the data.
    """

    code = "expression_failed"

    def __init__(self, detail: str, *, line: int | None = None, column: int | None = None) -> None:
        place = "" if line is None else f" (line {line}, column {column} of the expression)"
        super().__init__(detail + place)
        self.reason = detail
        self.line = line
        self.column = column


class ExpressionFailed(ExpressionError):
    """A type error, ``$error``, ``$assert``, or a value that a function does not take."""

    code = "expression_failed"


class ExpressionSyntax(ExpressionError):
    """The source is not JSONata, or uses what is not available here."""

    code = "expression_syntax"


class ExpressionLimit(ExpressionError):
    """The evaluation ran past a bound of time, depth, size or memory."""

    code = "expression_limit"


class ExpressionPrecision(ExpressionError):
    """Arithmetic or comparison on a number that a double cannot hold exactly."""

    code = "expression_precision"

    def __init__(self) -> None:
        super().__init__(
            "arithmetic and comparison need numbers that are exact in 53 bits; a longer number can"
            " be passed on, inserted into text and made a text with $string"
        )
