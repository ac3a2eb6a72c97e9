"""The public port without Request-Response: 202, the status routes, limits, what is stored."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.public_port import code_of, workflows

OTHER_KEY = "other-key-0123456789abcdef"
PUBLIC_URL = "https://integration.example.com/in"


def keys(**secrets: str) -> dict[str, Any]:
    listed = [{"api_key": {"label": label, "value": value}} for label, value in secrets.items()]
    return {"authentication": listed}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url))
    two = keys(tester=KEY, other=OTHER_KEY)
    tells = {"python": "work:tells"}
    project.integration({"name": "Accept", "trigger": two, "workflow": tells})
    project.integration({"name": "Second", "trigger": two})
    project.integration({"name": "Record"})
    project.integration({"name": "Rate", "trigger": {**two, "rate_limit": "1/h"}})
    shared = {"rate": "1/h", "burst": 2, "per": "trigger"}
    project.integration({"name": "Shared", "trigger": {**two, "rate_limit": shared}})
    project.integration(
        {"name": "Full", "trigger": {"max_waiting": 2, "concurrency": 1}, "workflow": tells}
    )
    keyed = {"ordered_delivery": {"key": "body.customer_no"}}
    project.integration({"name": "Lanes", "trigger": keyed, "workflow": tells})
    open_ = {"authentication": []}
    project.integration({"name": "Open", "trigger": open_, "workflow": tells})
    project.integration(
        {
            "name": "Search",
            "search": {"order_no": "body.order_no", "shop": "query.shop"},
            "redact": ["body.card.number", "x-token", "query.pin"],
            "trigger": {"request_response": True},
            "workflow": {"python": "work:received"},
        }
    )


def get(node: RunningNode, path: str, key: str | None = KEY) -> Any:
    headers = {} if key is None else {"x-api-key": key}
    return node.client.get(node.public_url + path, headers=headers)


def status_path(answer: Any) -> str:
    """Of the message that an answer names, on the node itself."""
    name = urlsplit(str(answer.request.url)).path
    return f"{name}/messages/{answer.headers['firesteel-message-id']}"


def test_202_names_the_message_its_sequence_and_where_its_state_is(node: RunningNode) -> None:
    answer = node.call("Record", json={"a": 1})
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"id", "sequence", "status_url"}
    assert body["status_url"] == answer.headers["location"]
    assert body["id"] == answer.headers["firesteel-message-id"]
    assert str(body["sequence"]) == answer.headers["firesteel-sequence"]


def test_location_and_status_url_are_paths_without_a_public_url(node: RunningNode) -> None:
    answer = node.call("Record")
    assert answer.headers["location"] == f"/test/Record/messages/{answer.json()['id']}"


def test_location_and_status_url_begin_with_the_public_url(tmp_path: Path, data_dir: Path) -> None:
    ProjectFolder(tmp_path).integration({"name": "Record"})
    port = free_port()
    given = {"FIRESTEEL_PUBLIC_URL": PUBLIC_URL + "/", "FIRESTEEL_PORT": str(port)}
    with running_node(data_dir, tmp_path, **given) as node:
        url = f"http://127.0.0.1:{port}/test/Record"
        answer = node.client.post(url, headers={"x-api-key": KEY})
    where = f"{PUBLIC_URL}/test/Record/messages/{answer.json()['id']}"
    assert (answer.headers["location"], answer.json()["status_url"]) == (where, where)


def test_sequences_count_from_1_in_each_trigger_and_ids_are_unique(node: RunningNode) -> None:
    answers = [node.call("Second").json() for _ in range(5)]
    assert [answer["sequence"] for answer in answers] == [1, 2, 3, 4, 5]
    assert len({answer["id"] for answer in answers}) == 5


def test_the_status_route_tells_state_times_attempts_and_response(
    node: RunningNode, sink: HttpServer
) -> None:
    sink.reply("/done", Reply(200, b"yes"))
    answer = node.call("Accept", json={"tell": "done"})
    status = node.until_settled(answer)
    assert set(status) == {
        "id",
        "sequence",
        "state",
        "received_at",
        "settled_at",
        "attempts",
        "response",
    }
    assert status["id"] == answer.json()["id"]
    assert (status["state"], status["attempts"]) == ("succeeded", 1)
    assert status["received_at"] <= status["settled_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", status["received_at"])
    assert status["response"]["status"] == 200
    assert status["response"]["headers"]["content-type"] == "application/json"


def test_the_response_route_is_202_while_there_is_none_and_then_the_response(
    node: RunningNode, sink: HttpServer, gate: Any
) -> None:
    sink.reply("/gated", Reply(200, b"late", gate=gate))
    answer = node.call("Accept", json={"tell": "gated"})
    path = status_path(answer)
    early = get(node, f"{path}/response")
    assert early.status_code == 202
    assert int(early.headers["retry-after"]) >= 1
    assert early.json() == answer.json()
    wait_until(lambda: get(node, path).json()["state"] == "running")
    assert get(node, path).json()["response"] is None
    gate.set()
    node.until_settled(answer)
    late = get(node, f"{path}/response")
    assert (late.status_code, late.json()) == (200, {"said": "late"})
    assert late.headers["firesteel-message-id"] == answer.json()["id"]


def test_a_message_is_404_for_anyone_but_its_consumer(node: RunningNode) -> None:
    answer = node.call("Accept", json={"tell": "nothing"})
    path = status_path(answer)
    for part in (path, f"{path}/response"):
        assert code_of(get(node, part, OTHER_KEY)) == "not_found"
        assert code_of(get(node, part, None)) == "unauthorized"
        assert code_of(get(node, part, "wrong-key-0123456789")) == "unauthorized"
        other = part.replace("/Accept/", "/Second/")
        assert code_of(get(node, other)) == "not_found"
        unknown = part.replace(answer.json()["id"], "0" * len(answer.json()["id"]))
        assert code_of(get(node, unknown)) == "not_found"


def test_the_consumer_is_the_label_and_not_the_secret(node: RunningNode) -> None:
    """A key that was given a new secret, and so the same label, sees its messages."""
    path = "/workspaces/test/integrations/Second/keys"
    added = node.admin("POST", path, json={"label": "partner"})
    answer = node.call("Second", headers={"x-api-key": added["secret"]})
    secret = "renewed-secret-0123456789"
    node.admin("PATCH", f"{path}/partner", json={"value": secret})
    assert get(node, status_path(answer), secret).json()["id"] == answer.json()["id"]
    assert code_of(get(node, status_path(answer), added["secret"])) == "unauthorized"


def test_on_an_open_trigger_the_id_is_enough(node: RunningNode) -> None:
    answer = node.client.post(f"{node.public_url}/test/Open", json={"tell": "nothing"})
    assert get(node, status_path(answer), None).json()["id"] == answer.json()["id"]


def test_only_get_is_taken_by_the_status_routes(node: RunningNode) -> None:
    path = status_path(node.call("Record"))
    for part in (path, f"{path}/response"):
        url = node.public_url + part
        answer = node.client.post(url, headers={"x-api-key": KEY})
        assert (code_of(answer), answer.headers["allow"]) == ("method_not_allowed", "GET")


def test_an_integration_without_a_workflow_records_and_succeeds(node: RunningNode) -> None:
    answer = node.call("Record", content=b"sample", headers={"content-type": "text/plain"})
    status = node.status(answer)
    assert (status["state"], status["response"]["status"]) == ("succeeded", 204)
    message = node.admin("GET", f"/workspaces/test/messages/{status['id']}")
    assert message["request"]["body"]["text"] == "sample"


def test_over_the_rate_limit_is_429_with_retry_after_per_consumer(node: RunningNode) -> None:
    assert node.call("Rate").status_code == 202
    answer = node.call("Rate")
    assert code_of(answer) == "rate_limited"
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert node.call("Rate", headers={"x-api-key": OTHER_KEY}).status_code == 202


def test_a_rate_limit_per_trigger_counts_all_consumers_together(node: RunningNode) -> None:
    secrets = (KEY, OTHER_KEY, KEY)
    answers = [node.call("Shared", headers={"x-api-key": secret}) for secret in secrets]
    assert [answer.status_code for answer in answers] == [202, 202, 429]


def test_max_waiting_is_429_with_retry_after_and_stores_nothing(
    node: RunningNode, sink: HttpServer, gate: Any
) -> None:
    sink.reply("/full", Reply(gate=gate))
    first = node.call("Full", json={"tell": "full"})
    wait_until(lambda: node.status(first)["state"] == "running")
    assert [node.call("Full", json={"tell": "full"}).status_code for _ in range(2)] == [202, 202]
    answer = node.call("Full", json={"tell": "full"})
    assert code_of(answer) == "lane_full"
    assert int(answer.headers["retry-after"]) >= 1
    assert "firesteel-message-id" not in answer.headers
    gate.set()
    node.until_settled(first)
    after = wait_until(lambda: _taken(node.call("Full", json={"tell": "full"})))
    assert after.json()["sequence"] == 4


@pytest.mark.parametrize(
    "body", [b"{}", b'{"customer_no": null}', b'{"customer_no": []}', b"[]", b"", b"{", b'"x"']
)
def test_a_call_without_the_ordering_key_is_400_and_stores_nothing(
    node: RunningNode, body: bytes
) -> None:
    answer = node.call("Lanes", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, code_of(answer)) == (400, "missing_key")
    assert "firesteel-message-id" not in answer.headers


def test_the_ordering_key_names_the_lane(node: RunningNode) -> None:
    for customer_no in (7, "7", "A-1"):
        answer = node.call("Lanes", json={"customer_no": customer_no, "tell": "lane"})
        message = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
        assert message["executions"][0]["lane_key"] == str(customer_no)


def test_messages_are_found_by_the_integrations_search_names(node: RunningNode) -> None:
    answers = [
        node.call("Search?shop=north", json={"order_no": 4711}),
        node.call("Search?shop=south", json={"order_no": "A-1"}),
        node.call("Search", json={}),
    ]
    ids = [answer.headers["firesteel-message-id"] for answer in answers]
    assert found(node, "order_no", "4711") == [ids[0]]
    assert found(node, "order_no", "A-1") == [ids[1]]
    assert found(node, "shop", "south") == [ids[1]]
    assert found(node, "shop", "east") == []


def test_redacted_values_are_replaced_before_storing_and_reach_no_workflow(
    node: RunningNode,
) -> None:
    secret = "canary-9b1d"
    answer = node.call(
        f"Search?pin={secret}&shop=x",
        content=f'{{ "card" : {{"number": "{secret}", "name":"A"}}, "n": 1.50 }}'.encode(),
        headers={"x-token": secret, "x-other": "kept", "content-type": "application/json"},
    )
    assert answer.status_code == 200
    assert secret not in answer.text
    message = node.admin(
        "GET", f"/workspaces/test/messages/{answer.headers['firesteel-message-id']}"
    )
    stored = message["request"]
    assert stored["body"]["text"] == '{ "card" : {"number": "***", "name":"A"}, "n": 1.50 }'
    assert stored["query"] == "pin=***&shop=x"
    assert ["x-token", "***"] in stored["headers"]
    assert ["x-other", "kept"] in stored["headers"]
    assert secret.encode() not in stored_bytes(node)


def test_credential_headers_are_never_stored_and_reach_no_workflow(node: RunningNode) -> None:
    canary = "canary-77aa"
    credentials = {
        "authorization": f"Bearer {canary}",
        "cookie": f"session={canary}",
        "proxy-authorization": f"Basic {canary}",
    }
    answer = node.call("Search", json={}, headers=credentials)
    names = {name for name, _ in answer.json()["header_pairs"]}
    assert not names & {*credentials, "x-api-key"}
    assert "host" in names
    assert canary.encode() not in stored_bytes(node)
    assert KEY.encode() not in stored_bytes(node)


def found(node: RunningNode, name: str, value: str) -> list[str]:
    page = node.admin(
        "GET",
        "/workspaces/test/messages",
        params={"integration": "Search", "search_name": name, "search_value": value},
    )
    return [item["id"] for item in page["items"]]


def stored_bytes(node: RunningNode) -> bytes:
    """Every byte of the store, with what stands in its log only."""
    return b"".join(path.read_bytes() for path in node.data_dir.glob("firesteel.db*"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _taken(answer: Any) -> Any:
    return answer if answer.status_code == 202 else None
