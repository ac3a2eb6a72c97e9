"""The form of a step: what its fields show, and the step that was typed into them.

One pair of functions a kind. Fields are named as the keys of the document are (``sql.statement``);
a list of pairs is two fields of many values, ``sql.parameters.name`` and ``.value``. What a form
cannot hold, such as the steps within a step, is taken from the step as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from firesteel.admin.console.editing.documents import TypedWrongly, read, written
from firesteel.admin.console.editing.step_lists import branch_steps, kind_of
from firesteel.model.findings import items, mapping

HTTP_BODIES: Final = ("json", "form", "text", "base64")
RETRY_KEYS: Final = ("attempts", "first_delay", "factor", "max_delay", "give_up_after")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of step, as people see it."""

    name: str
    title: str
    icon: str
    text: str


KINDS: Final = (
    Kind("sql", "Database", "database", "Asks or changes a database; values are always bound."),
    Kind("http", "HTTP call", "send", "Calls another system."),
    Kind("map", "Value", "adjustments", "Works out a value from what is known."),
    Kind("python", "Python", "brand-python", "Calls a function that is deployed."),
    Kind("choose", "Choose", "route", "Does one of several lists of steps, by conditions."),
    Kind("for_each", "For each", "repeat", "Does steps for each item of a list."),
    Kind("call", "Call", "webhook", "Runs another integration's workflow within this execution."),
    Kind("fail", "Fail", "circle-x", "Ends the execution with an error."),
)


def fields_of(step: dict[str, Any], otherwise: str = "") -> dict[str, Any]:
    """What the form shows of a step, by field; ``otherwise``: its kind where it has none yet."""
    kind = kind_of(step) or otherwise
    shown = {
        "name": step.get("name", ""),
        "when": step.get("when") or "",
        "timeout": step.get("timeout") or "",
        "retry": retry_fields(step.get("retry")),
    }
    return {**shown, kind: _SHOWN[kind](step)} if kind else shown


def step_of(kind: str, form: FormData, before: dict[str, Any]) -> dict[str, Any]:
    """The step that was typed; ``before``: as it was. Raises TypedWrongly."""
    step: dict[str, Any] = {"name": text(form, "name")}
    if text(form, "when"):
        step["when"] = text(form, "when")
    step |= _READ[kind](form, before)
    if text(form, "timeout"):
        step["timeout"] = text(form, "timeout")
    retry = retry_of(form)
    if retry is not None:
        step["retry"] = retry
    return step


def parts_of(step: dict[str, Any]) -> dict[str, Any]:
    """What of a step is worked out from expressions, for a preview: under the same pointers."""
    kind = kind_of(step)
    parts: dict[str, Any] = {"when": step["when"]} if step.get("when") else {}
    if kind in ("map", "python"):
        key = "map" if kind == "map" else "arguments"
        return parts | ({key: step[key]} if key in step else {})
    if kind == "choose":
        branches = items(step.get("choose"))
        conditions = [{"when": mapping(item)["when"]} for item in branches if "when" in item]
        return parts | {"choose": conditions}
    body = mapping(step.get(kind))
    inner = {key: body[key] for key in _TEMPLATES.get(kind, ()) if key in body}
    return parts | ({kind: inner} if inner else {})


def retry_fields(retry: Any) -> dict[str, Any]:
    """What the fields of a retry show."""
    found = mapping(retry)
    return {key: found.get(key, "") for key in RETRY_KEYS}


def retry_of(form: FormData) -> dict[str, Any] | None:
    """The retry that was typed, None where nothing was."""
    found: dict[str, Any] = {}
    for key in RETRY_KEYS:
        typed = text(form, f"retry.{key}")
        if typed:
            found[key] = number(typed) if key in ("attempts", "factor") else typed
    return found or None


def text(form: FormData, name: str) -> str:
    """What stands in a field, without white space around it; "" where there is no such field."""
    value = form.get(name)
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def number(typed: str) -> Any:
    """A number where it is one, else what was typed: the check of the document says what is wrong
    with it."""
    try:
        value = json.loads(typed)
    except ValueError:
        return typed
    return value if isinstance(value, int | float) else typed


