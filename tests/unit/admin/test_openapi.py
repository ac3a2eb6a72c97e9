"""The REST API's document tells everything of every route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from firesteel.admin.api import create_api
from firesteel.model.problem import MEDIA_TYPE, PROBLEMS
from tests.support.openapi import assert_valid, operations, resolve

ALWAYS = ("unauthorized", "forbidden", "invalid_request", "store_unavailable", "internal_error")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    nothing: Any = None
    return create_api(nothing, nothing, nothing).openapi()


def test_it_is_valid_and_its_examples_fit(document: dict[str, Any]) -> None:
    assert_valid(document)


def test_every_route_has_a_name_a_summary_and_a_description(document: dict[str, Any]) -> None:
    found = list(operations(document))
    for path, method, operation in found:
        assert operation["tags"], (method, path)
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)


def test_every_route_says_which_right_it_needs(document: dict[str, Any]) -> None:
    missing = [
        f"{method} {path}"
        for path, method, operation in operations(document)
        if operation.get("security") != []
        and not re.search(r"Needs (the right `|no right but)", operation["description"])
    ]
    assert missing == []


def test_every_parameter_and_body_has_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert has_example(parameter), (method, path, parameter["name"])
        bodies = [operation.get("requestBody", {})]
        bodies += [answer for status, answer in operation["responses"].items() if status < "4"]
        for body in bodies:
            for media, content in body.get("content", {}).items():
                assert media != "application/json" or has_example(content), (method, path)


def has_example(described: dict[str, Any]) -> bool:
    return any(name in described for name in ("example", "examples")) or (
        "examples" in described.get("schema", {})
    )


def test_every_route_tells_its_problems_with_an_example_each(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        told = set()
        for status, answer in operation["responses"].items():
            if status < "4":
                continue
            assert list(answer["content"]) == [MEDIA_TYPE], (method, path, status)
            examples = answer["content"][MEDIA_TYPE]["examples"]
            assert all(str(PROBLEMS[code].status) == status for code in examples)
            assert all(f"`{code}`" in answer["description"] for code in examples)
            told |= set(examples)
        assert set(ALWAYS) <= told or operation.get("security") == [], (method, path, told)


def test_every_route_with_an_address_of_something_says_what_is_missing(
    document: dict[str, Any],
) -> None:
    for path, method, operation in operations(document):
        if "{" in path:
            assert "404" in operation["responses"], (method, path)


def test_every_whole_number_that_is_taken_fits_into_a_store(document: dict[str, Any]) -> None:
    free = [
        place
        for path, method, operation in operations(document)
        for name, schema in taken(operation)
        for place in unbounded(document, schema, f"{method} {path} {name}")
    ]
    assert free == []


def taken(operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and schema of each parameter, and of the body."""
    for parameter in operation.get("parameters", []):
        yield parameter["name"], parameter["schema"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "body", content["schema"]


def unbounded(
    document: dict[str, Any], schema: Any, place: str, seen: tuple[str, ...] = ()
) -> Iterator[str]:
    """Places of integers without a greatest value."""
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        inner = resolve(document, reference)
        yield from unbounded(document, inner, place, (*seen, reference))
    if schema.get("type") == "integer" and not {"maximum", "exclusiveMaximum"} & set(schema):
        yield place
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(key, []):
            yield from unbounded(document, inner, place, seen)
    for name, inner in schema.get("properties", {}).items():
        yield from unbounded(document, inner, f"{place}.{name}", seen)
    yield from unbounded(document, schema.get("items"), place, seen)
