"""The REST API's own OpenAPI document: FastAPI's, completed so that nothing is left to guess.

What every route has in common is added here once: the credential, the right that it needs, the
problems that any of them may answer, and an example for whatever has none of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from firesteel.admin.examples import example_of, named_example
from firesteel.admin.problems import PROBLEM_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant

_JSON = "application/json"


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        components = document.setdefault("components", {})
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
        }
        document["security"] = [{"token": []}, {"session": []}]
        components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        rights = _rights_by_route(app)
        for path, method, operation in _operations(document):
            _as_in_the_path(path, operation)
            _complete(document, operation, rights.get((path, method), []))
        for name in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: dict[str, Any], operation: dict[str, Any], rights: list[str]) -> None:
    _without_default_errors(operation)
    operation["summary"] = operation["summary"].capitalize().replace("openapi", "OpenAPI")
    if operation.get("security") != []:
        needed = " and ".join(f"`{right}`" for right in rights)
        told = f"Needs the right {needed}." if rights else "Needs no right but a credential."
        described = operation.get("description", "")
        operation["description"] = f"{described}\n\n{told}".strip()
    for parameter in operation.get("parameters", []):
        _give_example(document, parameter, parameter["name"])
    for content in _contents(operation):
        _give_example(document, content, "")


def _as_in_the_path(path: str, operation: dict[str, Any]) -> None:
    """Path parameters in their order, whichever dependency has declared them; others after."""
    parameters = operation.get("parameters", [])
    places = {id(item): path.find("{" + item["name"] + "}") for item in parameters}
    parameters.sort(key=lambda item: places[id(item)] if item["in"] == "path" else len(path))


def _without_default_errors(operation: dict[str, Any]) -> None:
    """Invalid requests are our problem ``invalid_request``, and not FastAPI's own shape."""
    answer = operation["responses"].get("422", {})
    content = answer.get("content", {}).get(_JSON, {})
    if content.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
        answer["content"].pop(_JSON)
        if not answer["content"]:
            del operation["responses"]["422"]


def _give_example(document: dict[str, Any], described: dict[str, Any], name: str) -> None:
    """An example for a parameter or a content that has none."""
    schema = described.get("schema", {})
    if {"example", "examples"} & (set(described) | set(schema)):
        return
    example = named_example(name) if name else None
    described["example"] = example_of(schema, document, name) if example is None else example


def _contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON contents of the body and of answers that are no problems."""
    bodies = [operation.get("requestBody", {})]
    bodies += [answer for status, answer in operation["responses"].items() if status < "4"]
    for body in bodies:
        content = body.get("content", {}).get(_JSON)
        if content is not None:
            yield content


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _rights_by_route(app: FastAPI) -> dict[tuple[str | None, str], list[str]]:
    """By path and method: the rights that the route's dependencies ask for."""
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            rights = sorted({str(right) for right in _needed(route.dependant)})
            for method in route.methods or ():
                found[context.path_format, method] = rights
    return found


def _needed(dependant: Dependant) -> Iterator[Any]:
    right = getattr(dependant.call, "right", None)
    if right is not None:
        yield right
    for inner in dependant.dependencies:
        yield from _needed(inner)