def pairs_of(form: FormData, name: str) -> dict[str, Any]:
    """The object whose names and values were typed beside each other."""
    found: dict[str, Any] = {}
    names = [str(item).strip() for item in form.getlist(f"{name}.name")]
    values = [str(item) for item in form.getlist(f"{name}.value")]
    for key, value in zip(names, values, strict=False):
        pointer = "/" + name.replace(".", "/") + f"/{key}"
        if key in found:
            raise TypedWrongly(f"{key} stands twice", pointer)
        if key:
            found[key] = read(value, pointer) if value.strip() else ""
    return found


def pairs_shown(value: Any) -> list[tuple[str, str]]:
    """The rows of an object: names and values as they are typed."""
    return [
        (name, "null" if item is None else written(item)) for name, item in mapping(value).items()
    ]


# --- one pair a kind


def _sql_shown(step: dict[str, Any]) -> dict[str, Any]:
    body = mapping(step.get("sql"))
    return {
        "connection": body.get("connection", ""),
        "statement": body.get("statement") or "",
        "parameters": pairs_shown(body.get("parameters")),
        "result": body.get("result", "all"),
        "transaction": written(body.get("transaction")),
        "once": bool(body.get("once")),
    }


def _sql_read(form: FormData, _before: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"connection": text(form, "sql.connection")}
    transaction = read(str(form.get("sql.transaction") or ""), "/sql/transaction")
    if transaction is not None:
        body["transaction"] = transaction
    if text(form, "sql.statement"):
        body["statement"] = text(form, "sql.statement")
        parameters = pairs_of(form, "sql.parameters")
        if parameters:
            body["parameters"] = parameters
        if text(form, "sql.result") != "all":
            body["result"] = text(form, "sql.result")
    if form.get("sql.once"):
        body["once"] = True
    return {"sql": body}


def _http_shown(step: dict[str, Any]) -> dict[str, Any]:
    body = mapping(step.get("http"))
    kind = next((key for key in HTTP_BODIES if body.get(key) is not None), "")
    return {
        "connection": body.get("connection") or "",
        "url": body.get("url") or "",
        "method": body.get("method", "GET"),
        "path": body.get("path") or "",
        "query": pairs_shown(body.get("query")),
        "headers": pairs_shown(body.get("headers")),
        "body_kind": kind,
        "body": body[kind] if kind in ("text", "base64") else written(body.get(kind)),
        "expect": ", ".join(str(item) for item in items(body.get("expect"))),
        "result": body.get("result", "body"),
    }


