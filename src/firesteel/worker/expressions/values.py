"""What the values of expressions are, and the rules that hold for all of them.

Values are JSON values as Python has them: dict, list, str, bool, int of any size, float, Decimal.
As in jsonata-python, None is *undefined* and ``NULL`` is JSON's null while an expression runs;
``present`` turns the one into the other where data enters.
"""

from __future__ import annotations

import json.encoder
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from jsonata.jexception import JException
from jsonata.utils import Utils

from firesteel.worker.expressions.errors import (
    ExpressionFailed,
    ExpressionLimit,
    ExpressionPrecision,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.worker.expressions.limits import Budget

NULL: Final = Utils.NULL_VALUE
MAX_EXACT: Final = 2**53
EXACT_DIGITS: Final = 15
PLAIN_EXPONENT: Final = 30

_quoted = json.encoder.encode_basestring


def is_number(value: Any) -> bool:
    """Whether JSON writes it as a number: a boolean is none."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def operand(value: Any) -> int | float:
    """A number as arithmetic and comparison take it, not rounded: ExpressionPrecision where an
    integer is above 2^53 or a decimal has more digits than a double holds.
    """
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        if -MAX_EXACT <= value <= MAX_EXACT:
            return value
        raise ExpressionPrecision
    return _from_decimal(value)


def _from_decimal(value: Decimal) -> int | float:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ExpressionPrecision
    significant = len("".join(map(str, digits)).strip("0"))
    number = float(value)
    if significant > EXACT_DIGITS and Decimal(number) != value:
        raise ExpressionPrecision
    return settled(number)


def settled(number: float) -> int | float:
    """The result of arithmetic: whole numbers are ints, what JSON cannot write is an error."""
    if isinstance(number, int):
        if -MAX_EXACT <= number <= MAX_EXACT:
            return number
        raise ExpressionPrecision
    if not math.isfinite(number):
        raise JException("D1001", -1)
    if number.is_integer() and -MAX_EXACT <= number <= MAX_EXACT:
        return int(number)
    return number


class Deferred:
    """A value of a context that is worked out when an expression first reads it, and once."""

    __slots__ = ("_read", "_value")

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read: Callable[[], Any] | None = read
        self._value: Any = None

    def value(self) -> Any:
        """What ``read`` returned; raises what it raised."""
        if self._read is not None:
            self._value = self._read()
            self._read = None
        return self._value


def present(value: Any) -> Any:
    """A value of the data, with null as ``NULL``, also within lists; objects are left alone."""
    if type(value) is Deferred:
        value = value.value()
    if value is None:
        return NULL
    if type(value) is list:
        for item in value:
            if item is None or type(item) is list:
                return [present(item) for item in value]
    return value


def truthy(value: Any, budget: Budget) -> bool:
    """JSONata's cast to boolean; undefined is false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list):
        for item in value:
            budget.spend(1)
            if truthy(item, budget):
                return True
        return False
    if isinstance(value, str | dict | int | float | Decimal):
        return bool(value)
    return False


def equal(left: Any, right: Any, budget: Budget) -> bool:
    """Deep equality; numbers are compared as numbers, a boolean is none."""
    budget.spend(1)
    if is_number(left) and is_number(right):
        return operand(left) == operand(right)
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(_same(one, two, budget) for one, two in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(_same(item, right[key], budget) for key, item in left.items())
        )
    return left is right


def _same(left: Any, right: Any, budget: Budget) -> bool:
    return equal(present(left), present(right), budget)


def number_text(number: float | Decimal) -> str:
    """Integers and decimals exactly; floats with 15 digits in JavaScript's form, as ``$string``."""
    if isinstance(number, int):
        return str(number)
    if isinstance(number, Decimal):
        return format(number, "f") if abs(number.adjusted()) <= PLAIN_EXPONENT else str(number)
    text = f"{number:.15g}"
    mantissa, _, exponent = text.partition("e")
    power = int(exponent or "0")
    if -7 < power < 21:
        return format(Decimal(text), "f")
    return f"{mantissa}e{power:+d}"


def text_of(value: Any, budget: Budget, *, pretty: bool = False) -> str:
    """What ``$string`` and ``&`` make of a defined value: texts as they are, all else JSON;
    ``pretty`` indents by two blanks.
    """
    if isinstance(value, str):
        return value
    writer = JsonText(budget, pretty=pretty)
    writer.write(value, 0)
    return "".join(writer.parts)


class JsonText:
    """Writes a value as JSON text into ``parts``, counted as it grows."""

    __slots__ = ("_budget", "_length", "_pretty", "parts")

    def __init__(self, budget: Budget, *, pretty: bool) -> None:
        self.parts: list[str] = []
        self._budget = budget
        self._length = 0
        self._pretty = pretty

    def write(self, value: Any, depth: int) -> None:
        """Append ``value``; functions are empty texts, as in JSONata."""
        if isinstance(value, str):
            self._put(_quoted(value))
        elif value is None or value is NULL:
            self._put("null")
        elif isinstance(value, bool):
            self._put("true" if value else "false")
        elif isinstance(value, int | float | Decimal):
            self._put(number_text(value))
        elif isinstance(value, list):
            self._list(value, depth)
        elif isinstance(value, dict):
            self._object(value, depth)
        elif isinstance(value, Deferred):
            self.write(present(value), depth)
        else:
            self._put('""' if depth else "")

    def _put(self, text: str) -> None:
        self._length += len(text)
        self._budget.spend(1)
        if self._length > self._budget.limits.text_characters:
            self._budget.text(self._length)
        self.parts.append(text)

    def _list(self, items: list[Any], depth: int) -> None:
        inner = self._descend(depth)
        for number, item in enumerate(items):
            self._put(("," if number else "[") + inner)
            self.write(item, depth + 1)
        self._put(self._line(depth) + "]" if items else "[]")

    def _object(self, members: dict[str, Any], depth: int) -> None:
        inner = self._descend(depth)
        colon = ": " if self._pretty else ":"
        for number, (name, item) in enumerate(members.items()):
            self._put(("," if number else "{") + inner + _quoted(name) + colon)
            self.write(item, depth + 1)
        self._put(self._line(depth) + "}" if members else "{}")

    def _descend(self, depth: int) -> str:
        if depth >= self._budget.limits.result_depth:
            raise ExpressionLimit("a value is nested too deeply for a text")
        return self._line(depth + 1)

    def _line(self, depth: int) -> str:
        return "\n" + "  " * depth if self._pretty else ""


class PlainResult:
    """Makes plain JSON of an expression's value: lists and dicts of its own, null as None."""

    __slots__ = ("_budget", "_size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = 0

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Raises ExpressionLimit past the result's size or depth, ExpressionFailed for what is no
        JSON, such as a function.
        """
        kind = type(value)
        if kind is str:
            self._count(len(value) + 2 if value.isascii() else len(value.encode()) + 2)
            return value
        if value is NULL or value is None:
            self._count(4)
            return None
        if kind is int or kind is float or kind is bool:
            self._count(value.bit_length() // 3 + 2 if kind is int else 8)
            return value
        if isinstance(value, dict):
            self._enter(depth)
            return {self._name(name): self.plain(item, depth + 1) for name, item in value.items()}
        if isinstance(value, list):
            self._enter(depth)
            return [self.plain(item, depth + 1) for item in value]
        if kind is Decimal and value.is_finite():
            self._count(len(value.as_tuple().digits) + 2)
            return value
        if kind is Deferred:
            return self.plain(present(value), depth)
        raise ExpressionFailed("the value of the expression is not JSON, but a function")

    def _name(self, name: str) -> str:
        self._count(len(name) + 4)
        return name

    def _enter(self, depth: int) -> None:
        self._count(2)
        if depth >= self._budget.limits.result_depth:
            raise ExpressionLimit(f"the result is nested over {depth} deep")

    def _count(self, size: int) -> None:
        self._size += size
        self._budget.spend(1)
        if self._size > self._budget.limits.result_bytes:
            limit = self._budget.limits.result_bytes
            raise ExpressionLimit(f"the result is over {limit} bytes as JSON")
