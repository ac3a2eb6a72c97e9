"""Plain paths into a call: ``query.x``, ``headers.x-event-id``, ``consumer``, ``body.a.b.0``.

The engine reads them before acceptance (ordering and idempotency keys, search names), without any
expression language. Everything after ``query.`` or ``headers.`` is one name; a path into the body
is cut at its dots, so a member whose name has a dot cannot be reached.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_KEY_CHARACTERS: Final = 512

Root = Literal["query", "headers", "consumer", "body"]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 section 5.6.2
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What a text column of every store can hold: no NUL, no lone surrogates.
_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")


class Missing(Enum):
    """The path yields nothing."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class PathError(ValueError):
    """The text is no path; its message says why, ``hint`` what to write."""

    def __init__(self, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. ``parts``: the name for query and headers (headers in lower case), the
    members and indexes for the body, nothing for the consumer.
    """

    text: str
    root: Root
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """The path that ``text`` writes; raises PathError."""
        root, dot, rest = text.partition(".")
        if _CONTROL.search(text) or len(text) > 200:
            raise PathError("a path has at most 200 characters and no control characters")
        if root == "query":
            return _named(text, "query", rest)
        if root == "headers":
            return _named(text, "headers", rest)
        if root == "consumer" and not dot:
            return cls(text, "consumer", ())
        if root == "body":
            return cls(text, "body", _members(rest) if dot else ())
        raise PathError(
            "a path begins with query., headers. or body., or is consumer",
            _root_hint(text, root),
        )

    @property
    def needs_body(self) -> bool:
        """Whether the body must be parsed before the path can be read."""
        return self.root == "body"

    def read(
        self,
        query: Mapping[str, Any],
        headers: Sequence[tuple[bytes, bytes]],
        consumer: str | None,
        body: Any,
        *,
        once_is_a_list: bool = False,
    ) -> Any:
        """The value at this path, or MISSING.

        ``query``: as ``parameters.Query.values``. ``headers``: names in lower case; a repeated one
        is joined with ", " (RFC 9110 section 5.3). ``body``: parsed, None where there is none;
        ``once_is_a_list``: in its format item 0 of what is no list is that itself, below the root.
        """
        if self.root == "headers":
            return _header(headers, self.parts[0].encode("latin-1"))
        if self.root == "body":
            return _member(body, self.parts, once_is_a_list=once_is_a_list)
        if self.root == "query":
            return query.get(self.parts[0], MISSING)
        return MISSING if consumer is None else consumer


def as_key(value: Any) -> str | Missing:
    """The text of a value as an ordering or idempotency key, or MISSING.

    Texts stand as they are, numbers exactly and in one form (``1``, ``1.0`` and ``1e0`` are one
    key), booleans as ``true`` and ``false``. Null, an empty text, objects, lists and bytes yield
    nothing. A key that is too long to index or that no store can hold is replaced by its digest.
    """
    if isinstance(value, str):
        return _storable(value) if value else MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _storable(_number(value))
    return MISSING


def _named(text: str, root: Literal["query", "headers"], name: str) -> Path:
    if not name:
        raise PathError(f"a name is missing after {root}.", f"write {root}.NAME")
    if root == "query":
        return Path(text, root, (name,))
    if not _HEADER_NAME.fullmatch(name):
        raise PathError("this is not the name of a header", "write it as headers.x-event-id")
    return Path(text, root, (name.lower(),))


def _members(rest: str) -> tuple[str, ...]:
    parts = tuple(rest.split("."))
    if not all(parts):
        raise PathError("a path has a name or a number between its dots", "remove the extra dot")
    if any("[" in part for part in parts):
        dotted = rest.replace("[", ".").replace("]", "")
        raise PathError("items of a list are written with dots", f"write body.{dotted}")
    return parts


def _root_hint(text: str, root: str) -> str:
    if "{%" in text:
        return "a path stands without {% %}: it is read before the call is accepted"
    if text.startswith("$"):
        return "write body.customer_no, without $"
    near = {
        "header": "headers",
        "params": "query",
        "parameters": "query",
        "payload": "body",
    }
    if root.lower() in ("query", "headers", "body", "consumer"):
        return f"write {root.lower()}{text[len(root) :]}"
    if root.lower() in near:
        return f"write {near[root.lower()]}{text[len(root) :]}"
    return f"did you mean body.{text}?"


def _header(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str | Missing:
    found = [value for key, value in headers if key == name]
    if not found:
        return MISSING
    return b", ".join(found).decode("latin-1")


def _member(value: Any, parts: tuple[str, ...], *, once_is_a_list: bool) -> Any:
    root = value
    for part in parts:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        elif part != "0" or not once_is_a_list or value is root or isinstance(value, list):
            return MISSING
    return MISSING if value is None else value


def _number(value: float | Decimal) -> str:
    if isinstance(value, int):
        # Hexadecimal past Python's bound on decimal digits; still exact, still one form.
        return str(value) if value.bit_length() < 10_000 else hex(value)
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite():
        return str(number)
    if number == 0:
        return "0"
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    stripped = text.rstrip("0")
    exponent += len(text) - len(stripped)
    exact = Decimal((sign, tuple(map(int, stripped)), exponent))
    # Plain digits only where they stay short: 1e999999999 must not become a gigabyte.
    return format(exact, "f") if abs(exponent) <= MAX_KEY_CHARACTERS else str(exact)


def _storable(text: str) -> str:
    if len(text) <= MAX_KEY_CHARACTERS and not _NOT_STORABLE.search(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_NOT_STORABLE.sub('?', text[:64])}...sha256:{digest}"
