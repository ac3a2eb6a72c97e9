"""The form of the Try it tab: what it begins with, and the call that was filled in.

A declared query parameter is a field ``p.<name>``; left empty it is not sent. Other parameters and
headers are lines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from firesteel.admin.callers.samples import body_sample, parameter_sample
from firesteel.admin.shapes.callers import CallShape, TryCallShape
from firesteel.errors import CallerError
from firesteel.model.document import parse_document
from firesteel.model.trigger import BodySchema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firesteel.model.trigger import QueryParameter, Trigger

WITH_BODY: Final = ("POST", "PUT", "PATCH")
TYPED: Final = "typed"
NO_KEY: Final = "none"
_LABEL: Final = "label:"
_Shape = TypeVar("_Shape", CallShape, TryCallShape)
_INPUTS: Final = {"integer": "number", "number": "text", "date": "date"}


@dataclass(frozen=True, slots=True)
class Field:
    """A declared query parameter as a field; ``options`` where only some values are taken."""

    name: str
    value: str
    input: str
    required: bool
    many: bool
    hint: str
    options: list[str]


def first_values(document: dict[str, Any], labels: list[str]) -> dict[str, str]:
    """What stands in the form at first: required parameters and a body that fit the document."""
    trigger = parse_document(document).trigger
    method = trigger.methods[0]
    values = {
        "method": method,
        "key": f"{_LABEL}{labels[0]}" if labels else NO_KEY,
        "body": _first_body(trigger),
        "timeout_s": "30",
    }
    for item in trigger.query_parameters:
        if item.required:
            sample = parameter_sample(item)
            first = sample[0] if isinstance(sample, list) else sample
            values[f"p.{item.name}"] = _shown(first)
    return values


def fields(document: dict[str, Any], values: Mapping[str, str]) -> list[Field]:
    """The declared query parameters with what was filled in."""
    trigger = parse_document(document).trigger
    return [_field(item, values.get(f"p.{item.name}", "")) for item in trigger.query_parameters]


def call_of(values: Mapping[str, str], declared: list[str]) -> CallShape:
    """The call without a key. Raises CallerError ``invalid_request``."""
    return _shape(CallShape, **_call(values, declared))


def trial_of(values: Mapping[str, str], declared: list[str]) -> TryCallShape:
    """The call with the key that was chosen. Raises CallerError ``invalid_request``."""
    key = values.get("key", NO_KEY)
    given = _call(values, declared)
    given["timeout_s"] = _seconds(values.get("timeout_s", ""))
    if key.startswith(_LABEL):
        given["key_label"] = key.removeprefix(_LABEL)
    elif key == TYPED:
        given["key_secret"] = values.get("key_secret", "").strip() or None
    return _shape(TryCallShape, **given)


def _shape(kind: type[_Shape], **given: Any) -> _Shape:
    try:
        return kind(**given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise CallerError(f"{place}: {first['msg']}", code="invalid_request") from None


def _call(values: Mapping[str, str], declared: list[str]) -> dict[str, Any]:
    method = values.get("method", "GET")
    query: list[tuple[str, str]] = []
    for name in declared:
        sent = values.get(f"p.{name}", "")
        query += [(name, line) for line in sent.splitlines() if line]
    query += _pairs(values.get("query", ""), "=")
    body = values.get("body", "")
    return {
        "method": method,
        "query": query,
        "headers": _pairs(values.get("headers", ""), ":"),
        "body": body.replace("\r\n", "\n") if body and method in WITH_BODY else None,
    }


def _pairs(text: str, separator: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        if line.strip():
            name, _, value = line.partition(separator)
            found.append((name.strip(), value.strip() if separator == ":" else value))
    return found


def _seconds(text: str) -> float:
    try:
        return float(text or 30)
    except ValueError:
        raise CallerError(
            "the time to wait is a number of seconds", code="invalid_request"
        ) from None


def _first_body(trigger: Trigger) -> str:
    if not set(trigger.methods) & set(WITH_BODY):
        return ""
    if isinstance(trigger.body, BodySchema):
        sample = body_sample(trigger.body.schema_)
        return "" if sample is None else json.dumps(sample, indent=2, ensure_ascii=False)
    return {"json": "{}", "xml": "<a/>", "form": "a=1"}.get(trigger.body, "")


def _field(item: QueryParameter, value: str) -> Field:
    said = [item.description or ""]
    if item.default is not None:
        said.append(f"Not sent: {_shown(item.default)}.")
    if item.many:
        said.append("One value a line.")
    elif item.type not in ("string", "date"):
        said.append({"boolean": "true or false."}.get(item.type, f"A{_n(item.type)} {item.type}."))
    options = [_shown(option) for option in item.enum or ()]
    if item.type == "boolean" and not options:
        options = ["true", "false"]
    return Field(
        name=item.name,
        value=value,
        input=_INPUTS.get(item.type, "text"),
        required=item.required,
        many=item.many,
        hint=" ".join(filter(None, said)),
        options=options,
    )


def _n(word: str) -> str:
    return "n" if word[0] in "aeiou" else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return str(value)
