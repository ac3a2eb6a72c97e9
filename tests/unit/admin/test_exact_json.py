"""The REST API takes JSON in which every name stands once, and numbers that JSON has."""

from __future__ import annotations

import json
import re

import pytest

from firesteel.admin.api import create_api
from firesteel.admin.bodies.exact_json import LOOP_LIMIT_BYTES
from tests.support.openapi import operations
from tests.unit.admin.asgi import ask
from tests.unit.admin.conftest import LOCAL_TOKEN, Answer, Office

CONSUMERS = "/api/v1/workspaces/default/consumers"


async def sent(office: Office, method: str, path: str, body: bytes) -> Answer:
    headers = {"authorization": f"Bearer {LOCAL_TOKEN}", "content-type": "application/json"}
    return Answer(*await ask(office.app, method, path, headers=headers, body=body))


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (
            b'{"name": "ACME", "name": "EVIL"}',
            "duplicate_name",
            "the name name stands twice in one object",
        ),
        (
            b'{"name": "ACME", "more": [{"a": 1}, {"a": 1, "b": 2, "\\u0061": 3}]}',
            "duplicate_name",
            "the name a stands twice in one object",
        ),
        (b'{"name": NaN}', "malformed", "NaN is no number of JSON"),
        (b'{"name": [-Infinity]}', "malformed", "-Infinity is no number of JSON"),
    ],
)
async def test_json_that_two_readers_read_in_two_ways_is_refused_and_changes_nothing(
    office: Office, body: bytes, code: str, detail: str
) -> None:
    await office.store.catalog.ensure_workspace("default")
    answer = await sent(office, "POST", CONSUMERS, body)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.json["errors"] == [{"pointer": "", "code": code, "detail": detail}]
    assert (await office.local("GET", CONSUMERS)).json == []


async def test_a_long_body_and_a_long_name_are_no_exception(office: Office) -> None:
    name = "n" * LOOP_LIMIT_BYTES
    answer = await sent(office, "POST", CONSUMERS, f'{{"{name}": 1, "{name}": 2}}'.encode())
    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "duplicate_name")
    assert len(answer.body) < 1000


async def test_one_name_in_two_objects_is_no_duplicate(office: Office) -> None:
    await office.store.catalog.ensure_workspace("default")
    document = {"name": "A", "trigger": {"query_parameters": [{"name": "n"}, {"name": "m"}]}}
    path = "/api/v1/workspaces/default/integrations/A/draft"
    answer = await sent(office, "PUT", path, json.dumps(document).encode())
    assert answer.code == "unknown_integration"  # of what was read nothing is wrong


async def test_no_operation_takes_a_name_twice(office: Office) -> None:
    document = create_api(office.app._engine, office.app._publisher, office.accounts).openapi()
    taking = [
        (method, re.sub(r"\{[^}]*\}", "x", path))
        for path, method, operation in operations(document)
        if "requestBody" in operation
    ]
    assert len(taking) > 20
    for method, path in taking:
        answer = await sent(office, method.upper(), path, b'{"a": 1, "a": 2}')
        codes = [fault["code"] for fault in (answer.json or {}).get("errors", [])]
        assert (answer.status, codes) == (400, ["duplicate_name"]), (method, path)
