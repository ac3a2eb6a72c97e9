"""What the rules find in a document, before it is placed in a file; and pydantic's part of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from firesteel.model.fault import CODES, Fault, Pointer, child, did_you_mean, value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

    from firesteel.model.section import Reading, Section
    from firesteel.model.yaml_source import Loaded

MAX_HINTS: Final = 100
_QUOTED = re.compile(r"'([^']*)'")
_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
    "greater_than": ("gt", "must be more than"),
}
_TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "model_attributes_type": "a mapping of keys and values",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault by its pointer alone; ``at_key``: its place is the key, not the value."""

    pointer: Pointer
    code: str
    detail: str
    hint: str = ""
    at_key: bool = False


@dataclass(slots=True)
class Findings:
    """Collects faults and warnings while rules look at a document."""

    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def fault(self, pointer: Pointer, code: str, detail: str, hint: str = "") -> None:
        """Something that must be mended."""
        self.faults.append(Finding(pointer, code, detail, hint))

    def fault_at_key(self, pointer: Pointer, code: str, detail: str, hint: str = "") -> None:
        """The same, where the key is wrong and not its value."""
        self.faults.append(Finding(pointer, code, detail, hint, at_key=True))

    def warning(self, pointer: Pointer, code: str, detail: str, hint: str = "") -> None:
        """Something that works and is seldom meant."""
        self.warnings.append(Finding(pointer, code, detail, hint))


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one: its type is another rule's fault."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def place(findings: Sequence[Finding], loaded: Loaded) -> list[Fault]:
    """The findings as faults of a file, in its order, each once. What YAML could not read is
    reported already and is left out here.
    """
    faults: dict[tuple[Pointer, str, str], Fault] = {}
    for finding in findings:
        pointer = finding.pointer
        if any(pointer == at or pointer.startswith(f"{at}/") for at in loaded.broken):
            continue
        where = loaded.key_position if finding.at_key else loaded.position
        line, column = where(pointer)
        fault = Fault(
            loaded.file,
            line,
            column,
            pointer,
            finding.code,
            finding.detail,
            finding.hint,
        )
        faults.setdefault((pointer, finding.code, finding.detail), fault)
    return sorted(faults.values(), key=lambda fault: (fault.line, fault.column))


def model_findings(error: ValidationError, document: Any, reading: Reading) -> list[Finding]:
    """Every fault that pydantic found in ``document``, with our codes and words."""
    found: list[Finding] = []
    for item in error.errors(include_url=False, include_input=False):
        pointer, value, rest = _resolve(document, item["loc"])
        if item["type"] == "extra_forbidden":
            parent = value_at(document, pointer.rpartition("/")[0])
            # To look for what was meant takes its time; nobody reads the hundredth hint.
            class_ = reading.seen.get(id(parent)) if len(found) < MAX_HINTS else None
            found.append(_unknown_key(str(item["loc"][-1]), pointer, class_))
            continue
        found.append(_finding(item, pointer, (value, rest)))
    return found


def _resolve(
    document: Any, location: Sequence[str | int]
) -> tuple[Pointer, Any, tuple[str | int, ...]]:
    """Where pydantic's location is in the document: the pointer, the value there, and what of the
    location is not in the document (a missing key; the names of a union's members are dropped).
    """
    pointer, value = "", document
    for index, part in enumerate(location):
        key = "otherwise" if part == "steps" and _is_otherwise(value) else part
        if _holds(value, key):
            pointer, value = child(pointer, key), value[key]
        elif index == len(location) - 1:
            return pointer, value, (part,)
    return pointer, value, ()


def _holds(value: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(value, list) and key < len(value)
    return isinstance(value, dict) and key in value


def _is_otherwise(value: Any) -> bool:
    return isinstance(value, dict) and "otherwise" in value and "steps" not in value


def _finding(item: Any, pointer: Pointer, at: tuple[Any, Any]) -> Finding:
    kind, context = item["type"], item.get("ctx") or {}
    value, rest = at
    if kind in CODES:
        at_key = bool(rest) and rest[0] == "[key]"
        return Finding(pointer, kind, context["detail"], context["hint"], at_key)
    if kind == "missing":
        key = rest[0] if rest else ""
        return Finding(child(pointer, key), "required", f"{key} is missing")
    if kind == "literal_error":
        return _literal(pointer, value, context["expected"])
    if kind in _TYPES:
        return _type(pointer, value, kind)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return Finding(pointer, "out_of_range", f"{words} {context[key]}")
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        return _length(pointer, kind, context)
    return Finding(pointer, "wrong_type", item["msg"][0].lower() + item["msg"][1:])


def _unknown_key(key: str, pointer: Pointer, class_: type[Section] | None) -> Finding:
    hint = did_you_mean(key, class_.keys()) if class_ else ""
    return Finding(pointer, "unknown_key", f"there is no key {key} here", hint, at_key=True)


def _literal(pointer: Pointer, value: Any, expected: str) -> Finding:
    allowed = _QUOTED.findall(expected)
    hint = ""
    if isinstance(value, str):
        hint = did_you_mean(value, allowed)
        hint = "" if hint.startswith("known") else hint
    return Finding(pointer, "not_allowed", f"must be one of {', '.join(allowed)}", hint)


def _type(pointer: Pointer, value: Any, kind: str) -> Finding:
    hint = ""
    if kind == "string_type" and isinstance(value, bool | int | float):
        hint = "quote it"
    elif kind in ("int_type", "float_type", "bool_type") and isinstance(value, str):
        hint = "write it without quotes" if _unquoted_works(value, kind) else ""
    elif kind == "list_type" and isinstance(value, str | dict):
        hint = "write it as a list: [...], or a line with - for each item"
    return Finding(pointer, "wrong_type", f"must be {_TYPES[kind]}", hint)


def _unquoted_works(value: str, kind: str) -> bool:
    return (
        value in ("true", "false") if kind == "bool_type" else value.isascii() and value.isdigit()
    )


def _length(pointer: Pointer, kind: str, context: dict[str, Any]) -> Finding:
    what = "characters" if kind.startswith("string") else "items"
    if kind.endswith("short"):
        least = context["min_length"]
        detail = "must not be empty" if least == 1 else f"must have at least {least} {what}"
    else:
        detail = f"must have at most {context['max_length']} {what}"
    return Finding(pointer, "out_of_range", detail)
