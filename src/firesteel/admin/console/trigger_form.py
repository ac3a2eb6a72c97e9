"""The form of the trigger page: what it makes of a document, and how values are shown in it.

What was not changed in the form stays in the document as it was written; what equals its default
is left out. What is typed wrongly is kept as it was typed, so that the draft tells its fault.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from firesteel.admin.console.authentication_form import declared, handshakes, with_way
from firesteel.model.cors import DEFAULT_HEADERS
from firesteel.model.findings import items, mapping
from firesteel.model.integration import Integration
from firesteel.model.section import Reading
from firesteel.model.trigger import Trigger

if TYPE_CHECKING:
    from starlette.datastructures import FormData

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
TYPES: Final = ("string", "integer", "number", "boolean", "date")
DEFAULT_METHODS: Final = ("GET", "POST")
DEFAULT_TIMEOUT: Final = "30s"
DEFAULT_KEY: Final = "headers.idempotency-key"
DEFAULT_WINDOW: Final = "96h"
DEFAULT_MAX_AGE: Final = "10m"
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,2})?")
_BOOLEANS: Final = {"true": True, "false": False}


def changed(document: dict[str, Any], form: FormData) -> dict[str, Any]:
    """The document with what the form says of the trigger, search, redaction and retention."""
    old = mapping(document.get("trigger"))
    trigger = _trigger(old, form)
    parts: dict[str, Any] = {
        "description": _text(form, "description"),
        "trigger": trigger or ({} if "trigger" in document else None),
        "search": _pairs(form, "search"),
        "redact": _lines(form, "redact"),
        "retention": _retention(form),
    }
    kept = {key: value for key, value in document.items() if key not in parts}
    new = {key: value for key, value in parts.items() if value not in (None, "", [])}
    whole = {**kept, **new}
    # In the order of the reference, so that nothing seems to have moved beside what was there.
    order = Integration.keys()
    known = [key for key in order if key in whole]
    return {key: whole[key] for key in [*known, *(key for key in whole if key not in known)]}


def with_act(document: dict[str, Any], act: str) -> dict[str, Any]:
    """The document after a button that adds or removes a part of the form, such as
    ``add-parameter`` or ``remove-parameter-2``; the same document for any other."""
    trigger = dict(mapping(document.get("trigger")))
    parameters = list(items(trigger.get("query_parameters")))
    declared = with_way(trigger, act)
    if declared is not None:
        trigger["authentication"] = declared
        if not declared:
            del trigger["authentication"]
    elif act == "add-parameter":
        trigger["query_parameters"] = [*parameters, {"name": ""}]
    elif act.startswith("remove-parameter-") and act[17:].isdecimal():
        del parameters[int(act[17:]) : int(act[17:]) + 1]
        trigger["query_parameters"] = parameters
        if not parameters:
            del trigger["query_parameters"]
    else:
        return document
    return {**document, "trigger": trigger}


def with_authentication(document: dict[str, Any]) -> dict[str, Any]:
    """The document with API keys asked for, in the order of the reference."""
    old = mapping(document.get("trigger"))
    trigger = {**old, "authentication": with_way(old, "add-api_key")}
    order = Trigger.keys()
    known = [key for key in order if key in trigger]
    ordered = {key: trigger[key] for key in [*known, *(key for key in trigger if key not in order)]}
    return {**document, "trigger": ordered}


def shown(value: Any) -> str:
    """A value of ``default`` or ``enum`` as the form shows it; a list has a line for each."""
    if isinstance(value, list):
        return "\n".join(shown(item) for item in value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def shown_schema(body: Any) -> str:
    """The JSON Schema of ``body`` as it is edited."""
    schema = mapping(body).get("schema")
    return schema if isinstance(schema, str) else json.dumps(schema or {}, indent=2)


def _trigger(old: dict[str, Any], form: FormData) -> dict[str, Any]:
    limits = {
        "concurrency": _count(form, "concurrency"),
        "rate_limit": _rate_limit(form),
        "max_body": _text(form, "max_body"),
        "max_waiting": _count(form, "max_waiting"),
    }
    found: dict[str, Any] = {
        "methods": [method for method in METHODS if method in form.getlist("method")],
        "authentication": declared(old, form),
        "allowed_addresses": _lines(form, "allowed_addresses") or None,
        "handshakes": handshakes(form),
        "cors": _cors(form),
        "ordered_delivery": _ordered(form),
        "request_response": _request_response(form),
        "query_parameters": _parameters(old, form),
        "undeclared": _text(form, "undeclared") or "keep",
        "body": _body(old, form),
        **limits,
        "idempotency": _idempotency(form),
    }
    new = {key: value for key, value in found.items() if value not in (None, "")}
    return _as_written(old, new)


def _as_written(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """``new``, but what means the same as before stays as it was written, or left out."""
    kept = {}
    for key in [*old, *(key for key in new if key not in old)]:
        means = _meaning(key, new)
        source = old if means is not None and means == _meaning(key, old) else new
        if key in source:
            kept[key] = source[key]
    return kept


def _meaning(key: str, trigger: dict[str, Any]) -> dict[str, Any] | None:
    """What one key of a trigger says, with every default; None where it has faults."""
    one = {key: trigger[key]} if key in trigger else {}
    try:
        return Trigger.model_validate(one, context=Reading()).model_dump()
    except ValidationError:
        return None


def _cors(form: FormData) -> Any:
    if not form.get("cors"):
        return None
    found: dict[str, Any] = {"origins": _lines(form, "cors_origins")}
    for key in ("headers", "expose"):
        names = _text(form, f"cors_{key}").replace(",", " ").split()
        if names and (key != "headers" or names != list(DEFAULT_HEADERS)):
            found[key] = names
    if form.get("cors_credentials"):
        found["credentials"] = True
    max_age = _text(form, "cors_max_age")
    if max_age and max_age != DEFAULT_MAX_AGE:
        found["max_age"] = max_age
    return found


def _ordered(form: FormData) -> Any:
    if not form.get("ordered"):
        return False
    # Neither chosen: the empty choice is a fault of the draft, for which one is meant is asked.
    on_failure = _text(form, "on_failure")
    key = _text(form, "ordered_key")
    length = _count(form, "ordered_length")
    if not key and on_failure == "continue" and length is None:
        return True
    found = {"key": key or None, "on_failure": on_failure, "max_length": length}
    return {name: value for name, value in found.items() if value is not None}


def _request_response(form: FormData) -> Any:
    if not form.get("request_response"):
        return False
    found = {}
    timeout = _text(form, "timeout") or DEFAULT_TIMEOUT
    if timeout != DEFAULT_TIMEOUT:
        found["timeout"] = timeout
    if _text(form, "on_timeout") == "accepted":
        found["on_timeout"] = "accepted"
    return found or True


def _parameters(old: dict[str, Any], form: FormData) -> list[dict[str, Any]]:
    count = _text(form, "parameters")
    known = {item.get("name"): item for item in map(mapping, items(old.get("query_parameters")))}
    numbers = range(int(count) if count.isdecimal() and len(count) < 4 else 0)
    return [_parameter(form, f"p{number}_", known) for number in numbers]


def _parameter(form: FormData, at: str, known: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    name, type_ = _text(form, at + "name"), _text(form, at + "type") or "string"
    many, required = bool(form.get(at + "many")), bool(form.get(at + "required"))
    old = known.get(name, {})
    same = old.get("type", "string") == type_ and bool(old.get("many")) == many
    before = old if same else {}
    default = _values(form, at + "default", type_, old=before.get("default"), many=many)
    found: dict[str, Any] = {
        "name": name,
        "type": type_ if type_ != "string" or "type" in old else None,
        "required": required if required or "required" in old else None,
        "default": default if many or default is None else _single(default),
        "enum": _values(form, at + "enum", type_, old=before.get("enum"), many=True),
        "many": many if many or "many" in old else None,
        "description": _text(form, at + "description") or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _single(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _values(form: FormData, name: str, type_: str, *, old: Any, many: bool) -> Any:
    text = str(form.get(name) or "").replace("\r\n", "\n").strip("\n")
    if old is not None and text == shown(old):
        return old
    if not text.strip():
        return None
    lines = text.split("\n") if many else [text]
    return [_typed(line.strip(), type_) for line in lines if line.strip()]


def _typed(text: str, type_: str) -> Any:
    """The value that the text means in its type; the text where it means none."""
    if type_ == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    if type_ == "integer" and re.fullmatch(r"-?[0-9]{1,400}", text):
        return int(text)
    if type_ == "number" and re.fullmatch(
        r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?", text
    ):
        return json.loads(text) if not re.match(r"-?0[0-9]", text) else text
    return text


def _body(old: dict[str, Any], form: FormData) -> Any:
    chosen = _text(form, "body") or "any"
    if chosen != "schema":
        return chosen
    text = str(form.get("schema") or "").replace("\r\n", "\n")
    if isinstance(old.get("body"), dict) and text == shown_schema(old["body"]):
        return old["body"]
    try:
        return {"schema": json.loads(text)}
    except ValueError:
        return {"schema": text}


def _rate_limit(form: FormData) -> Any:
    rate, burst, per = (_text(form, name) for name in ("rate", "burst", "per"))
    if not rate and not burst:
        return None
    found: dict[str, Any] = {"rate": rate}
    if burst:
        found["burst"] = int(burst) if burst.isdecimal() else burst
    if per == "trigger":
        found["per"] = per
    return rate if set(found) == {"rate"} else found


def _idempotency(form: FormData) -> Any:
    if not form.get("idempotency"):
        return False
    found = {}
    key, window = _text(form, "idempotency_key"), _text(form, "window")
    if key and key != DEFAULT_KEY:
        found["key"] = key
    if window and window != DEFAULT_WINDOW:
        found["window"] = window
    return found


def _retention(form: FormData) -> dict[str, str] | None:
    found = {key: _text(form, key) for key in ("history", "payloads")}
    return {key: value for key, value in found.items() if value} or None


def _pairs(form: FormData, name: str) -> dict[str, str] | None:
    """Lines ``name: path``."""
    found = {}
    for line in _lines(form, name):
        key, _, value = line.partition(":")
        found[key.strip()] = value.strip()
    return found or None


def _lines(form: FormData, name: str) -> list[str]:
    return [line.strip() for line in str(form.get(name) or "").splitlines() if line.strip()]


def _count(form: FormData, name: str) -> Any:
    text = _text(form, name)
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 20 else text


def _text(form: FormData, name: str) -> str:
    return str(form.get(name) or "").replace("\r\n", "\n").strip()
