"""Pages of the REST API's routes, written from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from firesteel.admin.api import create_api
from firesteel.model.problem import PROBLEMS

# Each page with its title and its tags; a tag that is named nowhere stands in the last one.
REST_PAGES: Final = {
    "integrations.md": ("integrations and API keys", ("integrations", "API keys")),
    "consumers.md": ("consumers", ("consumers",)),
    "messages.md": ("messages and lanes", ("messages", "lanes")),
    "trying.md": ("calls and tries", ("calls", "trials")),
    "alerts.md": ("alerts", ("alerts",)),
    "connections.md": ("connections and secrets", ("connections",)),
    "users.md": (
        "users, tokens, sessions and the audit log",
        ("users", "tokens", "account", "audit"),
    ),
    "node.md": ("the node", ("node",)),
}
# What any route may answer, told once.
_COMMON: Final = ("400", "401", "403", "500", "503")
_HEAD: Final = ["| Where | Name | Type | Meaning |", "| --- | --- | --- | --- |"]

Operation = tuple[str, str, dict[str, Any]]


def rest_pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page."""
    nothing = cast(Any, None)
    document = create_api(nothing, nothing, nothing).openapi()
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append((method, path, operation))
    named = {tag for _, tags in REST_PAGES.values() for tag in tags}
    for name, (title, tags) in REST_PAGES.items():
        rest = [tag for tag in by_tag if tag not in named] if name == "node.md" else []
        yield name, _page(document, title, [(tag, by_tag[tag]) for tag in (*tags, *rest)])


def _page(document: dict[str, Any], title: str, parts: list[tuple[str, list[Operation]]]) -> str:
    lines = [
        f"# The REST API: {title}",
        "",
        "<!-- Written by scripts/reference.py from the code; do not edit. -->",
        "",
        "What all routes have in common, credentials, pages of lists and errors, stands in",
        "[the REST API](../rest-api.md). `{workspace}` is the name of a workspace. Besides what is",
        "named, every route may answer with `invalid_request`, `unauthorized`, `forbidden`,",
        "`store_unavailable` or `internal_error` ([errors](../errors.md#the-rest-api)).",
        "",
    ]
    for tag, operations in parts:
        lines += [f"## {tag[0].upper()}{tag[1:]}", ""] if len(parts) > 1 else []
        for method, path, operation in operations:
            lines += _operation(document, method, path, operation)
    return "\n".join(lines).rstrip("\n") + "\n"


def _operation(
    document: dict[str, Any], method: str, path: str, operation: dict[str, Any]
) -> Iterator[str]:
    yield from (f"### {operation['summary']}", "", f"`{method.upper()} {path}`", "")
    for paragraph in operation.get("description", "").split("\n\n"):
        yield from (_prose(paragraph), "")
    rows = [*_parameters(document, operation), *_body(document, operation)]
    if rows:
        yield from (*_HEAD, *(_row(cells) for cells in rows), "")
    yield from (_answers(document, operation), "")


def _parameters(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[list[str]]:
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "workspace":
            continue
        schema = parameter["schema"]
        meaning = parameter.get("description", schema.get("description", ""))
        yield [
            parameter["in"],
            f"`{parameter['name']}`",
            _type(document, schema).removesuffix(" or null"),
            _told(meaning, schema, required=parameter.get("required", False)),
        ]


def _body(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[list[str]]:
    content = operation.get("requestBody", {}).get("content", {})
    for kind, media in content.items():
        schema = _resolved(document, media["schema"])
        if "properties" not in schema:
            yield ["body", "", f"{_type(document, schema)}, `{kind}`", ""]
            continue
        yield from _fields(document, schema, "")


def _fields(document: dict[str, Any], schema: dict[str, Any], before: str) -> Iterator[list[str]]:
    for name, field in schema["properties"].items():
        inner = _resolved(document, field)
        required = name in schema.get("required", [])
        told = _told(field.get("description", ""), field, required=required)
        yield ["body", f"`{before}{name}`", _type(document, field), told]
        if "properties" in inner and not before:
            yield from _fields(document, inner, f"{name}.")


def _told(meaning: str, schema: dict[str, Any], *, required: bool) -> str:
    told = _prose(meaning)
    if required:
        return f"Required. {told}".strip()
    default = schema.get("default")
    return f"{told} Default: `{default}`.".strip() if default not in (None, "", False) else told


def _answers(document: dict[str, Any], operation: dict[str, Any]) -> str:
    good, bad = [], []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if status.startswith("2"):
            good.append(_success(document, status, content))
        elif status not in _COMMON:
            bad += [f"`{code}` ({status})" for code in _codes(content)]
        else:
            bad += [f"`{code}` ({status})" for code in _codes(content) if code not in _usual()]
    told = f"Answers {', or '.join(good)}."
    return f"{told} Problems: {', '.join(bad)}." if bad else told


def _success(document: dict[str, Any], status: str, content: dict[str, Any]) -> str:
    if not content:
        return f"{status}, with nothing"
    ((kind, media),) = content.items()
    if kind != "application/json":
        return f"{status} with `{kind}`"
    schema = media.get("schema", {})
    listed = schema.get("type") == "array"
    schema = _resolved(document, schema["items"] if listed else schema)
    names = ", ".join(f"`{name}`" for name in schema.get("properties", {}))
    if not names:
        return f"{status} with {_type(document, media.get('schema', {})) or 'nothing more'}"
    return f"{status} with {'a list, each ' if listed else ''}{names}"


def _codes(content: dict[str, Any]) -> list[str]:
    problem = content.get("application/problem+json", {})
    return [code for code in problem.get("examples", {}) if code in PROBLEMS]


def _usual() -> tuple[str, ...]:
    return ("invalid_request", "unauthorized", "forbidden", "store_unavailable", "internal_error")


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "anyOf" in schema:
        kinds = [_type(document, each) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return _type(document, _resolved(document, schema)) or "object"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = str(schema.get("type", ""))
    if kind == "array":
        return f"list of {_type(document, schema.get('items', {})) or 'any values'}"
    if kind == "string":
        return {"date-time": "time", "date": "date"}.get(schema.get("format", ""), "text")
    return kind


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference, or one that may be null, leads to."""
    if "anyOf" in schema:
        real = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return _resolved(document, real[0]) if len(real) == 1 else schema
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document
    for part in schema["$ref"][2:].split("/"):
        found = found[part]
    return found


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _prose(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
