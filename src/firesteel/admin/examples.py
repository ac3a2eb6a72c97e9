"""Examples for the REST API's document: by the name of a field first, else by its schema."""

from __future__ import annotations

import re
from typing import Any

_MESSAGE_ID = "01a2178613077262bc0cb91cae5e1559"
_AT = "2027-06-30T10:15:00.123456Z"
_DEPTH = 16
_BY_NAME: dict[str, Any] = {
    "actor": "ada",
    "attempts": 1,
    "code": "execution_failed",
    "code_hash": "",
    "connection": "erp",
    "consumer": "web shop",
    "description": "Price of an item, for web shops",
    "cursor": "1042",
    "detail": "what happened, for people",
    "execution": f"{_MESSAGE_ID}-2",
    "id": _MESSAGE_ID,
    "integration": "ItemPrice",
    "label": "web shop",
    "message_id": _MESSAGE_ID,
    "name": "ItemPrice",
    "path": "/demo/ItemPrice",
    "prefix": "fsk_7Yq2",
    "query": "item=A-100",
    "secret": "fsk_7Yq2...",
    "step": "price",
    "subject": "demo/ItemPrice",
    "version": 3,
    "why": "the customer asked for it",
    "workspace": "demo",
}
_BY_FORMAT = {"date-time": _AT, "date": "2027-06-30", "base64": "eyJpdGVtIjoiQS0xMDAifQ=="}
_TEXTS = ("text", "3", '"3"', "demo/ItemPrice", "1h", "2027-06-30", _MESSAGE_ID, "POST", "")
_BY_TYPE: dict[str, Any] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "object": {},
}


def named_example(name: str) -> Any:
    """What a parameter of that name holds; None where the name says nothing."""
    found = _BY_NAME.get(name)
    return found if isinstance(found, str | int) else None


def example_of(schema: dict[str, Any], document: dict[str, Any], name: str = "") -> Any:
    """A value that fits the schema; ``document`` holds the components that it refers to."""
    return _example(schema, document, name, _DEPTH)


def _example(schema: dict[str, Any], document: dict[str, Any], name: str, depth: int) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        referred = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return _example(referred, document, name, depth - 1) if depth > 0 else None
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _example(schema[key][0], document, name, depth)
    return _of_type(schema, document, name, depth)


def _of_type(schema: dict[str, Any], document: dict[str, Any], name: str, depth: int) -> Any:
    type_ = schema.get("type")
    if type_ == "object" and "properties" in schema:
        return {
            inner: _example(described, document, inner, depth - 1)
            for inner, described in schema["properties"].items()
        }
    if type_ == "array":
        if "prefixItems" in schema:
            return [_example(item, document, "", depth - 1) for item in schema["prefixItems"]]
        return [_example(schema["items"], document, name, depth - 1)] if depth > 4 else []
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    named = _BY_NAME.get(name)
    if named is not None and _fits(named, type_):
        return named
    if "pattern" in schema:
        return next((text for text in _TEXTS if re.search(schema["pattern"], text)), "")
    return _BY_TYPE.get(str(type_), {})


def _fits(value: Any, type_: Any) -> bool:
    return {"string": str, "integer": int}.get(str(type_)) is type(value)
