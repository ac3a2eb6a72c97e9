"""Messages over the REST API of a real node: live, by their text, replayed edited and in bulk."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

MESSAGES = "/workspaces/test/messages"
BULK = "/workspaces/test/bulk"
ORDERS = {
    "name": "orders",
    "search": {"order_no": "body.order_no"},
    "data_processing": '{"order_no": body.order_no, "city": body.city}',
    "workflow": {
        "steps": [
            {
                "name": "refuse",
                "when": '{% input.city != "Kalmar" %}',
                "fail": {"message": "no such city"},
            },
            {"name": "sent", "map": "{% input.city %}"},
        ]
    },
    "response": {"body": {"city": "{% steps.sent %}"}},
}


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.integration(ORDERS)
    project.integration({**ORDERS, "name": "bulk"})


def send(
    node: RunningNode, name: str = "orders", city: str = "Kalmar", order_no: str = "A1"
) -> str:
    """A message that has ended: its id."""
    answer = node.call(name, json={"order_no": order_no, "city": city})
    assert answer.status_code == 202, answer.text
    node.until_settled(answer)
    return answer.headers["firesteel-message-id"]


def shown(node: RunningNode, message_id: str) -> dict[str, Any]:
    message: dict[str, Any] = node.admin("GET", f"{MESSAGES}/{message_id}")
    return message


def last_run(node: RunningNode, message_id: str) -> dict[str, Any]:
    """The latest execution, when it has ended."""

    def ended() -> dict[str, Any] | None:
        execution: dict[str, Any] = shown(node, message_id)["executions"][-1]
        return execution if execution["settled_at"] else None

    execution: dict[str, Any] = wait_until(ended)
    return execution


@contextlib.contextmanager
def watching(node: RunningNode, **query: Any) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """The events of a live list, as (name, data); it has begun."""
    address = node.address
    url = f"{address['admin_url']}/api/v1{MESSAGES}/stream"
    headers = {"authorization": f"Bearer {address['token']}"}
    with node.client.stream("GET", url, headers=headers, params=query) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        yield events(lines)


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_live_list_tells_of_a_message_as_it_arrives_and_as_it_ends(node: RunningNode) -> None:
    with watching(node, integration="orders", seconds=60) as told:
        answer = node.call("orders", json={"order_no": "A7", "city": "Kalmar"})
        message_id = answer.headers["firesteel-message-id"]
        for name, row in told:
            assert (name, row["id"]) == ("message", message_id)
            assert "body" not in row
            if row["state"] == "succeeded":
                break
        with watching(node, integration="orders", state="waiting", seconds=60) as waiting:
            node.admin("POST", f"{MESSAGES}/{message_id}/replay")
            for name, row in waiting:
                if name == "gone":
                    assert row == {"id": message_id, "run": 2}
                    break


def test_a_live_list_ends_after_its_time_and_asks_to_come_again(node: RunningNode) -> None:
    with watching(node, seconds=1) as told:
        assert [name for name, _ in told][-1] == "end"


def test_a_live_list_ends_when_the_node_stops(data_dir: Path) -> None:
    with running_node(data_dir) as node, watching(node, seconds=600) as told:
        assert node.stop_process() == 0
        assert [name for name, _ in told] == ["end"]


def test_a_text_is_found_in_what_a_message_holds(node: RunningNode) -> None:
    message_id = send(node, order_no="needle-417")
    page = node.admin("GET", f"{MESSAGES}/search", params={"text": "needle-417"})
    (found,) = page["items"]
    assert found["id"] == message_id
    assert set(found["places"]) == {"body", "input"}
    assert (page["next"], page["progress"]) == (None, 1.0)


def test_failures_are_grouped_and_the_list_is_narrowed_to_a_group(node: RunningNode) -> None:
    message_id = send(node, city="Atlantis")
    grouped = node.admin("GET", f"{MESSAGES}/failures", params={"integration": "orders"})
    (group,) = grouped["groups"]
    assert (group["code"], group["step"], group["detail"]) == (
        *("permanent_error", "refuse"),
        "no such city",
    )
    query = {"state": "failed", "failure_code": group["code"], "integration": "orders"}
    assert message_id in [row["id"] for row in node.admin("GET", MESSAGES, params=query)["items"]]


def test_p17_a_message_is_replayed_with_another_body_and_stays_as_it_was(
    node: RunningNode,
) -> None:
    message_id = send(node, city="Atlantis")
    edit = {"text": json.dumps({"order_no": "A1", "city": "Kalmar"})}
    replay = {"edit": edit, "why": "the caller's typing error"}
    node.admin("POST", f"{MESSAGES}/{message_id}/replay", json=replay)
    execution = last_run(node, message_id)
    assert (execution["state"], execution["run"], execution["replay_of"]) == ("succeeded", 2, 1)
    assert execution["edited"]["parts"] == ["body"]
    assert execution["edited"]["body"]["text"] == edit["text"]
    message = shown(node, message_id)
    assert json.loads(message["request"]["body"]["text"])["city"] == "Atlantis"
    assert message["executions"][0]["edited"] is None
    audit = node.admin("GET", "/audit")["items"]
    details = [entry["detail"] for entry in audit if entry["subject"] == f"{message_id}-1"]
    assert details == ["edited body: the caller's typing error"]


def test_a_message_is_replayed_with_another_input_past_data_processing(node: RunningNode) -> None:
    message_id = send(node, city="Atlantis")
    exact = '{"order_no": 12345678901234567890123, "city": "Kalmar"}'
    node.admin("POST", f"{MESSAGES}/{message_id}/replay", json={"edit": {"input": exact}})
    execution = last_run(node, message_id)
    assert execution["state"] == "succeeded"
    assert execution["input"]["text"] == exact
    assert json.loads(execution["response"]["body"]["text"]) == {"city": "Kalmar"}


@pytest.mark.parametrize(
    "edit", [{"text": "a", "base64": "YQ=="}, {"base64": "?"}, {"input": "{"}, {"body": "a"}]
)
def test_an_edit_that_means_nothing_is_refused(node: RunningNode, edit: dict[str, str]) -> None:
    message_id = send(node)
    address = node.address
    refused = node.client.post(
        f"{address['admin_url']}/api/v1{MESSAGES}/{message_id}/replay",
        headers={"authorization": f"Bearer {address['token']}"},
        json={"edit": edit},
    )
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:firesteel:invalid_request")
    assert len(shown(node, message_id)["executions"]) == 1


def test_all_that_failed_is_counted_and_replayed_in_bulk(node: RunningNode) -> None:
    ids = [send(node, "bulk", city="Atlantis") for _ in range(3)]
    selection = {"integration": "bulk", "state": "failed"}
    count = node.admin("GET", f"{BULK}/count", params=selection)
    assert (count["count"], count["more"]) == (3, False)
    begun = node.admin(
        "POST", BULK, json={"selection": selection, "until": count["until"], "why": "again"}
    )
    ended = wait_until(lambda: _ended(node, begun["number"]))
    assert (ended["state"], ended["total"], ended["done"]) == ("done", 3, 3)
    assert ended["selection"]["integration"] == "bulk"
    for message_id in ids:
        execution = last_run(node, message_id)
        assert (execution["run"], execution["replay_of"]) == (2, 1)
    assert node.admin("GET", f"{BULK}")[0]["number"] == begun["number"]
    cancelled = node.admin("POST", f"{BULK}/{begun['number']}/cancel")
    assert cancelled["state"] == "done"


def _ended(node: RunningNode, number: int) -> dict[str, Any] | None:
    bulk: dict[str, Any] = node.admin("GET", f"{BULK}/{number}")
    return None if bulk["state"] == "running" else bulk


def test_a_message_of_many_megabytes_is_whole_by_rest_and_has_its_beginning_in_the_console(
    node: RunningNode,
) -> None:
    order = {"order_no": "long", "city": "Kalmar", "rest": "é😀\n" * 600_000}
    text = json.dumps(order, ensure_ascii=False)
    answer = node.call("orders", content=text.encode())
    assert answer.status_code == 202, answer.text
    message_id = answer.headers["firesteel-message-id"]
    body = shown(node, message_id)["request"]["body"]
    assert body == {"size_bytes": len(text.encode()), "text": text, "base64": None}
    page = f"{node.address['admin_url']}/w/test/messages/{message_id}"
    bearer = {"Authorization": f"Bearer {node.address['token']}"}
    console = node.client.get(page, headers=bearer)
    assert re.search("the first 65.536 characters", console.text)
    assert len(console.text) < 1_000_000
    edit = node.client.get(f"{page}/edit", headers=bearer)
    assert edit.status_code == 413
    assert "What is over 4 MiB long is not edited here" in edit.text
