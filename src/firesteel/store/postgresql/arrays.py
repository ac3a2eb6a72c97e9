"""Columns of many rows as PostgreSQL takes them at once: for ``unnest``.

Numbers, flags and texts go as array literals, which one ``join`` makes; the driver's own arrays
take three times as long. Bytes go end to end as one value, with where each begins and how long it
is; as an array they take ten times as long. The server cuts them (decision 0022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

# Bytes in one statement, where it has several rows.
_BYTES_AT_ONCE = 4 * 1024 * 1024


def numbers(values: Iterable[int | None]) -> str:
    """For ``?::BIGINT[]``."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def flags(values: Iterable[bool]) -> str:
    """For ``?::BOOLEAN[]``."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


def texts(values: Sequence[str | None]) -> str:
    """For ``?::TEXT[]``."""
    quoted = ["NULL" if value is None else _quoted(value) for value in values]
    return "{" + ",".join(quoted) + "}"


def pieces(values: Sequence[bytes | None]) -> tuple[bytes, str, str]:
    """For ``?::BYTEA`` (all of them), ``?::INTEGER[]`` (where each begins, from 1) and
    ``?::INTEGER[]`` (how long each is)."""
    begins, lengths, at = [], [], 1
    for value in values:
        if value is None:
            begins.append("1")
            lengths.append("NULL")
        else:
            length = len(value)
            begins.append(str(at))
            lengths.append(str(length))
            at += length
    whole = b"".join([value for value in values if value is not None])
    return whole, "{" + ",".join(begins) + "}", "{" + ",".join(lengths) + "}"


def groups(
    rows: Sequence[tuple[Any, ...]], weight: Callable[[tuple[Any, ...]], int]
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Cut into groups that are not too long together; ``weight``: the length of a row in bytes. A
    long one is a group of its own."""
    start, size_bytes = 0, 0
    for at, row in enumerate(rows):
        row_bytes = weight(row)
        size_bytes += row_bytes
        if at > start and size_bytes > _BYTES_AT_ONCE:
            yield rows[start:at]
            start, size_bytes = at, row_bytes
    if rows:
        yield rows[start:]


def _quoted(value: str) -> str:
    if '"' in value or "\\" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
