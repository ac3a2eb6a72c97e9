"""Numeric functions of JSONata, exact or refused: never silently rounded."""

from __future__ import annotations

import math
import random
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any

from jsonata.datetimeutils import DateTimeUtils
from jsonata.functions import Functions
from jsonata.jexception import JException

from firesteel.model.json_exact import MAX_DIGITS, MAX_EXPONENT
from firesteel.worker.expressions.builtin import Builtin
from firesteel.worker.expressions.values import operand, settled

if TYPE_CHECKING:
    from firesteel.worker.expressions.evaluator import Evaluator

MAX_PICTURE = 1000

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_ONE_CHARACTER = (
    "decimal-separator",
    "grouping-separator",
    "exponent-separator",
    "minus-sign",
    "percent",
    "per-mille",
    "zero-digit",
    "digit",
    "pattern-separator",
)
_EXPONENT_SEPARATOR = re.compile("[A-Za-z]", re.ASCII)
_WIDE = Context(prec=400, rounding=ROUND_HALF_EVEN)


def _sum(evaluator: Evaluator, numbers: list[Any] | None) -> Any:
    if numbers is None:
        return None
    evaluator.budget.spend(len(numbers))
    total: int | float = 0
    for number in numbers:
        total = settled(total + operand(number))
    return total


def _max(evaluator: Evaluator, numbers: list[Any] | None) -> Any:
    if not numbers:
        return None
    evaluator.budget.spend(len(numbers))
    return settled(max(operand(number) for number in numbers))


def _min(evaluator: Evaluator, numbers: list[Any] | None) -> Any:
    if not numbers:
        return None
    evaluator.budget.spend(len(numbers))
    return settled(min(operand(number) for number in numbers))


def _average(evaluator: Evaluator, numbers: list[Any] | None) -> Any:
    return settled(_sum(evaluator, numbers) / len(numbers)) if numbers else None


def _number(_evaluator: Evaluator, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return int(value)
    return _read_number(value) if isinstance(value, str) else value


def _read_number(text: str) -> int | float | Decimal:
    """A number as JSON writes it, or with 0x, 0o, 0b; exact where a double would not be."""
    base = _BASES.get(text[:2].lower())
    if len(text) > MAX_DIGITS:
        raise JException("D3030", -1)
    if base is not None:
        return int(text[2:].replace("_", "?"), base)  # "?" is no digit: Python would skip "_"
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise JException("D3030", -1)
    exact = Decimal(text)
    if exact and abs(exact.adjusted()) > MAX_EXPONENT:
        raise JException("D3030", -1)
    number = float(text)
    return settled(number) if Decimal(repr(number)) == exact else exact


def _floor(_evaluator: Evaluator, number: Any) -> Any:
    return None if number is None else settled(math.floor(operand(number)))


def _ceil(_evaluator: Evaluator, number: Any) -> Any:
    return None if number is None else settled(math.ceil(operand(number)))


def _round(_evaluator: Evaluator, number: Any, precision: Any) -> Any:
    """Half to even, on the decimal that is written (2.5 -> 2, 1.005 at 2 -> 1)."""
    if number is None:
        return None
    places = 0 if precision is None else int(operand(precision))
    value = operand(number)
    if abs(places) > MAX_EXPONENT:
        return settled(0 if places < 0 else value)
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), context=_WIDE)
    return settled(float(exact))


def _abs(_evaluator: Evaluator, number: Any) -> Any:
    return None if number is None else settled(abs(operand(number)))


def _sqrt(_evaluator: Evaluator, number: Any) -> Any:
    if number is None:
        return None
    value = operand(number)
    if value < 0:
        raise JException("D3060", -1)
    return settled(math.sqrt(value))


def _power(_evaluator: Evaluator, base: Any, exponent: Any) -> Any:
    if base is None or exponent is None:
        return None
    try:
        result = math.pow(operand(base), operand(exponent))
    except (OverflowError, ValueError):
        raise JException("D3061", -1) from None
    return settled(result)


def _format_number(evaluator: Evaluator, number: Any, picture: Any, options: Any) -> Any:
    if number is None:
        return None
    _bounded(picture)
    _check_options(options or {})
    value = operand(number)
    evaluator.budget.text(2 * MAX_PICTURE)
    return Functions.format_number(value, picture, options)


def _check_options(options: dict[str, Any]) -> None:
    # The library builds regular expressions of these.
    for name, value in options.items():
        if not isinstance(value, str) or len(value) > MAX_PICTURE:
            raise JException("F0002", -1)
        if name in _ONE_CHARACTER and len(value) != 1:
            raise JException("F0002", -1)
    if not _EXPONENT_SEPARATOR.fullmatch(options.get("exponent-separator", "e")):
        raise JException("F0002", -1)


def _format_base(_evaluator: Evaluator, number: Any, radix: Any) -> Any:
    if number is None:
        return None
    base = 10 if radix is None else int(operand(radix))
    if not 2 <= base <= 36:
        raise JException("D3100", -1)
    return Functions.base_repr(int(_round(_evaluator, number, None)), base).lower()


def _format_integer(_evaluator: Evaluator, number: Any, picture: Any) -> Any:
    if number is None:
        return None
    _bounded(picture)
    return DateTimeUtils.format_integer(int(operand(number)), picture)


def _parse_integer(_evaluator: Evaluator, text: Any, picture: Any) -> Any:
    if text is None:
        return None
    _bounded(picture)
    _bounded(text)
    return settled(DateTimeUtils.parse_integer(text, picture))


def _bounded(text: Any) -> None:
    if not isinstance(text, str) or len(text) > MAX_PICTURE:
        raise JException("F0003", -1)


def _random(_evaluator: Evaluator) -> float:
    return random.random()  # noqa: S311 - JSONata's $random is no source of secrets


NUMERIC_FUNCTIONS = (
    Builtin("sum", "<a<n>:n>", 1, _sum),
    Builtin("max", "<a<n>:n>", 1, _max),
    Builtin("min", "<a<n>:n>", 1, _min),
    Builtin("average", "<a<n>:n>", 1, _average),
    Builtin("number", "<(nsb)-:n>", 1, _number),
    Builtin("floor", "<n-:n>", 1, _floor),
    Builtin("ceil", "<n-:n>", 1, _ceil),
    Builtin("round", "<n-n?:n>", 2, _round),
    Builtin("abs", "<n-:n>", 1, _abs),
    Builtin("sqrt", "<n-:n>", 1, _sqrt),
    Builtin("power", "<n-n:n>", 2, _power),
    Builtin("random", "<:n>", 0, _random),
    Builtin("formatNumber", "<n-so?:s>", 3, _format_number),
    Builtin("formatBase", "<n-n?:s>", 2, _format_base),
    Builtin("formatInteger", "<n-s:s>", 2, _format_integer),
    Builtin("parseInteger", "<s-s:n>", 2, _parse_integer),
)
"""The numeric functions."""
