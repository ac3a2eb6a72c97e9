"""The public port with Request-Response: the workflow's answer, and what stands for it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.public_port import code_of, faults_of, problem, workflows
from tests.support.raw_http import request

ANSWERS = """

@workflow
def answers(input):
    kind = input["body"]["kind"]
    if kind == "response":
        return Response({"customer_no": 7}, status=201, headers={"X-Shop": "å", "Location": "/7"})
    if kind == "permanent":
        raise PermanentError("the customer is blocked")
    if kind == "unknown":
        raise ValueError("canary-secret-text")
    kinds = {"text": "hällo", "bytes": b"\\x00\\xff", "list": [1], "dict": {"a": 1}}
    return kinds.get(kind)


import pydantic


class Line(pydantic.BaseModel):
    item: str
    quantity: int


@workflow
def typed(line: Line):
    return {"double": line.quantity * 2}


@workflow
def sets(input):
    return Response("ok", headers=input["body"])
"""


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url, ANSWERS))
    waits: dict[str, Any] = {"request_response": True}
    once = {"retry": {"attempts": 1}}
    project.integration(
        {"name": "Answers", "trigger": waits, "workflow": {"python": "work:answers", **once}}
    )
    typed = {"python": "work:typed"}
    project.integration(
        {"name": "Typed", "trigger": waits, "data_processing": "body", "workflow": typed}
    )
    project.integration({"name": "Headers", "trigger": waits, "workflow": {"python": "work:sets"}})
    tells = {"python": "work:tells"}
    project.integration({"name": "Waits", "trigger": waits, "workflow": tells})
    short = {"request_response": {"timeout": "1s"}}
    project.integration({"name": "Short", "trigger": short, "workflow": tells})
    short = {"request_response": {"timeout": "1s", "on_timeout": "accepted"}}
    project.integration({"name": "Patient", "trigger": short, "workflow": tells})
    ordered = {"request_response": True, "ordered_delivery": True}
    project.integration({"name": "Lane", "trigger": ordered, "workflow": tells})
    fails = {"steps": [{"name": "no", "fail": {"message": "no such item"}}]}
    project.integration({"name": "Fails", "trigger": waits, "workflow": fails})
    found = {"steps": [{"name": "found", "map": "{% input.body.item %}"}]}
    response = {
        "status": "{% steps.found ? 200 : 404 %}",
        "headers": {"x-item": "{% steps.found %}"},
        "body": {"item": "{% input.body.item %}", "doubled": "{% input.body.n * 2 %}"},
    }
    document = {"name": "Template", "trigger": waits, "workflow": found, "response": response}
    project.integration(document)
    text = {"status": 200, "headers": {"content-type": "text/csv"}, "text": "no;{% steps.found %}"}
    document = {"name": "Text", "trigger": waits, "workflow": found, "response": text}
    project.integration(document)


def port_of(node: RunningNode) -> int:
    port = urlsplit(node.public_url).port
    assert port is not None
    return port


def stored_response(node: RunningNode, answer: Any) -> Any:
    """What the response route says about the message of an answer."""
    path = f"{urlsplit(str(answer.request.url)).path}/messages/"
    url = f"{node.public_url}{path}{answer.headers['firesteel-message-id']}/response"
    return node.client.get(url, headers={"x-api-key": KEY})


def started(node: RunningNode, name: str, call: dict[str, Any]) -> tuple[threading.Thread, Any]:
    """A call in a thread of its own, and the list that its answer will be in."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(node.call(name, **call)))
    thread.start()
    return thread, answers


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "body"),
    [
        ("dict", 200, "application/json", b'{"a":1}'),
        ("list", 200, "application/json", b"[1]"),
        ("text", 200, "text/plain; charset=utf-8", "hällo".encode()),
        ("bytes", 200, "application/octet-stream", b"\x00\xff"),
        ("none", 204, None, b""),
    ],
)
def test_what_a_workflow_returns_is_the_answer(
    node: RunningNode, kind: str, status: int, content_type: str | None, body: bytes
) -> None:
    answer = node.call("Answers", json={"kind": kind})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-type") == content_type


def test_a_response_has_its_status_headers_and_body(node: RunningNode) -> None:
    answer = node.call("Answers", json={"kind": "response"})
    assert (answer.status_code, answer.json()) == (201, {"customer_no": 7})
    assert answer.headers["location"] == "/7"
    assert answer.headers["cache-control"] == "no-store"


def test_answers_carry_message_id_sequence_and_request_id(node: RunningNode) -> None:
    answers = [node.call("Answers", json={"kind": kind}) for kind in ("dict", "permanent")]
    for answer in answers:
        assert answer.headers["firesteel-message-id"]
        assert answer.headers["request-id"]
    first, second = (int(answer.headers["firesteel-sequence"]) for answer in answers)
    assert second == first + 1