def _http_read(form: FormData, _before: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key in ("connection", "url", "method", "path"):
        if text(form, f"http.{key}"):
            body[key] = text(form, f"http.{key}")
    for key in ("query", "headers"):
        pairs = pairs_of(form, f"http.{key}")
        if pairs:
            body[key] = pairs
    kind = text(form, "http.body_kind")
    if kind in HTTP_BODIES:
        typed = str(form.get("http.body") or "").replace("\r\n", "\n")
        body[kind] = typed if kind in ("text", "base64") else read(typed, f"/http/{kind}")
    expect = [number(part.strip()) for part in text(form, "http.expect").split(",") if part.strip()]
    if expect:
        body["expect"] = expect
    if text(form, "http.result") == "response":
        body["result"] = "response"
    return {"http": body}


def _map_shown(step: dict[str, Any]) -> dict[str, Any]:
    return {"value": written(step.get("map"))}


def _map_read(form: FormData, _before: dict[str, Any]) -> dict[str, Any]:
    return {"map": read(str(form.get("map.value") or ""), "/map")}


def _python_shown(step: dict[str, Any]) -> dict[str, Any]:
    return {"function": step.get("python") or "", "arguments": written(step.get("arguments"))}


def _python_read(form: FormData, _before: dict[str, Any]) -> dict[str, Any]:
    step: dict[str, Any] = {"python": text(form, "python.function")}
    arguments = read(str(form.get("python.arguments") or ""), "/arguments")
    return step if arguments is None else step | {"arguments": arguments}


def _choose_shown(step: dict[str, Any]) -> dict[str, Any]:
    branches = items(step.get("choose"))
    return {
        "branches": [
            (str(mapping(item).get("when") or ""), len(branch_steps(item)))
            for item in branches
            if "otherwise" not in mapping(item)
        ],
        "otherwise": any("otherwise" in mapping(item) for item in branches),
    }


def _choose_read(form: FormData, before: dict[str, Any]) -> dict[str, Any]:
    """A condition keeps the steps of the branch that it was of; an empty one removes its branch."""
    old = [mapping(item) for item in items(before.get("choose"))]
    kept = {str(no): branch_steps(item) for no, item in enumerate(old) if "otherwise" not in item}
    rest = next((branch_steps(item) for item in old if "otherwise" in item), [])
    conditions = [str(item).replace("\r\n", "\n").strip() for item in form.getlist("choose.when")]
    indexes = [str(item) for item in form.getlist("choose.index")]
    branches: list[dict[str, Any]] = [
        {"when": when, "steps": kept.get(index, [])}
        for when, index in zip(conditions, indexes, strict=False)
        if when
    ]
    if form.get("choose.otherwise"):
        branches.append({"otherwise": rest})
    return {"choose": branches}


def _for_each_shown(step: dict[str, Any]) -> dict[str, Any]:
    body = mapping(step.get("for_each"))
    return {"items": written(body.get("items")), "concurrency": body.get("concurrency", 1)}


def _for_each_read(form: FormData, before: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"items": read(str(form.get("for_each.items") or ""), "/for_each/items")}
    concurrency = number(text(form, "for_each.concurrency") or "1")
    body["steps"] = items(mapping(before.get("for_each")).get("steps"))
    if concurrency != 1:
        body["concurrency"] = concurrency
    return {"for_each": body}


def _call_shown(step: dict[str, Any]) -> dict[str, Any]:
    body = mapping(step.get("call"))
    return {"integration": body.get("integration", ""), "input": written(body.get("input"))}


def _call_read(form: FormData, _before: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"integration": text(form, "call.integration")}
    given = read(str(form.get("call.input") or ""), "/call/input")
    return {"call": body if given is None else body | {"input": given}}


def _fail_shown(step: dict[str, Any]) -> dict[str, Any]:
    body = mapping(step.get("fail"))
    return {"message": body.get("message", ""), "permanent": body.get("permanent", True)}


def _fail_read(form: FormData, _before: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"message": text(form, "fail.message")}
    if not form.get("fail.permanent"):
        body["permanent"] = False
    return {"fail": body}


_SHOWN: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "sql": _sql_shown,
    "http": _http_shown,
    "map": _map_shown,
    "python": _python_shown,
    "choose": _choose_shown,
    "for_each": _for_each_shown,
    "call": _call_shown,
    "fail": _fail_shown,
}
_READ: Final[dict[str, Callable[[FormData, dict[str, Any]], dict[str, Any]]]] = {
    "sql": _sql_read,
    "http": _http_read,
    "map": _map_read,
    "python": _python_read,
    "choose": _choose_read,
    "for_each": _for_each_read,
    "call": _call_read,
    "fail": _fail_read,
}
_TEMPLATES: Final = {
    "sql": ("parameters", "transaction"),
    "http": ("url", "path", "query", "headers", "json", "form", "text", "base64"),
    "for_each": ("items",),
    "call": ("input",),
    "fail": ("message",),
}


def typed_fields(kind: str, form: FormData) -> dict[str, Any]:
    """What was typed, as it was typed, to be shown again where it cannot be taken."""
    shown: dict[str, Any] = {}
    for key, blank in _SHOWN[kind]({}).items():
        field = f"{kind}.{key}"
        if key == "branches":
            shown[key] = [(str(item), 0) for item in form.getlist("choose.when") if item]
        elif isinstance(blank, list):
            names = [str(item) for item in form.getlist(f"{field}.name")]
            values = [str(item) for item in form.getlist(f"{field}.value")]
            shown[key] = list(zip(names, values, strict=False))
        elif isinstance(blank, bool):
            shown[key] = bool(form.get(field))
        else:
            shown[key] = str(form.get(field) or "")
    retry = {key: text(form, f"retry.{key}") for key in RETRY_KEYS}
    common = {key: text(form, key) for key in ("name", "when", "timeout")}
    return {**common, "retry": retry, kind: shown}
