"""Integration documents as a whole: read from a file or from JSON, checked, written back.

The stored document is what the author wrote, made uniform: keys in the order of the reference,
keys without a value left out, short forms short (``ordered_delivery: true``), durations and sizes
in one form. Nothing that was not written is added, so that what a version holds, what ``export``
writes and what ``diff`` shows are one short text.

API keys live beside the document. A stored document keeps which labels were declared, for an item
``api_key`` means that calls may be made with a key, and never a secret (``without_secrets``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from firesteel.errors import AuthorError
from firesteel.model.authentication import is_reference, secret_references
from firesteel.model.expressions import ExpressionCheck, check_expressions
from firesteel.model.fault import Fault, Pointer, child, parts_of
from firesteel.model.findings import (
    Finding,
    Findings,
    items,
    mapping,
    model_findings,
    place,
)
from firesteel.model.integration import ApiKeyAuth, Integration
from firesteel.model.retention_rules import check_retention
from firesteel.model.section import Reading
from firesteel.model.trigger_rules import check_trigger
from firesteel.model.workflow_rules import check_workflow
from firesteel.model.yaml_source import MAX_VALUES, Loaded, load_document

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_CHARACTERS: Final = 1024 * 1024
"""Of all its texts together, as of a file."""


class InvalidDocument(AuthorError):
    """A document has faults; ``faults`` lists them all."""

    code = "integration_invalid"

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the integration document has faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: ``integration`` is None exactly where there are ``faults``. ``warnings``
    are of documents that work. ``loaded`` places further faults, by pointer, in the file.
    """

    integration: Integration | None
    faults: list[Fault]
    warnings: list[Fault]
    loaded: Loaded


def check_integration(
    text: str,
    file: str,
    *,
    expression_check: ExpressionCheck | None = None,
    connections: Collection[str] | None = None,
) -> CheckResult:
    """Read and check the text of a file (YAML or JSON); finds every fault at once, never raises.

    ``expression_check`` compiles expressions; ``connections``: the names that there are. Without
    them neither is looked at.
    """
    loaded = load_document(text, file)
    if loaded.document is None and loaded.faults:
        return CheckResult(None, loaded.faults, [], loaded)
    _take_as_written(loaded)
    return _check(loaded, expression_check, connections)


def check_document(
    document: Any,
    *,
    expression_check: ExpressionCheck | None = None,
    connections: Collection[str] | None = None,
) -> CheckResult:
    """The same for a document that is JSON already (REST, console); faults have file ``""`` and
    line 0, and are told by their pointers.
    """
    loaded = Loaded("", document, {"": (0, 0)}, {}, {}, [])
    return _check(loaded, expression_check, connections)


def parse_document(document: dict[str, Any]) -> Integration:
    """A document that was checked before, such as a stored version, as an Integration.

    Only its shape is looked at, so that a version stays readable when rules become stricter.
    Raises InvalidDocument.
    """
    reading = Reading()
    try:
        return Integration.model_validate(document, context=reading)
    except ValidationError as error:
        found = model_findings(error, document, reading)
        raise InvalidDocument(
            place(found, Loaded("", document, {"": (0, 0)}, {}, {}, []))
        ) from error


def integration_json(integration: Integration) -> dict[str, Any]:
    """The document of an integration in its canonical form: plain JSON, secrets as written.

    ``integration_json(parse_document(integration_json(x))) == integration_json(x)``.
    """
    return integration.model_dump(by_alias=True, exclude_unset=True)


