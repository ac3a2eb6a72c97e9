"""A built-in function of JSONata: its signature, and how it is called within a budget."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.signature import Signature
from jsonata.utils import Utils

from firesteel.worker.expressions.regex import is_regex
from firesteel.worker.expressions.values import NULL

if TYPE_CHECKING:
    from firesteel.worker.expressions.evaluator import Evaluator

_SYMBOLS: dict[type, str] = {
    type(None): "m",
    str: "s",
    bool: "b",
    int: "n",
    float: "n",
    Decimal: "n",
    list: "a",
    Utils.JList: "a",
    dict: "o",
    type(NULL): "l",
}

UNEXPECTED = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    re.error,
)
"""What the library raises on sources and values that it did not expect."""


class ExactSignature(Signature):  # type: ignore[misc] # the library is not typed
    """A signature to which Decimals are numbers and null is null."""

    def get_symbol(self, value: Any) -> str:
        """The letter of a value's type in signatures."""
        symbol = _SYMBOLS.get(type(value))
        if symbol is not None:
            return symbol
        return "f" if is_function(value) else "m"


class Builtin(Jsonata.JFunction):  # type: ignore[misc] # the library is not typed
    """A function by its JSONata name. ``implementation`` takes the evaluator first, then exactly
    ``arity`` arguments, None where one was not given.
    """

    def __init__(
        self, name: str, signature: str, arity: int, implementation: Callable[..., Any]
    ) -> None:
        self.function_name = name
        self.arity = arity
        self.parameters = ExactSignature(signature, f"${name}")
        self.implementation = implementation

    def invoke(self, evaluator: Evaluator, args: list[Any], context: Any) -> Any:
        """The result for arguments that fit the signature; JException where they do not."""
        fitting = self.parameters.validate(args, context)
        evaluator.budget.spend(1)
        if len(fitting) < self.arity:
            fitting = [*fitting, *[None] * (self.arity - len(fitting))]
        try:
            return self.implementation(evaluator, *fitting)
        except UNEXPECTED as error:
            if isinstance(error, JException | RecursionError):
                raise
            raise JException("F0001", -1, f"${self.function_name}") from error

    def get_number_of_args(self) -> int:
        """How many arguments a partial application may leave open."""
        return self.arity

    def least_arguments(self) -> int:
        """How many arguments a function that calls this one must give."""
        return int(self.parameters.get_min_number_of_args())


def is_function(value: Any) -> bool:
    """Built-in functions, lambdas, partial applications and regular expressions."""
    return bool(Utils.is_function(value) or Functions.is_lambda(value)) or is_regex(value)


def arguments_taken(function: Any) -> int:
    """How many arguments a function may be given by ``$map`` and its like."""
    if isinstance(function, Builtin):
        return function.least_arguments()
    if Functions.is_lambda(function):
        return len(function.arguments)
    return 1
