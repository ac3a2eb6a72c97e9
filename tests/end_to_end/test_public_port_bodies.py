"""The public port: bodies of any kind, as workflows and expressions see them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode
from tests.support.public_port import code_of, faults_of, workflows

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BIG = 123456789012345678901234567890
SCHEMA = {
    "type": "object",
    "required": ["order_no", "lines"],
    "properties": {
        "order_no": {"type": "integer"},
        "lines": {"type": "array", "items": {"type": "string"}},
    },
}
PARSED = (
    '{"body": body, "text": body_text, "error": body_error, "base64": body_base64, '
    '"method": method, "consumer": message.consumer, "sequence": message.sequence}'
)


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url))
    waits = {"request_response": True}
    python = {"python": "work:returns_input"}
    project.integration({"name": "Default", "trigger": waits, "workflow": python})
    project.integration(
        {"name": "Parsed", "trigger": waits, "data_processing": PARSED, "workflow": python}
    )
    project.integration({"name": "Raw", "trigger": waits, "workflow": {"python": "work:received"}})
    passed = {"name": "passed", "map": "{% input.body %}"}
    number = {"name": "number", "map": {"n": "{% input.body.n %}", "t": "no {% input.body.n %}."}}
    document = {"name": "Passed", "trigger": waits, "workflow": {"steps": [passed]}}
    project.integration(document)
    document = {"name": "Number", "trigger": waits, "workflow": {"steps": [number]}}
    project.integration(document)
    calculated = {"name": "sum", "map": "{% input.body.n + 1 %}"}
    document = {"name": "Calculated", "trigger": waits, "workflow": {"steps": [calculated]}}
    project.integration(document)
    modes: dict[str, Any] = {"Json": "json", "Xml": "xml", "Form": "form"}
    modes["Schema"] = {"schema": SCHEMA}
    for name, mode in modes.items():
        trigger = {**waits, "body": mode}
        project.integration({"name": name, "trigger": trigger, "workflow": python})


def send(node: RunningNode, name: str, content_type: str | None, body: bytes) -> Any:
    headers = {} if content_type is None else {"content-type": content_type}
    return node.call(name, content=body, headers=headers)


def parsed(node: RunningNode, content_type: str | None, body: bytes) -> Any:
    """What data processing sees; names that are undefined are left out."""
    answer = send(node, "Parsed", content_type, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        (JSON, b'{"a": [1, 2.5, null, true, "\xc3\xa5"]}', {"a": [1, 2.5, None, True, "å"]}),
        ("application/vnd.order+json; charset=utf-8", b'{"a": 1}', {"a": 1}),
        (JSON, b"[]", []),
        (JSON, b'"text"', "text"),
        (
            "application/xml",
            b"<o no='7'><l>a</l><l>b</l><e/>t</o>",
            {"o": {"@no": "7", "l": ["a", "b"], "e": None, "#text": "t"}},
        ),
        ("text/xml", b"<a>1</a>", {"a": "1"}),
        ("application/soap+xml", b"<a>1</a>", {"a": "1"}),
        (FORM, b"a=1&b=x+y&a=2&c=", {"a": ["1", "2"], "b": "x y", "c": ""}),
        ("text/plain", b"hello", "hello"),
        ("text/plain; charset=iso-8859-1", b"\xe5", "å"),
        ("text/csv", b"no;name\n1;A\n2;B\n", [{"no": "1", "name": "A"}, {"no": "2", "name": "B"}]),
        ("text/csv", b"no,name\n1,A\n", [{"no": "1", "name": "A"}]),
        ("text/csv", b"no\tname\n1\tA\n", [{"no": "1", "name": "A"}]),
    ],
)
def test_a_body_is_parsed_by_its_content_type(
    node: RunningNode, content_type: str, body: bytes, value: Any
) -> None:
    seen = parsed(node, content_type, body)
    assert seen["body"] == value
    assert seen.get("error") is None
    assert base64.b64decode(seen["base64"]) == body


def test_multipart_files_are_seen_with_name_type_and_content(node: RunningNode) -> None:
    answer = node.call(
        "Parsed", data={"order": "7"}, files={"scan": ("a.bin", b"\x00\xff", "image/png")}
    )
    body = answer.json()["body"]
    assert body["order"] == "7"
    assert body["scan"] == {
        "filename": "a.bin",
        "content_type": "image/png",
        "size": 2,
        "base64": base64.b64encode(b"\x00\xff").decode(),
    }


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b"{"),
        (JSON, b'{"a": NaN}'),
        (JSON, b'{"a": 1, "a": 2}'),
        (JSON, b"\xff\xfe"),
        ("application/xml", b"<a>"),
        ("application/xml", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'),
        (FORM, b"a=%ff"),
        ("text/plain; charset=utf-8", b"\xff"),
        ("multipart/form-data", b"no boundary"),
        ("application/octet-stream", b"\x00\x01\xff"),
        (None, b"{}"),
    ],
)
def test_what_cannot_be_parsed_is_accepted_and_reaches_the_workflow_as_bytes(
    node: RunningNode, content_type: str | None, body: bytes
) -> None:
    seen = parsed(node, content_type, body)
    assert seen.get("body") is None
    assert seen["error"]
    assert base64.b64decode(seen["base64"]) == body
    raw = send(node, "Raw", content_type, body).json()
    assert base64.b64decode(raw["body"]) == body


def test_an_empty_body_is_null_without_an_error(node: RunningNode) -> None:
    seen = parsed(node, JSON, b"")
    assert seen.get("body") is None
    assert seen.get("error") is None


def test_data_processing_left_out_passes_query_and_body(node: RunningNode) -> None:
    answer = node.call("Default?a=1", json={"b": 2})
    assert answer.json() == {"query": {"a": "1"}, "body": {"b": 2}}


def test_data_processing_sees_method_and_message(node: RunningNode) -> None:
    answer = node.call("Parsed", json={})
    seen = answer.json()
    assert (seen["method"], seen["consumer"]) == ("POST", "tester")
    assert str(seen["sequence"]) == answer.headers["firesteel-sequence"]


@pytest.mark.parametrize("number", [2**53, 2**53 + 1, -(2**63) - 1, BIG])
def test_large_integers_stay_exact_through_expressions_and_python(
    node: RunningNode, number: int
) -> None:
    body = f'{{"n": {number}}}'.encode()
    assert send(node, "Default", JSON, body).json()["body"] == {"n": number}
    assert send(node, "Passed", JSON, body).json() == {"n": number}
    assert send(node, "Number", JSON, body).json() == {"n": number, "t": f"no {number}."}


def test_arithmetic_on_a_large_integer_fails_instead_of_being_wrong(node: RunningNode) -> None:
    assert send(node, "Calculated", JSON, b'{"n": 41}').json() == 42
    answer = send(node, "Calculated", JSON, f'{{"n": {BIG}}}'.encode())
    assert code_of(answer) == "execution_failed"
    message = node.admin(
        "GET", f"/workspaces/test/messages/{answer.headers['firesteel-message-id']}"
    )
    assert message["executions"][0]["failure"]["code"] == "expression_precision"


def test_decimals_are_passed_on_as_written(node: RunningNode) -> None:
    answer = send(node, "Default", JSON, b'{"n": 12.50, "m": 0.1}')
    assert json.loads(answer.text, parse_float=str)["body"] == {"n": "12.50", "m": "0.1"}


@pytest.mark.parametrize(
    ("name", "content_type", "body"),
    [
        ("Json", JSON, b"{}"),
        ("Json", "application/x+json", b"1"),
        ("Xml", "application/xml", b"<a/>"),
        ("Form", FORM, b"a=1"),
        ("Schema", JSON, b'{"order_no": 1, "lines": ["a"]}'),
    ],
)
def test_a_body_that_is_as_demanded_is_taken(
    node: RunningNode, name: str, content_type: str, body: bytes
) -> None:
    assert send(node, name, content_type, body).status_code == 200


@pytest.mark.parametrize(
    ("name", "content_type", "body"),
    [
        ("Json", JSON, b"{"),
        ("Json", JSON, b""),
        ("Json", JSON, b'{"a":1,"a":2}'),
        ("Json", JSON, b"[1e400]"),
        ("Json", JSON, b'["\\ud800"]'),
        ("Json", JSON, b"[" * 100_000),
        ("Json", JSON, b"1" * 4301),
        ("Json", "text/plain", b"{}"),
        ("Json", None, b"{}"),
        ("Xml", "application/xml", b"<a>"),
        ("Xml", JSON, b"{}"),
        ("Form", JSON, b"{}"),
        ("Form", FORM, b"a=%ff"),
        ("Schema", JSON, b"{"),
    ],
)
def test_a_body_that_is_not_as_demanded_is_400_and_starts_nothing(
    node: RunningNode, name: str, content_type: str | None, body: bytes
) -> None:
    answer = send(node, name, content_type, body)
    assert code_of(answer) == "body_invalid"
    assert answer.json()["errors"]
    assert "firesteel-message-id" not in answer.headers


def test_every_fault_against_the_schema_is_in_one_400(node: RunningNode) -> None:
    answer = send(node, "Schema", JSON, b'{"order_no": "canary", "lines": [1, "a", 2]}')
    pointers = {pointer for pointer, _ in faults_of(answer)}
    assert pointers == {"/order_no", "/lines/0", "/lines/2"}
    assert "canary" not in answer.text


def test_a_large_body_is_checked_like_a_small_one(node: RunningNode) -> None:
    """Over 256 KiB it is parsed in a worker."""
    good = json.dumps({"order_no": BIG, "lines": ["x" * 100] * 4000}).encode()
    assert len(good) > 256 * 1024
    answer = send(node, "Schema", JSON, good)
    assert answer.status_code == 200
    assert answer.json()["body"]["order_no"] == BIG
    assert code_of(send(node, "Schema", JSON, good[:-1])) == "body_invalid"
    bad = good.replace(b'"order_no"', b'"order_nr"')
    assert faults_of(send(node, "Schema", JSON, bad)) == {("", "schema_required")}


def test_a_get_may_have_a_body(node: RunningNode) -> None:
    answer = node.call("Raw", "GET", content=b"abc")
    assert base64.b64decode(answer.json()["body"]) == b"abc"
