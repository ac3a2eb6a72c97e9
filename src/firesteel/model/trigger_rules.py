"""Rules of a trigger that hold between its keys, looked for in the document as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema_rs

from firesteel.model.authentication_rules import check_authentication
from firesteel.model.body import BodyRuleInvalid, compile_body_rule
from firesteel.model.cors import faults_of
from firesteel.model.expressions import uses_parameter
from firesteel.model.fault import Pointer, child
from firesteel.model.findings import Findings, items, mapping
from firesteel.model.parameters import READERS, declared_value
from firesteel.model.quantities import parse_duration
from firesteel.model.trigger import BodySchema

if TYPE_CHECKING:
    from firesteel.model.trigger import ParameterType

_PATIENCE_S = 60.0
_TYPES = ("string", "integer", "number", "boolean", "date")


def check_trigger(document: dict[str, Any], findings: Findings) -> None:
    """Look at ``/trigger`` and at what uses its query parameters."""
    trigger = mapping(document.get("trigger"))
    _methods(trigger, findings)
    check_authentication(trigger, findings)
    _handshakes(trigger, findings)
    _cors(trigger, findings)
    _parameters(trigger, document, findings)
    _body_schema(trigger, findings)
    _patience(trigger, findings)


def _methods(trigger: dict[str, Any], findings: Findings) -> None:
    seen: set[str] = set()
    for index, method in enumerate(items(trigger.get("methods"))):
        if isinstance(method, str) and method in seen:
            pointer = child("/trigger/methods", index)
            findings.fault(pointer, "not_unique", f"{method} stands twice", "remove one")
        seen.add(str(method))


def _handshakes(trigger: dict[str, Any], findings: Findings) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items(trigger.get("handshakes"))):
        name = "meta" if isinstance(item, dict) else str(item)
        if name in seen:
            pointer = child("/trigger/handshakes", index)
            findings.fault(pointer, "not_unique", f"{name} stands twice", "remove one")
        seen.add(name)


def _cors(trigger: dict[str, Any], findings: Findings) -> None:
    for pointer, code, detail, hint in faults_of(mapping(trigger.get("cors"))):
        findings.fault(f"/trigger/cors{pointer}", code, detail, hint)


def _parameters(trigger: dict[str, Any], document: dict[str, Any], findings: Findings) -> None:
    names: set[str] = set()
    for index, item in enumerate(items(trigger.get("query_parameters"))):
        parameter = mapping(item)
        pointer = child("/trigger/query_parameters", index)
        name = parameter.get("name")
        if isinstance(name, str):
            if name in names:
                detail = f"the query parameter {name} is declared twice"
                findings.fault(child(pointer, "name"), "not_unique", detail)
            names.add(name)
            if not uses_parameter(document, name):
                detail = f"data_processing does not use the query parameter {name}"
                hint = f"pass it on, such as query.{name}"
                findings.warning(child(pointer, "name"), "parameter_unused", detail, hint)
        _values(parameter, pointer, findings)


def _values(parameter: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    """``default`` and ``enum`` fit the type and each other."""
    type_ = parameter.get("type") or "string"
    if type_ not in _TYPES:
        return
    enum = _typed(items(parameter.get("enum")), type_, child(pointer, "enum"), findings)
    default = parameter.get("default")
    if default is None:
        return
    at = child(pointer, "default")
    if parameter.get("required") is True:
        detail = "a required parameter has no default, for it is always sent"
        findings.fault(at, "default_invalid", detail, "remove default or required")
    many = parameter.get("many") is True
    if many != isinstance(default, list):
        wanted = "a list, for many is true" if many else "one value, for many is not set"
        findings.fault(at, "default_invalid", f"the default must be {wanted}")
        return
    defaults = _typed(default if many else [default], type_, at, findings, within=many)
    if parameter.get("enum") and any(value not in enum for value in defaults):
        findings.fault(at, "default_invalid", "the default is none of enum")


def _typed(
    values: list[Any],
    type_: Any,
    pointer: Pointer,
    findings: Findings,
    *,
    within: bool = True,
) -> list[Any]:
    """The values by their type; a fault for each that is not of it."""
    typed = []
    for index, value in enumerate(values):
        try:
            typed.append(declared_value(value, type_))
        except ValueError as error:
            at = child(pointer, index) if within else pointer
            detail = f"a value of type {type_} {error}"
            findings.fault(at, "default_invalid", detail, _value_hint(value, type_))
    return typed


def _value_hint(value: Any, type_: ParameterType) -> str:
    if type_ == "string":
        return "quote it" if isinstance(value, int | float) else ""
    if type_ == "date":
        return "such as 2027-06-30"
    try:
        READERS[type_](value)
    except (TypeError, ValueError):
        return ""
    return "write it without quotes"


def _body_schema(trigger: dict[str, Any], findings: Findings) -> None:
    schema = mapping(trigger.get("body")).get("schema")
    if not isinstance(schema, dict):
        return
    pointer = "/trigger/body/schema"
    outside = [at for at, target in _schema_references(schema, pointer) if target[:1] != "#"]
    for at in outside:
        detail = "a $ref leads to a part of the same schema: nothing is fetched"
        findings.fault(at, "schema_invalid", detail, "begin it with #")
    if outside:
        return
    try:
        jsonschema_rs.meta.validate(schema)
        compile_body_rule(BodySchema(schema_=schema))
    except (
        jsonschema_rs.ValidationError,
        jsonschema_rs.ReferencingError,
        BodyRuleInvalid,
        ValueError,
    ) as error:
        path = getattr(error, "instance_path", [])
        message = str(getattr(error, "message", error))
        findings.fault(child(pointer, *path), "schema_invalid", f"not a JSON Schema: {message}")


def _schema_references(value: Any, pointer: Pointer) -> list[tuple[Pointer, str]]:
    found: list[tuple[Pointer, str]] = []
    if isinstance(value, dict):
        for key, item in value.items():
            at = child(pointer, key)
            if key in ("$ref", "$dynamicRef") and isinstance(item, str):
                found.append((at, item))
            found.extend(_schema_references(item, at))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found.extend(_schema_references(item, child(pointer, index)))
    return found


def _patience(trigger: dict[str, Any], findings: Findings) -> None:
    timeout = mapping(trigger.get("request_response")).get("timeout")
    try:
        long = isinstance(timeout, str) and parse_duration(timeout) > _PATIENCE_S
    except ValueError:
        return
    if long:
        # nginx's proxy_read_timeout and the idle timeout of AWS's load balancers are 60 s.
        detail = "proxies on the way commonly end a call that is silent for 60 s"
        hint = "have callers send Prefer: respond-async, or fetch the response later"
        findings.warning("/trigger/request_response/timeout", "timeout_long", detail, hint)
