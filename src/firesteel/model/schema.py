"""The JSON Schemas of the integration file, connections.yaml and alerts.yaml, for editors:
docs/reference/integration.schema.json, connections.schema.json and alerts.schema.json.

It describes the shape. Rules between keys (unique names, exactly one kind) are ``firesteel
check``'s.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firesteel.model.alerts import (
    MOST,
    AlertRule,
    EmailChannel,
    SlackChannel,
    WebhookChannel,
)
from firesteel.model.connection import HttpConnection, SqlConnection
from firesteel.model.integration import Integration
from firesteel.model.quantities import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    format_duration,
    format_size,
)
from firesteel.model.section import CONNECTION_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_WRITTEN: dict[str, Callable[[Any], str]] = {
    DURATION_PATTERN: format_duration,
    SIZE_PATTERN: format_size,
}
_FUNCTION = {"type": "string", "description": "``module:function``."}


def integration_schema() -> dict[str, Any]:
    """The schema (2020-12) of what may be written, short forms included."""
    schema = Integration.model_json_schema(by_alias=True, mode="validation")
    definitions = schema["$defs"]
    _short_forms(definitions)
    return {"$schema": SCHEMA, "title": "Firesteel integration", **_for_editors(schema)}


def connections_schema() -> dict[str, Any]:
    """The schema (2020-12) of connections.yaml."""
    kinds = (SqlConnection, HttpConnection)
    definitions = {
        kind.__name__: _for_editors(kind.model_json_schema(by_alias=True, mode="validation"))
        for kind in kinds
    }
    connection = {"oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]}
    return {
        "$schema": SCHEMA,
        "title": "Firesteel connections",
        "type": "object",
        "propertyNames": {"pattern": CONNECTION_NAME},
        "additionalProperties": connection,
        "$defs": definitions,
    }


def alerts_schema() -> dict[str, Any]:
    """The schema (2020-12) of alerts.yaml."""
    kinds = (EmailChannel, SlackChannel, WebhookChannel)
    definitions = {
        kind.__name__: _for_editors(kind.model_json_schema(by_alias=True, mode="validation"))
        for kind in (*kinds, AlertRule)
    }
    channel = {"oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]}
    return {
        "$schema": SCHEMA,
        "title": "Firesteel alerts",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "channels": {**_of_names(channel), "description": "The ways out, by name."},
            "rules": {
                **_of_names({"$ref": "#/$defs/AlertRule"}),
                "description": "What is told; left out: failures, paused lanes, old messages and "
                "expiring keys, over all channels.",
            },
        },
        "$defs": definitions,
    }


def _of_names(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": CONNECTION_NAME},
        "maxProperties": MOST,
        "additionalProperties": value,
    }


def schema_text(schema: dict[str, Any]) -> str:
    """The published file: JSON, indented, with a line break at its end."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _short_forms(definitions: dict[str, Any]) -> None:
    """What is written shorter in a file than the classes hold it."""
    trigger = definitions["Trigger"]["properties"]
    for key, constants in (
        ("ordered_delivery", [True, False]),
        ("request_response", [True, False]),
        ("idempotency", [False]),
    ):
        _replace_null(trigger[key], {"enum": constants})
        trigger[key]["default"] = False
    trigger["idempotency"]["default"] = {
        "key": "headers.idempotency-key",
        "window": "96h",
    }
    _replace_null(trigger["rate_limit"], definitions["RateLimit"]["properties"]["rate"])
    del trigger["rate_limit"]["default"]
    step = definitions["Step"]["properties"]
    step["python"] = {**_FUNCTION, "pattern": _pattern(definitions)}
    step["arguments"] = {"description": "A document, passed to the Python function."}
    branch = definitions["Branch"]
    branch["properties"]["otherwise"] = branch["properties"]["steps"]
    branch["oneOf"] = [{"required": ["when", "steps"]}, {"required": ["otherwise"]}]
    branch.pop("required", None)
    del definitions["PythonStep"]


def _pattern(definitions: dict[str, Any]) -> Any:
    return definitions["PythonStep"]["properties"]["function"]["pattern"]


def _replace_null(schema: dict[str, Any], form: dict[str, Any]) -> None:
    schema["anyOf"] = [form if item == {"type": "null"} else item for item in schema["anyOf"]]


def _for_editors(value: Any) -> Any:
    """Without what only repeats or confuses: pydantic's titles, which are the names again (but not
    a property that is called title), and null, which counts as left out.
    """
    if isinstance(value, list):
        return [_for_editors(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _for_editors(item) for key, item in value.items() if not _is_title(key, item)}
    forms = kept.get("anyOf")
    if isinstance(forms, list) and {"type": "null"} in forms:
        rest = [form for form in forms if form != {"type": "null"}]
        kept.pop("anyOf")
        kept = {**rest[0], **kept} if len(rest) == 1 else {"anyOf": rest, **kept}
    default = kept.get("default")
    if default is None or "$ref" in kept:
        kept.pop("default", None)  # of a mapping: each of its keys shows its own
    elif kept.get("pattern") in _WRITTEN:
        kept["default"] = _WRITTEN[kept["pattern"]](default)
    return kept


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)
