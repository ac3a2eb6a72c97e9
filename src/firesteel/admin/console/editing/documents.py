"""Documents of expressions as people type them, and back.

What is no JSON is a text, ``{% input.item %}`` among them; an object or list is JSON. A text that
would be read as JSON is written as a JSON string, so that nothing changes on the way there and
back.
"""

from __future__ import annotations

import json
from typing import Any, Final

from firesteel.errors import CallerError
from firesteel.model.template import OPEN

INDENT: Final = 2


class TypedWrongly(CallerError):
    """What was typed into a field of a form cannot be taken; ``pointer``: into the step."""

    code = "invalid_request"

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.pointer = pointer


def written(value: Any) -> str:
    """The text of a document, for a field of a form."""
    if value is None:
        return ""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _is_json(value) else value
    return json.dumps(value, indent=INDENT, ensure_ascii=False)


def read(text: str, pointer: str = "") -> Any:
    """The document of a text; None where it is blank. Raises TypedWrongly for what begins as JSON
    and is none."""
    stripped = text.strip()
    if not stripped:
        return None
    if not _is_json(stripped):
        _refuse_broken(stripped, pointer)
        return text.replace("\r\n", "\n")
    return json.loads(stripped)


def pretty(text: str) -> str:
    """JSON text with line breaks, every number as it was; it may be cut anywhere."""
    parts: list[str] = []
    depth, at = 0, 0
    while at < len(text):
        char = text[at]
        if char == '"':
            end = _end_of_string(text, at)
            parts.append(text[at:end])
            at = end
            continue
        if char in "{[" and text[at + 1 : at + 2] not in ("}", "]"):
            depth += 1
            parts.append(char + _line(depth))
        elif char in "}]" and text[at - 1] not in "{[":
            depth -= 1
            parts.append(_line(depth) + char)
        elif char == ",":
            parts.append(char + _line(depth))
        else:
            parts.append(": " if char == ":" else char)
        at += 1
    return "".join(parts)


def _line(depth: int) -> str:
    return "\n" + " " * (INDENT * max(depth, 0))


def _end_of_string(text: str, at: int) -> int:
    end = at + 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    return end + 1


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_broken(text: str, pointer: str) -> None:
    if text[0] not in '{["' or text.startswith(OPEN):
        return
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        hint = 'write expressions as texts: "{% input %}"'
        raise TypedWrongly(f"this is no JSON at {place}: {error.msg}; {hint}", pointer) from error