def test_a_response_may_set_its_own_caching(node: RunningNode) -> None:
    answer = node.call("Headers", json={"Cache-Control": "max-age=60", "X-A": "1"})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (answer.headers["cache-control"], answer.headers["x-a"]) == ("max-age=60", "1")


@pytest.mark.parametrize(
    "header", ["Connection", "Content-Length", "Transfer-Encoding", "Set-Cookie", "Date", "Server"]
)
def test_a_response_cannot_break_the_connection_or_set_cookies(
    node: RunningNode, header: str
) -> None:
    answer = node.call("Headers", json={header: "canary-1"})
    assert answer.status_code in (200, 502)
    assert "canary-1" not in str(answer.headers)


@pytest.mark.parametrize("header", ["Firesteel-Sequence", "Firesteel-Message-Id", "Request-Id"])
def test_a_response_cannot_forge_our_headers(node: RunningNode, header: str) -> None:
    answer = node.call("Headers", json={header: "canary-1"})
    assert answer.headers.get_list(header) != []
    assert "canary-1" not in str(answer.headers)


@pytest.mark.parametrize("value", ["a\r\nX-Split: 1", "a\nb", "a\x00b"])
def test_a_response_cannot_split_a_header(node: RunningNode, value: str) -> None:
    answer = node.call("Headers", json={"X-A": value})
    assert "x-split" not in answer.headers
    assert answer.status_code in (200, 502)
    assert node.call("Headers", json={}).status_code == 200


def test_the_response_template_makes_status_headers_and_body(node: RunningNode) -> None:
    answer = node.call("Template", json={"item": "A", "n": 21})
    assert (answer.status_code, answer.headers["x-item"]) == (200, "A")
    assert answer.json() == {"item": "A", "doubled": 42}
    answer = node.call("Template", json={"n": 1})
    assert (answer.status_code, answer.json()) == (404, {"doubled": 2})
    answer = node.call("Text", json={"item": "A"})
    assert (answer.text, answer.headers["content-type"]) == ("no;A", "text/csv")


def test_a_permanent_error_is_502_with_the_authors_text(node: RunningNode) -> None:
    answer = node.call("Answers", json={"kind": "permanent"})
    assert (answer.status_code, code_of(answer)) == (502, "execution_failed")
    assert problem(answer)["detail"] == "the customer is blocked"
    assert node.call("Fails").json()["detail"] == "no such item"


def test_any_other_failure_is_502_without_its_text(node: RunningNode) -> None:
    answer = node.call("Answers", json={"kind": "unknown"})
    assert (answer.status_code, code_of(answer)) == (502, "execution_failed")
    assert "canary" not in answer.text
    assert node.status(answer)["state"] == "failed"


def test_invalid_input_is_422_with_every_fault(node: RunningNode) -> None:
    assert node.call("Typed", json={"item": "A", "quantity": 2}).json() == {"double": 4}
    answer = node.call("Typed", json={"quantity": "canary"})
    assert (answer.status_code, code_of(answer)) == (422, "input_invalid")
    assert {pointer for pointer, _ in faults_of(answer)} == {"/item", "/quantity"}
    assert "canary" not in answer.text
    status = node.status(answer)
    assert (status["state"], status["attempts"]) == ("failed", 1)


