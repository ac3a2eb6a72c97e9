"""Where expressions stand in an integration document, and what is amiss with them as texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from firesteel.model.expression_names import ExpressionNames, Reads
from firesteel.model.fault import Pointer, child
from firesteel.model.findings import Findings, items, mapping
from firesteel.model.template import OPEN, TemplateError, sources

ExpressionCheck = Callable[[str], str | Reads | None]
"""Compiles the source of an expression; returns what is wrong with it, or what it reads, None where
that is not told."""

_STEP_FIELDS = {
    "sql": ("parameters",),
    "http": ("url", "path", "query", "headers", "json", "form", "text", "base64"),
    "call": ("input",),
    "fail": ("message",),
    "for_each": ("items",),
}


def templates(document: dict[str, Any]) -> Iterator[tuple[Pointer, str]]:
    """Every text in which expressions may stand, in the order of the document."""
    for pointer, step in steps(document):
        yield from of_step(step, pointer)
    response = mapping(document.get("response"))
    for key in ("status", "headers", "body", "text"):
        yield from texts(response.get(key), child("/response", key))


def expressions(document: dict[str, Any]) -> Iterator[tuple[Pointer, str]]:
    """Every expression with its pointer: data processing, steps and response. Texts with an
    expression that is not closed yield nothing.
    """
    data_processing = document.get("data_processing")
    if isinstance(data_processing, str):
        yield "/data_processing", data_processing
    for pointer, text in templates(document):
        try:
            found = sources(text)
        except TemplateError:
            continue
        for source in found:
            yield pointer, source


def steps(document: dict[str, Any]) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    """Every step of the workflow with its pointer, those within steps too, outer ones first."""
    yield from _steps(mapping(document.get("workflow")).get("steps"), "/workflow/steps")


def check_expressions(
    document: dict[str, Any], findings: Findings, check: ExpressionCheck | None
) -> None:
    """Find expressions that are not closed, stand where none may, do not compile, or read what can
    never be there.
    """
    for pointer, text in templates(document):
        try:
            sources(text)
        except TemplateError as error:
            findings.fault(pointer, error.code, str(error))
    _data_processing(document, findings)
    for pointer, step in steps(document):
        _statements(mapping(step.get("sql")), child(pointer, "sql"), findings)
    if check is None:
        return
    names = ExpressionNames(steps(document))
    for pointer, source in expressions(document):
        found = check(source)
        if isinstance(found, Reads):
            names.check(pointer, found, findings)
        elif found:
            findings.fault(pointer, "expression_invalid", found)


def uses_parameter(document: dict[str, Any], name: str) -> bool:
    """Whether data processing or a path may read the query parameter ``name``; told from the text,
    so that it may say yes wrongly, and no only where the name is nowhere to be seen.
    """
    source = document.get("data_processing")
    if not isinstance(source, str):
        return True
    whole = re.search(r"\bquery\b(?!\s*[.\[])|\bquery\s*\.\s*\*|\*\*|\$\$?\s*\.\s*\*", source)
    if whole or re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", source):
        return True
    return f"query.{name}" in _paths(document)


def _paths(document: dict[str, Any]) -> set[str]:
    trigger = mapping(document.get("trigger"))
    keys = (mapping(trigger.get(part)).get("key") for part in ("ordered_delivery", "idempotency"))
    search = mapping(document.get("search")).values()
    return {key for key in (*keys, *search) if isinstance(key, str)}


def _data_processing(document: dict[str, Any], findings: Findings) -> None:
    source = document.get("data_processing")
    if isinstance(source, str) and source.strip().startswith(OPEN):
        detail = "data_processing is an expression itself and takes no {% %}"
        findings.fault("/data_processing", "expression_not_allowed", detail, "remove {% and %}")


def _statements(sql: dict[str, Any], pointer: Pointer, findings: Findings) -> None:
    """Values reach a database bound, never as part of the statement's text."""
    pairs = [(child(pointer, "statement"), sql.get("statement"))]
    for index, item in enumerate(items(sql.get("transaction"))):
        at = child(pointer, "transaction", index, "statement")
        pairs.append((at, mapping(item).get("statement")))
    for at, statement in pairs:
        if isinstance(statement, str) and OPEN in statement:
            detail = "a statement holds no expressions: values are bound"
            hint = 'write :name in it, and name: "{% ... %}" in parameters'
            findings.fault(at, "expression_not_allowed", detail, hint)


def _steps(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, dict[str, Any]]]:
    for index, step in enumerate(items(value)):
        if not isinstance(step, dict):
            continue
        at = child(pointer, index)
        yield at, step
        for number, branch in enumerate(items(step.get("choose"))):
            for key in ("steps", "otherwise"):
                yield from _steps(mapping(branch).get(key), child(at, "choose", number, key))
        inner = mapping(step.get("for_each")).get("steps")
        yield from _steps(inner, child(at, "for_each", "steps"))


def of_step(step: dict[str, Any], pointer: Pointer = "") -> Iterator[tuple[Pointer, str]]:
    """The templates of one step, without those of the steps within it."""
    for key in ("when", "map", "arguments"):
        yield from texts(step.get(key), child(pointer, key))
    for kind, fields in _STEP_FIELDS.items():
        body = mapping(step.get(kind))
        for key in fields:
            yield from texts(body.get(key), child(pointer, kind, key))
    for index, item in enumerate(items(mapping(step.get("sql")).get("transaction"))):
        at = child(pointer, "sql", "transaction", index, "parameters")
        yield from texts(mapping(item).get("parameters"), at)
    yield from texts(
        mapping(step.get("python")).get("arguments"),
        child(pointer, "python", "arguments"),
    )
    for index, branch in enumerate(items(step.get("choose"))):
        yield from texts(mapping(branch).get("when"), child(pointer, "choose", index, "when"))


def texts(value: Any, pointer: Pointer = "") -> Iterator[tuple[Pointer, str]]:
    """Every text of a JSON value, with its pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, child(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, child(pointer, index))
