"""The operators of JSONata: exact on whole numbers, refused where a double would be wrong."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from jsonata.jexception import JException
from jsonata.utils import Utils

from firesteel.worker.expressions.errors import ExpressionLimit
from firesteel.worker.expressions.values import (
    equal,
    is_number,
    operand,
    present,
    settled,
    text_of,
)

if TYPE_CHECKING:
    from firesteel.worker.expressions.limits import Budget

Operator = Callable[[Any, Any, str, "Budget"], Any]


def _numeric(left: Any, right: Any, operator: str, _budget: Budget) -> Any:
    """Undefined where a side is; in doubles where a side is a fraction."""
    if left is not None and not is_number(left):
        raise JException("T2001", -1, operator)
    if right is not None and not is_number(right):
        raise JException("T2002", -1, operator)
    if left is None or right is None:
        return None
    try:
        return settled(_ARITHMETIC[operator](operand(left), operand(right)))
    except (ZeroDivisionError, OverflowError, ValueError):
        raise JException("D1001", -1) from None


def _equality(left: Any, right: Any, operator: str, budget: Budget) -> bool:
    """Undefined is neither equal nor unequal to anything, as in JSONata."""
    if left is None or right is None:
        return False
    return equal(left, right, budget) is (operator == "=")


def _comparison(left: Any, right: Any, operator: str, budget: Budget) -> Any:
    """Numbers with numbers, texts with texts; undefined where a side is."""
    for side in (left, right):
        if side is not None and not isinstance(side, str) and not is_number(side):
            raise JException("T2010", -1, operator)
    if left is None or right is None:
        return None
    if isinstance(left, str) is not isinstance(right, str):
        raise JException("T2009", -1, None, None, operator)
    return _COMPARISONS[operator](compared(left, right, budget), 0)


def _concatenation(left: Any, right: Any, _operator: str, budget: Budget) -> str:
    """Undefined is an empty text."""
    before = "" if left is None else text_of(left, budget)
    after = "" if right is None else text_of(right, budget)
    budget.text(len(before) + len(after))
    return before + after


def _range(left: Any, right: Any, _operator: str, budget: Budget) -> Any:
    """Undefined where a side is, or the left one is above the right one."""
    for side, code in ((left, "T2003"), (right, "T2004")):
        if side is not None and (not is_number(side) or not isinstance(operand(side), int)):
            raise JException(code, -1)
    if left is None or right is None:
        return None
    first, last = int(operand(left)), int(operand(right))
    if first > last:
        return None
    size, most = last - first + 1, budget.limits.range_items
    if size > most:
        raise ExpressionLimit(f"a range has over {most} items")
    budget.spend(size)
    return Utils.create_sequence_from_iter(range(first, last + 1))


def _inclusion(left: Any, right: Any, _operator: str, budget: Budget) -> bool:
    if left is None or right is None:
        return False
    items = right if isinstance(right, list) else [right]
    return any(equal(present(item), left, budget) for item in items)


def compared(left: Any, right: Any, budget: Budget) -> int:
    """-1, 0 or 1 for two numbers or two texts."""
    if isinstance(left, str):
        budget.spend(1 + min(len(left), len(right)) // 1024)
    else:
        left, right = operand(left), operand(right)
    return int(left > right) - int(left < right)


def order_by(
    keyed: list[tuple[list[Any], Any]], descending: list[bool], budget: Budget
) -> Iterator[Any]:
    """The items of pairs (keys, item) by their keys, stable; undefined keys last either way.

    Raises JException T2007 and T2008 for keys that cannot be compared.
    """

    def order(one: tuple[list[Any], Any], two: tuple[list[Any], Any]) -> int:
        budget.spend(1)
        for left, right, down in zip(one[0], two[0], descending, strict=True):
            if left is None or right is None:
                if left is right:
                    continue
                return 1 if left is None else -1
            found = _compared_keys(left, right, budget)
            if found:
                return -found if down else found
        return 0

    return (item for _, item in sorted(keyed, key=functools.cmp_to_key(order)))


def _compared_keys(left: Any, right: Any, budget: Budget) -> int:
    for value in (left, right):
        if not isinstance(value, str) and not is_number(value):
            raise JException("T2008", -1)
    if isinstance(left, str) is not isinstance(right, str):
        raise JException("T2007", -1)
    return compared(left, right, budget)


def _remainder(left: float, right: float) -> float:
    """With the sign of the left side, as in JavaScript."""
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return math.fmod(left, right)


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": _remainder,
}

_COMPARISONS: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": lambda order, zero: order < zero,
    "<=": lambda order, zero: order <= zero,
    ">": lambda order, zero: order > zero,
    ">=": lambda order, zero: order >= zero,
}

OPERATORS: Final[dict[str, Operator]] = {
    **dict.fromkeys(_ARITHMETIC, _numeric),
    **dict.fromkeys(_COMPARISONS, _comparison),
    "=": _equality,
    "!=": _equality,
    "&": _concatenation,
    "..": _range,
    "in": _inclusion,
}
"""What each operator does with its two sides; ``and`` and ``or`` are the evaluator's."""
