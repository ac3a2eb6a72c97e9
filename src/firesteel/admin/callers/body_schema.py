"""A trigger's JSON Schema as a component of an OpenAPI document.

A schema of its own refers to itself as ``#/...``; inside an OpenAPI document that would be the
whole document, so such references are led to the component. Nothing that is data (an enum, a
default) is touched.
"""

from __future__ import annotations

from typing import Any

_DATA = frozenset({"const", "default", "enum", "example", "examples"})
_BY_NAME = frozenset(
    {"$defs", "definitions", "dependentSchemas", "dependencies", "patternProperties", "properties"}
)


def as_component(schema: Any, name: str) -> Any:
    """The schema with its references to itself led to ``#/components/schemas/<name>``."""
    return _moved(schema, f"#/components/schemas/{name}", root=True)


def _moved(schema: Any, base: str, *, root: bool = False) -> Any:
    if isinstance(schema, list):
        return [_moved(item, base) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$id" in schema and not root:
        return schema  # a resource of its own: its references are relative to itself
    kept = {key: value for key, value in schema.items() if key != "$id"} if root else schema
    return {key: _value(key, value, base) for key, value in kept.items()}


def _value(key: str, value: Any, base: str) -> Any:
    if key == "$ref" and isinstance(value, str) and (value == "#" or value.startswith("#/")):
        return base + value[1:]
    if key in _DATA:
        return value
    if key in _BY_NAME and isinstance(value, dict):
        return {name: _moved(inner, base) for name, inner in value.items()}
    return _moved(value, base)