def test_no_response_in_time_is_504_and_the_response_can_be_fetched(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/slow", Reply(200, b"late", gate=gate))
    answer = node.call("Short", json={"tell": "slow"})
    found = problem(answer)
    assert (answer.status_code, code_of(answer)) == (504, "response_timeout")
    assert found["id"] == answer.headers["firesteel-message-id"]
    assert found["status_url"] == f"/test/Short/messages/{found['id']}"
    assert stored_response(node, answer).status_code == 202
    gate.set()
    assert node.until_settled(answer)["state"] == "succeeded"
    assert stored_response(node, answer).json() == {"said": "late"}


def test_on_timeout_accepted_is_a_202(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/patient", Reply(200, b"x", gate=gate))
    answer = node.call("Patient", json={"tell": "patient"})
    assert answer.status_code == 202
    assert answer.json()["status_url"] == answer.headers["location"]
    gate.set()
    assert node.until_settled(answer)["state"] == "succeeded"


@pytest.mark.parametrize("preference", ["respond-async", "wait=0", "wait=1"])
def test_a_caller_may_prefer_not_to_wait(
    node: RunningNode, sink: HttpServer, gate: threading.Event, preference: str
) -> None:
    sink.reply("/prefer", Reply(200, b"x", gate=gate))
    answer = node.call("Waits", json={"tell": "prefer"}, headers={"prefer": preference})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == preference
    assert answer.headers["location"] == answer.json()["status_url"]
    gate.set()
    assert node.until_settled(answer)["state"] == "succeeded"


@pytest.mark.parametrize("first", ["respond-async", "wait=0"])
def test_preferences_may_stand_in_several_lines(
    node: RunningNode, sink: HttpServer, gate: threading.Event, first: str
) -> None:
    sink.reply("/lines", Reply(200, b"x", gate=gate))
    lines = [("x-api-key", KEY), ("prefer", first), ("prefer", "return=minimal")]
    url = f"{node.public_url}/test/Waits"
    answer = node.client.post(url, json={"tell": "lines"}, headers=lines)
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == first
    gate.set()
    assert node.until_settled(answer)["state"] == "succeeded"


def test_a_response_within_the_preferred_wait_is_the_answer(
    node: RunningNode, sink: HttpServer
) -> None:
    sink.reply("/quick", Reply(200, b"now"))
    answer = node.call("Waits", json={"tell": "quick"}, headers={"prefer": "wait=20"})
    assert (answer.status_code, answer.json()) == (200, {"said": "now"})


def test_a_preference_cannot_make_the_wait_longer(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/longer", Reply(200, b"x", gate=gate))
    answer = node.call("Short", json={"tell": "longer"}, headers={"prefer": "wait=600"})
    assert code_of(answer) == "response_timeout"


def test_a_cancelled_execution_is_502_at_once(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/cancelled", Reply(200, b"x", gate=gate))
    thread, answers = started(node, "Waits", {"json": {"tell": "cancelled"}})
    message = wait_until(lambda: listed(node, "Waits", "running"))[0]
    node.admin("POST", f"/workspaces/test/messages/{message['id']}/cancel")
    thread.join()
    (answer,) = answers
    assert (answer.status_code, code_of(answer)) == (502, "execution_cancelled")
    assert node.status(answer)["state"] == "cancelled"


def test_a_skipped_execution_is_502_at_once(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/head", Reply(200, b"x", gate=gate))
    head, _ = started(node, "Lane", {"json": {"tell": "head"}})
    wait_until(lambda: listed(node, "Lane", "running"))
    thread, answers = started(node, "Lane", {"json": {"tell": "head"}})
    message = wait_until(lambda: listed(node, "Lane", "waiting"))[0]
    why = {"why": "sent twice"}
    node.admin("POST", f"/workspaces/test/messages/{message['id']}/skip", json=why)
    thread.join()
    (answer,) = answers
    assert (answer.status_code, code_of(answer)) == (502, "execution_skipped")
    found = node.admin("GET", f"/workspaces/test/messages/{message['id']}")["executions"][0]
    assert (found["state"], found["ended_why"]) == ("skipped", "sent twice")
    gate.set()
    head.join()


def test_a_caller_that_goes_away_stops_nothing(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/gone", Reply(200, b"x", gate=gate))

    body = b'{"tell":"gone"}'
    sent = request("POST", "/test/Waits", body, x_api_key=KEY, Content_Type="application/json")
    with socket.create_connection(("127.0.0.1", port_of(node))) as connection:
        connection.sendall(sent)
        wait_until(lambda: listed(node, "Waits", "running"))
    message = listed(node, "Waits", "running")[0]
    gate.set()
    path = f"/workspaces/test/messages/{message['id']}"
    ended = wait_until(lambda: node.admin("GET", path)["executions"][0]["settled_at"])
    assert ended
    assert node.admin("GET", path)["executions"][0]["state"] == "succeeded"


def test_a_stopping_node_answers_503_with_id_and_status_url(
    tmp_path: Path, data_dir: Path, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/stopping", Reply(200, b"x", gate=gate))
    fill(ProjectFolder(tmp_path), sink)
    with running_node(data_dir, tmp_path, FIRESTEEL_SHUTDOWN_TIMEOUT="2s") as node:
        thread, answers = started(node, "Waits", {"json": {"tell": "stopping"}})
        wait_until(lambda: listed(node, "Waits", "running"))
        assert node.stop_process() == 0
        thread.join()
        (answer,) = answers
        found = problem(answer)
        assert (answer.status_code, code_of(answer)) == (503, "node_stopping")
        assert found["status_url"].endswith(found["id"])
        assert int(answer.headers["retry-after"]) >= 1


def listed(node: RunningNode, name: str, state: str) -> Any:
    """The integration's messages in a state, latest first."""
    params = {"integration": name, "state": state}
    return node.admin("GET", "/workspaces/test/messages", params=params)["items"]
