"""Values on their way into a database and out of it, exact in both directions.

In: JSON values, bound as they are; what a driver has no type for as JSON text. Out: dates as ISO
8601, bytes as base64, decimals as numbers where 15 digits suffice and as text where they do not.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from firesteel.model.json_exact import dumps

EXACT_DIGITS = 15
_PLAIN_OUT = frozenset({str, int, bool, type(None)})
_PLAIN_IN = frozenset({str, int, bool, float, type(None), bytes})
_SCALARS = (str, int, float, Decimal, type(None))


def bound(value: Any, *, dialect: str) -> Any:
    """A JSON value as the driver of ``dialect`` takes it."""
    if type(value) in _PLAIN_IN:
        return value
    if isinstance(value, Decimal):
        return _decimal_in(value) if dialect == "sqlite" else value
    if isinstance(value, list) and dialect == "postgresql" and _is_flat(value):
        return value  # an array: where item_no = any(:items)
    if isinstance(value, list | dict):
        return dumps(value).decode()
    return value


def received(value: Any) -> Any:
    """A value of a database as JSON has it."""
    if type(value) in _PLAIN_OUT:
        return value
    for kind, out in _OUT:
        if isinstance(value, kind):
            return out(value)
    return str(value)


def decimal_out(value: Decimal) -> int | float | str:
    """Exact: a whole number without decimals as int, else a float where 15 digits suffice, else
    the text."""
    if not value.is_finite():
        return str(value)
    exponent = value.as_tuple().exponent
    if exponent == 0:
        return int(value)
    short = value.normalize()
    if len(short.as_tuple().digits) <= EXACT_DIGITS and abs(value.adjusted()) < 300:
        return int(short) if short == short.to_integral_value() else float(short)
    return format(value, "f")


def _decimal_in(value: Decimal) -> Any:
    """SQLite has no decimals: a number where that is exact, else text."""
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _is_flat(items: list[Any]) -> bool:
    return all(isinstance(item, _SCALARS) for item in items)


def _bytes_out(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode()


def _object_out(value: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): received(item) for key, item in value.items()}


_OUT: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (float, lambda value: value if math.isfinite(value) else str(value)),
    (Decimal, decimal_out),
    ((datetime, date, time), lambda value: value.isoformat()),
    ((bytes, bytearray, memoryview), _bytes_out),
    (dict, _object_out),
    ((list, tuple), lambda value: [received(item) for item in value]),
    (timedelta, timedelta.total_seconds),
    (str, str),
    (int, int),
)
