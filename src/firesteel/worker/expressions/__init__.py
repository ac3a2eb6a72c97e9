"""JSONata expressions: exact, bounded, and without any way out of the data they are given."""

from firesteel.worker.expressions.compiler import (
    Expression,
    check_expression,
    compile_expression,
)
from firesteel.worker.expressions.errors import (
    ExpressionError,
    ExpressionFailed,
    ExpressionLimit,
    ExpressionPrecision,
    ExpressionSyntax,
)
from firesteel.worker.expressions.limits import DEFAULT_LIMITS, Limits

__all__ = [
    "DEFAULT_LIMITS",
    "Expression",
    "ExpressionError",
    "ExpressionFailed",
    "ExpressionLimit",
    "ExpressionPrecision",
    "ExpressionSyntax",
    "Limits",
    "check_expression",
    "compile_expression",
]
