"""Rules of workflow, response, search and redact that hold between keys of the document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from firesteel.model.expressions import steps
from firesteel.model.fault import Pointer, child, did_you_mean
from firesteel.model.findings import Findings, items, mapping
from firesteel.model.path import Path, PathError
from firesteel.model.redaction.covering import covers
from firesteel.model.redaction.redaction import redacted_path
from firesteel.model.response_headers import (
    BODILESS_STATUSES,
    header_name_fault,
    header_value_fault,
)
from firesteel.model.steps import STEP_KINDS
from firesteel.model.template import OPEN
from firesteel.model.trigger import DEFAULT_IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_BODIES = ("json", "form", "text", "base64")
# How SQLAlchemy's text() finds names: a colon that is not doubled, escaped or after a letter.
_BOUND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


def check_workflow(
    document: dict[str, Any],
    findings: Findings,
    connections: Collection[str] | None = None,
) -> None:
    """Look at ``/workflow``, ``/response`` and ``/redact``. ``connections``: the names that there
    are; None: they are not known here.
    """
    _workflow(document, findings)
    names: dict[str, Pointer] = {}
    for pointer, step in steps(document):
        _name(step.get("name"), child(pointer, "name"), names, findings)
        _kind(step, pointer, findings)
        _sql(step, child(pointer, "sql"), findings)
        _http(step, child(pointer, "http"), findings)
        _choose(step, child(pointer, "choose"), findings)
        _call(step, child(pointer, "call"), document, findings)
        if connections is not None:
            _connection(step, pointer, connections, findings)
    _response(document, findings)
    _redact(document, findings)


def _exactly_one(
    value: dict[str, Any],
    keys: tuple[str, ...],
    at: tuple[Pointer, str],
    findings: Findings,
) -> None:
    """A fault unless exactly one of ``keys`` is there; ``at``: where, and what it is called."""
    pointer, what = at
    present = [key for key in keys if value.get(key) is not None]
    if len(present) == 1:
        return
    wanted = f"{' or '.join(keys)}" if len(keys) == 2 else f"one of {', '.join(keys)}"
    if present:
        detail = f"{what} has {' and '.join(present)}, and may have one of them"
        findings.fault_at_key(child(pointer, present[1]), "one_of", detail)
    else:
        findings.fault(pointer, "one_of", f"{what} needs {wanted}")


def _workflow(document: dict[str, Any], findings: Findings) -> None:
    workflow = document.get("workflow")
    if isinstance(workflow, dict):
        _exactly_one(workflow, ("python", "steps"), ("/workflow", "a workflow"), findings)


def _name(name: Any, pointer: Pointer, names: dict[str, Pointer], findings: Findings) -> None:
    if not isinstance(name, str):
        return
    if name in names:
        detail = f"the step {name} stands twice in this workflow, first at {names[name]}"
        findings.fault(pointer, "not_unique", detail, "names are unique, within steps too")
    names.setdefault(name, pointer)


def _kind(step: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    present = [kind for kind in STEP_KINDS if step.get(kind) is not None]
    known = {"name", "when", "timeout", "retry", "arguments", *STEP_KINDS}
    # A key that is not known is most likely the kind, misspelt: one fault is enough.
    if present or set(step) <= known:
        _exactly_one(step, STEP_KINDS, (pointer, "a step"), findings)
    if "arguments" in step and not isinstance(step.get("python"), str):
        detail = "arguments stand beside python: module:function"
        findings.fault_at_key(child(pointer, "arguments"), "one_of", detail)


def _sql(step: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    sql = step.get("sql")
    if not isinstance(sql, dict):
        return
    _exactly_one(sql, ("statement", "transaction"), (pointer, "an sql step"), findings)
    _bound(sql, pointer, findings)
    for index, item in enumerate(items(sql.get("transaction"))):
        _bound(mapping(item), child(pointer, "transaction", index), findings)
    if sql.get("transaction") is None:
        return
    for key in ("parameters", "result"):
        if key in sql:
            detail = f"{key} belongs to each statement of the transaction"
            findings.fault_at_key(child(pointer, key), "one_of", detail)


def _bound(statement: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    """Every ``:name`` of a statement has a value."""
    text, parameters = statement.get("statement"), statement.get("parameters")
    if not isinstance(text, str) or not isinstance(parameters, dict | None):
        return
    for name in dict.fromkeys(_BOUND.findall(text)):
        if name not in (parameters or {}):
            detail = f"the statement binds :{name}, and parameters has no {name}"
            hint = did_you_mean(name, parameters or {})
            findings.fault(
                child(pointer, "statement"),
                "required",
                detail,
                hint or f"add {name} to parameters",
            )


def _http(step: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    http = step.get("http")
    if not isinstance(http, dict):
        return
    _exactly_one(http, ("connection", "url"), (pointer, "an http step"), findings)
    bodies = [key for key in _BODIES if http.get(key) is not None]
    if len(bodies) > 1:
        detail = f"a call has one body, and here are {' and '.join(bodies)}"
        findings.fault_at_key(child(pointer, bodies[1]), "one_of", detail)
    url = http.get("url")
    if isinstance(url, str) and not url.startswith(("http://", "https://", OPEN)):
        detail = "a URL begins with http:// or https://"
        findings.fault(child(pointer, "url"), "url_invalid", detail)


def _choose(step: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    branches = items(step.get("choose"))
    for index, branch in enumerate(branches):
        if not isinstance(branch, dict):
            continue
        at = child(pointer, index)
        if "otherwise" not in branch:
            if branch.get("when") is None:
                hint = "only the last branch goes without: {otherwise: [...]}"
                findings.fault(child(at, "when"), "required", "when is missing", hint)
        elif {"when", "steps"} & set(branch):
            detail = "otherwise stands alone, without when and steps"
            findings.fault_at_key(child(at, "otherwise"), "one_of", detail)
        elif index != len(branches) - 1:
            detail = "otherwise is the last branch: what follows it is never reached"
            findings.fault_at_key(child(at, "otherwise"), "order_invalid", detail)


def _call(
    step: dict[str, Any], pointer: Pointer, document: dict[str, Any], findings: Findings
) -> None:
    called = mapping(step.get("call")).get("integration")
    if called is not None and called == document.get("name"):
        detail = "an integration does not call itself"
        findings.fault(child(pointer, "integration"), "call_cycle", detail)


def _connection(
    step: dict[str, Any],
    pointer: Pointer,
    connections: Collection[str],
    findings: Findings,
) -> None:
    for kind in ("sql", "http"):
        name = mapping(step.get(kind)).get("connection")
        if isinstance(name, str) and name not in connections:
            detail = f"there is no connection {name}"
            hint = did_you_mean(name, sorted(connections))
            findings.fault(child(pointer, kind, "connection"), "connection_unknown", detail, hint)


def _response(document: dict[str, Any], findings: Findings) -> None:
    response = mapping(document.get("response"))
    if response and document.get("workflow") is None:
        detail = "without a workflow calls are only recorded, and response counts for nothing"
        hint = "add a workflow, or remove response"
        findings.warning("/response", "response_unused", detail, hint)
    if response.get("body") is not None and response.get("text") is not None:
        detail = "a response has body or text, not both"
        findings.fault_at_key("/response/text", "one_of", detail)
    _response_status(response, findings)
    for name, value in mapping(response.get("headers")).items():
        _response_header(str(name), value, findings)


def _response_status(response: dict[str, Any], findings: Findings) -> None:
    status = response.get("status")
    if isinstance(status, str) and status.strip().isdecimal():
        status = int(status)
    if not isinstance(status, int) or status not in BODILESS_STATUSES:
        return
    for key in ("body", "text"):
        if response.get(key) is not None:
            detail = f"an answer of status {status} has no body"
            hint = f"remove {key}, or take another status"
            findings.fault_at_key(child("/response", key), "body_not_allowed", detail, hint)


def _response_header(name: str, value: Any, findings: Findings) -> None:
    """What can be told before a workflow runs: the name, and values without an expression."""
    pointer = child("/response/headers", name)
    fault = header_name_fault(name)
    if fault:
        findings.fault_at_key(pointer, "header_invalid", fault)
    texts = {child(pointer, index): text for index, text in enumerate(items(value))}
    for at, text in (texts or {pointer: value}).items():
        wrong = isinstance(text, str) and OPEN not in text and header_value_fault(name, text)
        if wrong:
            findings.fault(at, "header_invalid", wrong)


def _redact(document: dict[str, Any], findings: Findings) -> None:
    redacted: list[Path] = []
    for index, item in enumerate(items(document.get("redact"))):
        pointer = child("/redact", index)
        if item == "consumer":
            hint = "a header of that name is headers.consumer"
            findings.fault(pointer, "path_invalid", "the consumer is not redacted", hint)
        elif isinstance(item, str):
            try:
                redacted.append(redacted_path(item))
            except PathError as error:
                hint = error.hint or "write a path such as body.iban, or the name of a header"
                findings.fault(pointer, "path_invalid", str(error), hint)
    mode = _body_mode(document)
    for pointer, text in _stored_paths(document):
        path = _path(text)
        if path is not None and any(covers(item, path, mode) for item in redacted):
            detail = (
                f"{text} is redacted, and would be stored all the same as a key or search value"
            )
            hint = "take another value, or leave this one out of redact"
            findings.fault(pointer, "path_redacted", detail, hint)


def _stored_paths(document: dict[str, Any]) -> Iterator[tuple[Pointer, Any]]:
    """The paths whose values are kept beside the message: search values and keys. The pointer of
    the idempotency key's default is that of ``redact``."""
    for name, path in mapping(document.get("search")).items():
        yield child("/search", name), path
    trigger = mapping(document.get("trigger"))
    ordered = mapping(trigger.get("ordered_delivery"))
    yield "/trigger/ordered_delivery/key", ordered.get("key")
    idempotency = trigger.get("idempotency")
    if idempotency is not False:
        written = mapping(idempotency).get("key")
        at = "/redact" if written is None else "/trigger/idempotency/key"
        yield at, written or DEFAULT_IDEMPOTENCY_KEY


def _body_mode(document: dict[str, Any]) -> str:
    """What the trigger takes: ``json``, ``xml``, ``form`` or ``any``."""
    mode = mapping(document.get("trigger")).get("body")
    if isinstance(mode, dict):
        return "json"
    return mode if mode in ("json", "xml", "form") else "any"


def _path(text: Any) -> Path | None:
    try:
        return Path.parse(text) if isinstance(text, str) else None
    except PathError:
        return None
