"""Durations, sizes and rates as they are written: ``500ms``, ``10MiB``, ``100/s``.

Each kind has a ``parse_*`` that raises ValueError with a text for people, a ``format_*`` that
writes the canonical form, and an annotated type for documents. ``parse(format(x)) == x`` for every
value that can be written. In a document only the written form is taken; Python code may pass the
number itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core.core_schema import ValidationInfo

DURATION_PATTERN = r"^[0-9]{1,12}(ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,15}(B|KiB|MiB|GiB)$"
RATE_PATTERN = r"^[1-9][0-9]{0,8}/(s|m|h)$"

_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# Canonical durations look like the documentation's: 60s and 96h, not 1m and 4d.
_WRITTEN_FROM = (("d", 5), ("h", 1), ("m", 2), ("s", 1))
# Up to there seconds are exact to the millisecond.
_LONGEST_MS = 100_000_000 * _MILLISECONDS["d"]
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SECONDS = {"s": 1, "m": 60, "h": 3600}

_DURATION = re.compile(DURATION_PATTERN, re.ASCII)
_SIZE = re.compile(SIZE_PATTERN, re.ASCII)
_RATE = re.compile(RATE_PATTERN, re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of ``500ms``, ``10s``, ``5m``, ``24h`` or ``30d``; ValueError otherwise."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a whole number with ms, s, m, h or d, such as 30s")
    unit = match.group(1)
    milliseconds = int(text[: -len(unit)]) * _MILLISECONDS[unit]
    if milliseconds > _LONGEST_MS:
        raise ValueError("a duration is at most 100000000d")
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """The canonical form of a duration in seconds (0 or more, to the millisecond)."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 0:
        raise ValueError("a duration is not negative")
    for unit, least in _WRITTEN_FROM:
        number, rest = divmod(milliseconds, _MILLISECONDS[unit])
        if rest == 0 and number >= least:
            return f"{number}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def parse_size(text: str) -> int:
    """Bytes of ``512B``, ``64KiB``, ``10MiB`` or ``1GiB``; ValueError otherwise."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("a size is a whole number with B, KiB, MiB or GiB, such as 10MiB")
    unit = match.group(1)
    return int(text[: -len(unit)]) * _BYTES[unit]


def format_size(size_bytes: int) -> str:
    """The canonical form of a size in bytes (0 or more)."""
    if size_bytes < 0:
        raise ValueError("a size is not negative")
    for unit in ("GiB", "MiB", "KiB"):
        number, rest = divmod(size_bytes, _BYTES[unit])
        if rest == 0 and number:
            return f"{number}{unit}"
    return f"{size_bytes}B"


def parse_rate(text: str) -> float:
    """Calls a second of ``100/s``, ``20/m`` or ``1000/h``; ValueError otherwise."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("a rate is a whole number, a slash, and s, m or h, such as 100/s")
    return int(text[:-2]) / _SECONDS[match.group(1)]


def format_rate(per_second: float) -> str:
    """The canonical form of a rate in calls a second; ValueError for one that cannot be written."""
    for unit, seconds in _SECONDS.items():
        number = round(per_second * seconds)
        if number >= 1 and number / seconds == per_second:
            return f"{number}/{unit}"
    raise ValueError("no whole number of calls a second, minute or hour")


def _hint(value: Any, pattern: re.Pattern[str], examples: tuple[str, str]) -> str:
    """What to write instead: ``examples`` are the unit to add to a bare number, and a whole one."""
    unit, example = examples
    text = str(value).strip()
    if isinstance(value, bool):
        return f"write it as {example}"
    if _NUMBER.fullmatch(text):
        return f"add the unit, such as {text}{unit}"
    compact = text.replace(" ", "")
    return f"write {compact}" if pattern.fullmatch(compact) else f"write it as {example}"


def _reader(
    code: str,
    parse: Callable[[str], float],
    pattern: re.Pattern[str],
    examples: tuple[str, str],
) -> Callable[[Any, ValidationInfo], Any]:
    """A validator that reads the written form, and numbers only where no document is read."""

    def read(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            if info.context is None:
                return value
            detail = f"a {code} is written with its unit"
        else:
            try:
                return parse(value)
            except ValueError as error:
                detail = str(error)
        hint = _hint(value, pattern, examples)
        raise PydanticCustomError(
            f"{code}_invalid",
            "{detail}",
            {"detail": detail, "hint": hint},
        )

    return read


def between(least: str, most: str) -> AfterValidator:
    """Bounds of a Duration or Size, both in their written form and both allowed."""
    parse = parse_size if _SIZE.fullmatch(least) else parse_duration
    low, high = parse(least), parse(most)

    def check(value: float) -> float:
        if low <= value <= high:
            return value
        detail = f"must be from {least} to {most}"
        raise PydanticCustomError("out_of_range", "{detail}", {"detail": detail, "hint": ""})

    return AfterValidator(check)


Duration = Annotated[
    float,
    BeforeValidator(_reader("duration", parse_duration, _DURATION, ("s", "30s"))),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s", "5m"]}),
]
"""Seconds; written ``500ms``, ``10s``, ``5m``, ``24h``, ``30d``."""

Size = Annotated[
    int,
    BeforeValidator(_reader("size", parse_size, _SIZE, ("B", "10MiB"))),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["64KiB", "10MiB"]}),
]
"""Bytes; written ``512B``, ``64KiB``, ``10MiB``, ``1GiB``."""

Rate = Annotated[
    float,
    BeforeValidator(_reader("rate", parse_rate, _RATE, ("/s", "100/s"))),
    PlainSerializer(format_rate, return_type=str),
    WithJsonSchema({"type": "string", "pattern": RATE_PATTERN, "examples": ["100/s", "20/m"]}),
]
"""Calls a second; written ``100/s``, ``20/m``, ``1000/h``."""
