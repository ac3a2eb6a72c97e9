"""A consumer's API as a page to read, print and hand over, and its OpenAPI document as a file."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import APIRouter, Request, Response

from firesteel.admin.callers.call import make_call
from firesteel.admin.callers.snippets import API_KEY, snippets
from firesteel.admin.console.page import render
from firesteel.admin.resources.consumers import ConsumerLabel, show_consumer_openapi
from firesteel.admin.resources.given import EngineGiven, Viewer, WorkspaceName

router = APIRouter(prefix="/w/{workspace}/consumers/{label:path}", include_in_schema=False)


@router.get("/api")
async def show_api(
    request: Request,
    workspace: WorkspaceName,
    label: ConsumerLabel,
    engine: EngineGiven,
    access: Viewer,
) -> Response:
    """Every trigger that the consumer may call: parameters, body, answers, a call to paste."""
    document = await show_consumer_openapi(workspace, label, engine, access)
    return await render(
        request,
        "consumers/api.html",
        label=label,
        document=document,
        triggers=_triggers(document),
    )


@router.get("/openapi.json")
async def download(
    workspace: WorkspaceName, label: ConsumerLabel, engine: EngineGiven, access: Viewer
) -> Response:
    """The document as a file."""
    document = await show_consumer_openapi(workspace, label, engine, access)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{workspace}-{label}").strip("-")
    return Response(
        json.dumps(document, indent=2, ensure_ascii=False),
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{name}-openapi.json"'},
    )


def _triggers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The triggers with their operations, without the routes about messages, which are alike."""
    found = []
    for path, item in document["paths"].items():
        if path.count("/") == 2:
            operations = [_operation(document, path, *pair) for pair in item.items()]
            name = path.rpartition("/")[2]
            text = operations[0]["description"]
            found.append(
                {
                    "name": name,
                    "url": document["servers"][0]["url"] + path,
                    "summary": operations[0]["summary"],
                    "description": text,
                    "operations": operations,
                }
            )
    return found


def _operation(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> dict[str, Any]:
    body = _body(document, operation.get("requestBody"))
    return {
        "method": method.upper(),
        "summary": operation["summary"],
        "description": operation["description"],
        "parameters": [_parameter(item) for item in operation["parameters"]],
        "body": body,
        "answers": [_answer(*pair) for pair in operation["responses"].items()],
        "curl": _curl(document, path, method.upper(), operation, body),
    }


def _parameter(item: dict[str, Any]) -> dict[str, Any]:
    schema = item["schema"]
    one = schema.get("items", schema)
    type_ = one.get("format") or one.get("type", "any")
    return {
        "name": item["name"],
        "place": item["in"],
        "type": f"several of {type_}" if "items" in schema else type_,
        "required": item["required"],
        "default": schema.get("default"),
        "enum": one.get("enum") or [],
        "description": item.get("description", ""),
    }


def _body(document: dict[str, Any], body: dict[str, Any] | None) -> dict[str, Any] | None:
    if body is None:
        return None
    media, content = next(iter(body["content"].items()))
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    shown = "" if schema in ({}, True) else json.dumps(schema, indent=2, ensure_ascii=False)
    return {
        "media": [kind for kind in body["content"] if kind != "*/*"],
        "first": media,
        "required": body["required"],
        "description": body.get("description", ""),
        "schema": shown,
        "example": content.get("example"),
    }


def _answer(status: str, answer: dict[str, Any]) -> dict[str, str]:
    return {"status": status, "description": answer["description"]}


def _curl(
    document: dict[str, Any],
    path: str,
    method: str,
    operation: dict[str, Any],
    body: dict[str, Any] | None,
) -> str:
    query = [
        (item["name"], _written(value))
        for item in operation["parameters"]
        if item["in"] == "query" and item["required"]
        for value in _each(item.get("example", "text"))
    ]
    headers = [
        (item["name"], "text")
        for item in operation["parameters"]
        if item["in"] == "header" and item["required"]
    ]
    example = None if body is None else body["example"]
    sent = None if example is None else json.dumps(example, ensure_ascii=False).encode()
    call = make_call(method, path, query=query, headers=headers, body=sent)
    url = document["servers"][0]["url"]
    return snippets(call, url, API_KEY if operation["security"] else None).curl


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _written(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
