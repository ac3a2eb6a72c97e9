"""Checks OpenAPI documents: valid by the specification's own schema, and all examples fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import schemathesis

METHODS = frozenset({"get", "put", "post", "delete", "patch"})


def assert_valid(document: dict[str, Any]) -> None:
    """The document is OpenAPI 3.1, its references lead somewhere, and its examples are what its
    schemas ask for."""
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    for reference in set(references(document)):
        resolve(document, reference)
    for place, schema, example in examples(document):
        whole = {**schema, "components": document.get("components", {})}
        validator = jsonschema_rs.Draft202012Validator(whole)
        found = [error.message for error in validator.iter_errors(example)]
        assert not found, (place, found)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of every route."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def references(value: Any) -> Iterator[str]:
    """Every ``$ref`` of the document."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)


def resolve(document: dict[str, Any], reference: str) -> Any:
    """What a reference within the document leads to; KeyError where there is nothing."""
    assert reference.startswith("#/"), reference
    found: Any = document
    for part in reference[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def examples(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Place, schema and value of every example of a parameter or body."""
    for path, method, operation in operations(document):
        place = f"{method} {path}"
        for parameter in operation.get("parameters", []):
            yield from _of(f"{place} {parameter['name']}", parameter)
        bodies = [("body", operation.get("requestBody", {}))]
        bodies += list(operation.get("responses", {}).items())
        for name, body in bodies:
            for media, content in body.get("content", {}).items():
                yield from _of(f"{place} {name} {media}", content)


def _of(place: str, described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    schema = described.get("schema")
    if not isinstance(schema, dict):
        return
    if "example" in described:
        yield place, schema, described["example"]
    for example in described.get("examples", {}).values():
        yield place, schema, example["value"]
    for example in schema.get("examples", []):
        yield place, schema, example
