"""Try it, snippets and what is told of consumers, over the REST API of a real node."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, wait_until
from tests.support.openapi import assert_valid
from tests.support.public_port import workflows

ODD_LABEL = "web shop/é?#%2f"
ENVIRONMENT = {"FIRESTEEL_PUBLIC_URL": "https://calls.example/in"}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    big = "\n\n@workflow\ndef big(input):\n    return 'x' * (2 * 1024 * 1024)\n"
    project.module("work", workflows(sink.url, big))
    waiting = {"request_response": {"timeout": "60s"}}
    for name, function, trigger in (
        ("Received", "received", {**waiting, "methods": ["POST", "PUT", "GET"]}),
        ("Nothing", "nothing", waiting),
        ("Later", "returns_input", {"methods": ["POST"]}),
        ("Tells", "tells", {**waiting, "body": "json"}),
        ("Big", "big", waiting),
    ):
        workflow = {"python": f"work:{function}"}
        project.integration({"name": name, "trigger": trigger, "workflow": workflow})
    schema = {"type": "object", "properties": {"no": {"$ref": "#/$defs/no"}}}
    trigger = {"body": {"schema": {**schema, "$defs": {"no": {"type": "integer"}}}}}
    project.integration({"name": "Orders", "trigger": trigger})
    open_trigger = {"authentication": [], "query_parameters": [{"name": "item"}]}
    project.integration({"name": "Open", "trigger": open_trigger})


def attempt(node: RunningNode, name: str, **call: Any) -> Any:
    """What Try it says."""
    return node.admin("POST", f"/workspaces/test/integrations/{name}/try", json=call)


def refused(node: RunningNode, path: str, **request: Any) -> str:
    """The code with which the REST API refuses."""
    with pytest.raises(httpx2.HTTPStatusError) as error:
        node.admin(request.pop("method", "POST"), f"/workspaces/test{path}", **request)
    code: str = error.value.response.json()["type"]
    return code.removeprefix("urn:firesteel:")


def test_a_call_is_made_through_the_public_port_with_a_key_that_is_not_shown(
    node: RunningNode,
) -> None:
    tried = attempt(
        node,
        "Received",
        method="PUT",
        query=[["a b", "ö&="], ["a b", "2"]],
        headers=[["X-One", "1"], ["x-one", "2"]],
        body="åäö",
        key_label="tester",
    )
    seen = json.loads(tried["body"]["text"])

    assert tried["status"] == 200, tried
    assert KEY not in json.dumps(tried)
    assert seen["method"] == "PUT"
    assert seen["query_pairs"] == [["a b", "ö&="], ["a b", "2"]]
    assert seen["headers"]["x-one"] == "1, 2"
    assert seen["headers"]["host"] == "calls.example"
    assert seen["headers"]["user-agent"] == "Firesteel Try it"
    assert seen["content_type"] == "text/plain; charset=utf-8"
    assert seen["consumer"] == "tester"
    assert tried["url"] == "https://calls.example/in/test/Received?a%20b=%C3%B6%26%3D&a%20b=2"
    message = node.admin("GET", f"/workspaces/test/messages/{tried['message_id']}")
    assert message["sequence"] == tried["sequence"]
    assert tried["duration_ms"] > 0


def test_a_key_can_be_typed_and_bytes_be_sent(node: RunningNode) -> None:
    tried = attempt(node, "Received", method="POST", body_base64="AP8=", key_secret=KEY)

    assert json.loads(tried["body"]["text"])["body"] == "AP8="


def test_the_answer_is_the_real_one_whatever_it_is(node: RunningNode) -> None:
    assert attempt(node, "Received", method="DELETE", key_label="tester")["status"] == 405
    assert attempt(node, "Received", method="POST")["status"] == 401
    wrong = attempt(node, "Received", method="POST", key_secret="not-the-key")
    assert wrong["status"] == 401
    assert wrong["message_id"] is None
    accepted = attempt(node, "Later", method="POST", body="{}", key_label="tester")
    assert accepted["status"] == 202
    assert accepted["message_id"] == json.loads(accepted["body"]["text"])["id"]
    nothing = attempt(node, "Nothing", method="POST", key_label="tester")
    assert (nothing["status"], nothing["body"]["size_bytes"]) == (204, 0)
    assert attempt(node, "Open", method="GET")["status"] == 202
    assert attempt(node, "Open", method="POST")["status"] == 202


def test_a_long_answer_is_cut(node: RunningNode) -> None:
    tried = attempt(node, "Big", method="POST", key_label="tester")

    assert tried["status"] == 200
    assert tried["truncated"] is True
    assert tried["body"]["size_bytes"] == 1024 * 1024


def test_a_call_without_an_answer_in_time_says_so(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/slow", Reply(gate=gate))

    tried = attempt(
        node, "Tells", method="POST", body='{"tell": "slow"}', key_label="tester", timeout_s=1
    )

    assert tried["status"] is None
    assert "no answer within 1 s" in tried["failure"]


def test_no_more_calls_than_a_few_are_tried_at_once(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/held", Reply(gate=gate))
    before = len(sink.received)
    body = {"method": "POST", "body": '{"tell": "held"}', "key_label": "tester"}
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(attempt, node, "Tells", **body) for _ in range(8)]
        wait_until(lambda: len(sink.received) >= before + 8)
        busy = refused(node, "/integrations/Nothing/try", json={"key_label": "tester"})
        gate.set()
        assert [call.result()["status"] for call in calls] == [200] * 8
    assert busy == "trials_busy"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"key_label": "nobody"}, "unknown_key"),
        ({"key_label": "tester", "key_secret": "12345678"}, "invalid_request"),
        ({"key_secret": "with\nline"}, "invalid_request"),
        ({"body": "a", "body_base64": "AA=="}, "invalid_request"),
        ({"headers": [["Host", "elsewhere.example"]]}, "invalid_request"),
        ({"headers": [["a", "b\r\nc: d"]]}, "invalid_request"),
        ({"method": "CONNECT"}, "invalid_request"),
        ({"timeout_s": 100000}, "invalid_request"),
    ],
)
def test_what_cannot_be_sent_is_refused(node: RunningNode, call: dict[str, Any], code: str) -> None:
    assert refused(node, "/integrations/Nothing/try", json=call) == code


def test_the_audit_log_says_who_called_with_which_key(node: RunningNode) -> None:
    attempt(node, "Nothing", method="GET", key_label="tester")

    latest = node.admin("GET", "/audit?limit=1")["items"][0]
    assert (latest["action"], latest["subject"]) == ("trigger.try", "test/Nothing")
    assert latest["detail"] == "with the key tester"
    assert latest["actor"] == "local"


def test_snippets_of_a_call(node: RunningNode) -> None:
    path = "/workspaces/test/integrations/{}/snippets"
    made = node.admin("POST", path.format("Received"), json={"query": [["item", "A 1"]]})

    assert made["url"] == "https://calls.example/in/test/Received?item=A%201"
    for language in ("curl", "python", "powershell"):
        assert made["url"] in made[language]
        assert "API_KEY" in made[language]
    unlocked = node.admin("POST", path.format("Open"), json={"method": "POST"})
    assert "API_KEY" not in "".join(unlocked.values())
    own = {"headers": [["Authorization", "Bearer mine"]]}
    assert "API_KEY" not in node.admin("POST", path.format("Received"), json=own)["curl"]


def test_consumers_are_listed_with_their_triggers(node: RunningNode) -> None:
    found = {item["label"]: item for item in node.admin("GET", "/workspaces/test/consumers")}

    names = [item["integration"] for item in found["tester"]["triggers"]]
    assert names == sorted(names)
    assert {"Received", "Orders"} <= set(names)
    assert "Open" not in names
    assert KEY not in json.dumps(found)
    assert found["tester"]["triggers"][0]["prefix"] == KEY[:4]


def test_a_consumers_document_is_valid_and_says_what_it_may_call(node: RunningNode) -> None:
    document = node.admin("GET", "/workspaces/test/consumers/tester/openapi.json")

    assert_valid(document)
    assert "/test/Received" in document["paths"]
    assert "/test/Open" not in document["paths"]
    assert document["servers"] == [{"url": "https://calls.example/in"}]


def test_a_label_may_hold_what_urls_do_not(node: RunningNode) -> None:
    node.admin("POST", "/workspaces/test/integrations/Orders/keys", json={"label": ODD_LABEL})
    path = "/consumers/web%20shop%2F%C3%A9%3F%23%252f/openapi.json"
    document = node.admin("GET", f"/workspaces/test{path}")

    assert ODD_LABEL in document["info"]["title"]
    assert set(document["paths"]) == {
        "/test/Orders",
        "/test/Orders/messages/{id}",
        "/test/Orders/messages/{id}/response",
    }


def test_an_unknown_consumer_is_404(node: RunningNode) -> None:
    path = "/consumers/nobody/openapi.json"
    assert refused(node, path, method="GET") == "unknown_consumer"