def without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of a document as it is stored and shown: without the secrets of its API keys, and of
    those that stand where only ``${NAME}`` may."""
    trigger = document.get("trigger")
    if not isinstance(trigger, dict):
        return dict(document)
    written = [pointer for pointer, text in secret_references(document) if not is_reference(text)]
    for index, item in enumerate(items(trigger.get("authentication"))):
        if "value" in mapping(mapping(item).get("api_key")):
            written.append(child("/trigger/authentication", index, "api_key", "value"))
    # From the end, so that an index still is what it was when its turn comes.
    for pointer in reversed(written):
        document = _without(document, parts_of(pointer))
    return dict(document)


def key_declarations(integration: Integration) -> list[tuple[int, ApiKeyAuth]]:
    """The API keys that a document declares: label, value (``${NAME}`` unresolved, None: to be
    generated) and expiry; each with its place among the ways to authenticate.
    """
    declared = enumerate(integration.trigger.authentication)
    return [(index, item.api_key) for index, item in declared if item.api_key is not None]


def consumer_declarations(integration: Integration) -> dict[int, str]:
    """The names of the consumers that a document grants its trigger, by their place in
    ``authentication``."""
    declared = enumerate(integration.trigger.authentication)
    return {index: item.consumer.name for index, item in declared if item.consumer is not None}


def _without(value: Any, parts: list[str]) -> Any:
    """A copy of a value without what stands at a path that there is."""
    first, rest = parts[0], parts[1:]
    if isinstance(value, list):
        index = int(first)
        kept = [_without(value[index], rest)] if rest else []
        return [*value[:index], *kept, *value[index + 1 :]]
    kept_keys = {key: item for key, item in value.items() if rest or key != first}
    return {**kept_keys, first: _without(value[first], rest)} if rest else kept_keys


def _check(
    loaded: Loaded,
    expression_check: ExpressionCheck | None,
    connections: Collection[str] | None,
) -> CheckResult:
    document = loaded.document
    if not isinstance(document, dict):
        fault = loaded.fault("", "wrong_type", "an integration is a mapping of keys and values")
        return CheckResult(None, [*loaded.faults, fault], [], loaded)
    if _is_too_large(document):
        detail = f"a document holds at most {MAX_VALUES:,} values and 1 MiB of text"
        fault = loaded.fault("", "document_too_large", detail)
        return CheckResult(None, [*loaded.faults, fault], [], loaded)
    findings = Findings()
    integration, found = _validated(document)
    check_trigger(document, findings)
    check_workflow(document, findings, connections)
    check_retention(document, findings)
    check_expressions(document, findings, expression_check)
    faults = loaded.faults + place(_first_of_each(found + findings.faults), loaded)
    faults.sort(key=lambda fault: (fault.line, fault.column))
    warnings = place(findings.warnings, loaded)
    return CheckResult(None if faults else integration, faults, warnings, loaded)


def _is_too_large(document: dict[str, Any]) -> bool:
    """Whether it has more values or text than a document may; looks no further than that."""
    values, characters, waiting = 0, 0, [document]
    while waiting:
        value: Any = waiting.pop()
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict):
            values += len(value)
            characters += sum(map(len, value))
            waiting += value.values()
        elif isinstance(value, list):
            values += len(value)
            waiting += value
        if values > MAX_VALUES or characters > MAX_CHARACTERS:
            return True
    return False


def _validated(document: dict[str, Any]) -> tuple[Integration | None, list[Finding]]:
    reading = Reading()
    try:
        return Integration.model_validate(document, context=reading), []
    except ValidationError as error:
        return None, model_findings(error, document, reading)


def _first_of_each(found: list[Finding]) -> list[Finding]:
    """One finding for each pointer and code: the shape's before the rules'."""
    kept: dict[tuple[Pointer, str], Finding] = {}
    for finding in found:
        several = finding.code in ("required", "name_unknown", "step_unknown")
        at = finding.pointer + finding.detail if several else finding.pointer
        kept.setdefault((at, finding.code), finding)
    return list(kept.values())


def _take_as_written(loaded: Loaded) -> None:
    """Give ``default`` and ``enum`` of string parameters the text that stands in the file: 012 is
    a text there, and not the number 12.
    """
    parameters = mapping(mapping(loaded.document).get("trigger")).get("query_parameters")
    for index, parameter in enumerate(items(parameters)):
        if mapping(parameter).get("type", "string") not in ("string", None):
            continue
        at = child("/trigger/query_parameters", index)
        for key in ("default", "enum"):
            if isinstance(parameter, dict) and parameter.get(key) is not None:
                parameter[key] = _written(parameter[key], child(at, key), loaded)


def _written(value: Any, pointer: Pointer, loaded: Loaded) -> Any:
    if isinstance(value, list):
        return [_written(item, child(pointer, index), loaded) for index, item in enumerate(value)]
    return value if value is None else loaded.written.get(pointer, value)
