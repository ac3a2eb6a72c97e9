"""Sample values that fit a declared parameter or a JSON Schema, to start from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from firesteel.model.body import check_body
from firesteel.model.trigger import BodySchema

if TYPE_CHECKING:
    from firesteel.model.trigger import QueryParameter

_DEPTH = 6
_BY_TYPE: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "date": "2027-06-30",
    "null": None,
}
_BY_FORMAT = {
    "date": "2027-06-30",
    "date-time": "2027-06-30T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "0194b1c4-6b0e-7a10-8f00-0123456789ab",
}


def parameter_sample(parameter: QueryParameter) -> Any:
    """A value that the parameter takes: its default, the first of its enum, or one of its type."""
    if parameter.default is not None:
        return parameter.default
    value = parameter.enum[0] if parameter.enum else _BY_TYPE[parameter.type]
    return [value] if parameter.many else value


def body_sample(schema: Any) -> Any:
    """A value that fits a JSON Schema, as far as one is found by its shape; None otherwise."""
    sample = _sample(schema, schema, _DEPTH)
    body = json.dumps(sample).encode()
    fits = not check_body(BodySchema(schema_=schema), "application/json", body)
    return sample if fits else None


def _sample(schema: Any, root: Any, depth: int) -> Any:
    """A value in the shape of a schema; ``root``: the one that references begin at."""
    if not isinstance(schema, dict) or depth == 0:
        return {}
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    if "$ref" in schema:
        return _sample(_referred(schema["$ref"], root), root, depth - 1)
    for key in ("allOf", "anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key] and "properties" not in schema:
            return _sample(schema[key][0], root, depth - 1)
    return _of_type(schema, root, depth)


def _of_type(schema: dict[str, Any], root: Any, depth: int) -> Any:
    type_ = schema.get("type")
    if isinstance(type_, list):
        type_ = next(iter(type_), None)
    properties = schema.get("properties")
    if type_ == "object" or isinstance(properties, dict):
        known = properties if isinstance(properties, dict) else {}
        return {name: _sample(inner, root, depth - 1) for name, inner in known.items()}
    if type_ == "array":
        return [_sample(schema["items"], root, depth - 1)] if "items" in schema else []
    if type_ == "string" and schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    if type_ in ("integer", "number") and isinstance(schema.get("minimum"), int | float):
        return schema["minimum"]
    return _BY_TYPE.get(str(type_), {})


def _referred(reference: Any, root: Any) -> Any:
    """What a reference within the schema leads to; {} where it leads elsewhere."""
    found = root
    for part in str(reference).removeprefix("#").split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if str(reference).startswith("#") else {}
