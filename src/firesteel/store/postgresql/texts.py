"""How values go to PostgreSQL and come back.

PostgreSQL's texts hold every character but U+0000, which callers may send in whatever becomes an
ordering key, a search value or a log. So texts are escaped on their way in and back: U+0000 becomes
U+E000 0, and U+E000 itself (of a private use, and hardly ever met) U+E000 1. Each text has one
spelling, so equal texts stay equal. Numbers, flags and bytes go without a type of their own, which
the statement says: so a statement is prepared once, and not again for each place that is NULL.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection, pq
from psycopg.abc import Buffer
from psycopg.types.bool import BoolDumper
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import (
    BytesBinaryDumper,
    StrBinaryDumper,
    StrDumperUnknown,
    TextLoader,
)

_ESCAPE = "\ue000"
_ESCAPED_NUL = _ESCAPE + "0"
_ESCAPED_ESCAPE = _ESCAPE + "1"


def escaped(text: str) -> str:
    """As PostgreSQL takes it."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPED_ESCAPE).replace("\0", _ESCAPED_NUL)


def unescaped(text: str) -> str:
    """What ``escaped`` was given."""
    if _ESCAPE not in text:
        return text
    return text.replace(_ESCAPED_NUL, "\0").replace(_ESCAPED_ESCAPE, _ESCAPE)


class _Text(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escaped(obj))


class _BinaryText(StrBinaryDumper):
    """For COPY in its binary format."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(escaped(obj))


class _Number(Int8Dumper):
    oid = 0


class _Flag(BoolDumper):
    oid = 0


class _Bytes(BytesBinaryDumper):
    oid = 0


class _TextLoader(TextLoader):
    def load(self, data: Buffer) -> Any:
        text = super().load(data)
        return unescaped(text) if isinstance(text, str) else text


class _BinaryTextLoader(_TextLoader):
    format = pq.Format.BINARY


def teach(connection: Connection[Any]) -> None:
    """Let the connection's values go and come so."""
    adapters = connection.adapters
    # Of two dumpers of one type, the one registered last is taken for parameters.
    adapters.register_dumper(str, _BinaryText)
    for kind, dumper in ((str, _Text), (int, _Number), (bool, _Flag), (bytes, _Bytes)):
        adapters.register_dumper(kind, dumper)
    for name in ("text", "varchar"):
        adapters.register_loader(name, _TextLoader)
        adapters.register_loader(name, _BinaryTextLoader)
