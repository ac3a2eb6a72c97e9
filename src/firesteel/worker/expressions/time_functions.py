"""Time functions of JSONata: ISO 8601 and pictures."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jsonata.datetimeutils import DateTimeUtils
from jsonata.jexception import JException

from firesteel.worker.expressions.builtin import Builtin
from firesteel.worker.expressions.values import operand, settled

if TYPE_CHECKING:
    from firesteel.worker.expressions.evaluator import Evaluator

MAX_PICTURE = 200
MAX_TIMESTAMP = 200
MAX_WIDTH = 100

_DIGITS = re.compile("[0-9]+")
_MARKER = re.compile(r"\[[^\]]*\]")
# The library puts the text between markers into a regular expression as it stands.
_UNSAFE = re.compile(r"[*+?{}()|^$\\\[\]]")
_TIMEZONE = re.compile(r"[+-]?[0-9]{1,4}")
_YEAR = re.compile("[0-9]{4}")


def _now(evaluator: Evaluator, picture: Any, timezone: Any) -> Any:
    return _from_millis(evaluator, evaluator.now_ms, picture, timezone)


def _millis(evaluator: Evaluator) -> int:
    return evaluator.now_ms


def _from_millis(_evaluator: Evaluator, millis: Any, picture: Any, timezone: Any) -> Any:
    if millis is None:
        return None
    if picture is not None:
        _check_picture(picture)
    if timezone is not None and not _TIMEZONE.fullmatch(timezone):
        raise JException("F0005", -1)
    return DateTimeUtils.format_datetime(int(operand(millis)), picture, timezone)


def _to_millis(_evaluator: Evaluator, timestamp: Any, picture: Any) -> Any:
    if timestamp is None:
        return None
    if len(timestamp) > MAX_TIMESTAMP:
        raise JException("D3110", -1)
    if picture is None:
        return _iso_millis(timestamp)
    _check_picture(picture)
    if _UNSAFE.search(_MARKER.sub("", picture)):
        raise JException("F0006", -1)
    millis = DateTimeUtils.parse_datetime(timestamp, picture)
    return None if millis is None else settled(millis)


def _iso_millis(timestamp: str) -> int:
    text = f"{timestamp}-01-01" if _YEAR.fullmatch(timestamp) else timestamp
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise JException("D3110", -1) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1000 + moment.microsecond // 1000


def _check_picture(picture: str) -> None:
    widths = _DIGITS.findall(picture[: MAX_PICTURE + 1])
    if len(picture) > MAX_PICTURE or any(int(width) > MAX_WIDTH for width in widths):
        raise JException("F0003", -1)


TIME_FUNCTIONS = (
    Builtin("now", "<s?s?:s>", 2, _now),
    Builtin("millis", "<:n>", 0, _millis),
    Builtin("fromMillis", "<n-s?s?:s>", 3, _from_millis),
    Builtin("toMillis", "<s-s?:n>", 2, _to_millis),
)
"""The time functions."""
