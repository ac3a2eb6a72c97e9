"""Previews, tries and the list of functions, through the REST API of a real node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode

STEPS: list[dict[str, Any]] = [
    {
        "name": "price",
        "sql": {
            "connection": "erp",
            "statement": "select price from item where item_no = :item",
            "parameters": {"item": "{% input.item %}"},
            "result": "one",
        },
    },
    {"name": "total", "map": "{% steps.price.price * input.quantity %}"},
    {
        "name": "sold",
        "sql": {
            "connection": "erp",
            "statement": "update item set price = 0",
            "result": "count",
        },
    },
]
PRICE: dict[str, Any] = {
    "name": "Price",
    "data_processing": "body",
    "workflow": {"steps": STEPS[:2]},
}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    database = project.path / "erp.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table item (item_no text, price real)")
        connection.exec_driver_sql("insert into item values ('A', 12.5)")
    engine.dispose()
    project.connections(
        {"erp": {"sql": f"sqlite:///{database}"}, "shop": {"http": sink.url}},
    )
    project.integration(PRICE)
    project.module(
        "pricing",
        "from firesteel import workflow\n@workflow\ndef price(no: int) -> int:\n    return no\n",
    )


def trial(node: RunningNode, path: str, **wanted: Any) -> Any:
    return node.admin("POST", f"/workspaces/test/integrations/Price{path}", json=wanted)


def problem(node: RunningNode, path: str, **wanted: Any) -> str:
    with pytest.raises(httpx2.HTTPStatusError) as refused:
        trial(node, path, **wanted)
    return str(refused.value.response.json()["type"].removeprefix("urn:firesteel:"))


def sent(node: RunningNode) -> str:
    answer = node.call("Price", json={"item": "A", "quantity": 2})
    assert node.until_settled(answer)["state"] == "succeeded"
    return str(answer.headers["firesteel-message-id"])


def test_data_processing_is_previewed_on_a_pasted_sample(node: RunningNode) -> None:
    sample = {"content_type": "application/json", "body": '{"a": [1, 2]}', "query": "x=y"}
    found = trial(node, "/preview", data_processing="$sum(body.a)", sample=sample, sees=True)
    assert (found["value"], found["faults"]) == ("3", [])
    assert found["sees"]["query"] == {"x": "y"}
    found = trial(node, "/preview", data_processing="body.\n", sample=sample)
    assert found["value"] is None
    assert found["faults"][0]["code"] == "expression_syntax"


def test_a_stored_message_gives_the_results_of_its_steps(node: RunningNode) -> None:
    message = sent(node)
    what = {"template": "{% steps.price.price %}", "step": "total", "message": message}
    assert trial(node, "/preview", **what)["value"] == "12.5"
    found = trial(node, "/preview", response={"body": "{% steps %}"}, message=message)
    assert found["response"]["body"]["text"] == '{"price":{"price":12.5},"total":25}'


def test_a_step_of_a_draft_is_tried_against_a_stored_message(node: RunningNode) -> None:
    message = sent(node)
    draft = {**PRICE, "workflow": {"steps": STEPS}}
    found = trial(node, "/steps/total/try", message=message)
    assert (found["outcome"], found["value"], found["acted"]) == ("succeeded", "25", [])
    found = trial(node, "/steps/sold/try", message=message, document=draft)
    assert (found["outcome"], found["value"], found["rolled_back"]) == ("succeeded", "1", True)
    assert trial(node, "/steps/price/try", message=message)["value"] == '{"price":12.5}'


def test_what_acts_for_real_asks_first_and_is_audited(node: RunningNode, sink: HttpServer) -> None:
    sink.reply("/told", Reply.json({"ok": True}))
    before = len(sink.received)
    step = {"name": "tell", "http": {"connection": "shop", "method": "POST", "path": "/told"}}
    wanted = {"document": {"name": "Price", "workflow": {"steps": [step]}}}
    assert problem(node, "/steps/tell/try", **wanted) == "acts_for_real"
    assert len(sink.received) == before
    found = trial(node, "/steps/tell/try", **wanted, act=True)
    assert (found["outcome"], found["acted"]) == ("succeeded", ["http"])
    assert len(sink.received) == before + 1
    entries = node.admin("GET", "/audit")["items"]
    assert any(entry["action"] == "step.try" for entry in entries)


def test_tries_leave_no_execution_behind(node: RunningNode) -> None:
    def executions() -> int:
        return len(node.admin("GET", "/workspaces/test/messages")["items"])

    message = sent(node)
    before = executions()
    trial(node, "/steps/price/try", message=message)
    assert executions() == before


def test_without_a_document_it_is_the_draft_s(node: RunningNode) -> None:
    node.admin(
        "PUT",
        "/workspaces/test/integrations/Mine",
        json={"name": "Mine", "workflow": {"steps": [{"name": "one", "map": 1}]}},
    )
    draft = {"name": "Mine", "workflow": {"steps": [{"name": "one", "map": 2}]}}
    node.admin("PUT", "/workspaces/test/integrations/Mine/draft", json=draft)
    found = node.admin("POST", "/workspaces/test/integrations/Mine/steps/one/try", json={})
    assert found["value"] == "2"


def test_a_stored_message_needs_the_right_to_payloads_and_a_try_the_right_to_edit(
    node: RunningNode,
) -> None:
    message = sent(node)

    def refused(scopes: list[str], path: str, **wanted: Any) -> int:
        name = f"{'-'.join(scopes)} {path} {'message' in wanted}".replace("/", " ")
        token = node.admin("POST", "/tokens", json={"name": name, "scopes": scopes})["secret"]
        answer = node.client.post(
            f"{node.address['admin_url']}/api/v1/workspaces/test/integrations/Price{path}",
            headers={"Authorization": f"Bearer {token}"},
            json=wanted,
        )
        return answer.status_code

    what = {"data_processing": "1"}
    assert refused(["view", "payloads"], "/preview", **what) == 403
    assert refused(["view", "payloads", "operate"], "/steps/total/try") == 403
    assert refused(["view", "edit"], "/preview", **what) == 200
    assert refused(["view", "edit"], "/preview", **what, message=message) == 403
    assert refused(["view", "edit"], "/steps/total/try", message=message) == 403
    assert refused(["view", "edit", "payloads"], "/preview", **what, message=message) == 200


def test_what_is_not_there_is_refused(node: RunningNode) -> None:
    assert problem(node, "/steps/nothing/try") == "unknown_step"
    assert problem(node, "/preview", data_processing="1", message="0" * 32) == "unknown_message"
    assert problem(node, "/preview", data_processing="1", results="[]") == "invalid_request"


def test_functions_are_listed_with_the_schema_of_their_input(node: RunningNode) -> None:
    found = node.admin("GET", "/workspaces/test/functions")
    (function,) = found["functions"]
    assert (function["reference"], function["kind"]) == ("pricing:price", "workflow")
    assert function["input_schema"] == {"type": "integer"}


def test_code_is_listed_and_tried_as_it_is_on_disk(node: RunningNode, tmp_path: Path) -> None:
    folder = Path(node.process.args[-1])  # type: ignore[index]
    (folder / "workflows" / "later.py").write_text("def one() -> int:\n    return 1\n")
    found = node.admin("GET", "/workspaces/test/functions")
    assert {item["reference"] for item in found["functions"]} == {"pricing:price", "later:one"}


@pytest.mark.parametrize(
    "wanted",
    [
        b'{"document": {"name": "\\ud800"}, "data_processing": "1"}',
        b'{"template": "\\udfff"}',
        b'{"results": "[", "data_processing": "1"}',
        b'{"index": 123456789012345678901234567890, "data_processing": "1"}',
        b'{"document": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b', "data_processing": "1"}',
    ],
)
def test_what_no_worker_can_be_sent_is_refused(node: RunningNode, wanted: bytes) -> None:
    url = f"{node.address['admin_url']}/api/v1/workspaces/test/integrations/Price/preview"
    headers = {
        "Authorization": f"Bearer {node.address['token']}",
        "content-type": "application/json",
    }
    answer = node.client.post(url, headers=headers, content=wanted)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize(
    "document",
    [
        {"trigger": 1, "workflow": 2, "data_processing": 3},
        {"workflow": {"steps": [None, 1, {"name": None}, {"choose": 1}, {"for_each": []}]}},
        {"workflow": {"steps": [{"name": "a", "choose": [{"when": 1, "steps": {}}], "when": 2}]}},
        {"workflow": {"steps": [{"name": "a", "for_each": {"items": {"b": 1}, "steps": [{}]}}]}},
    ],
)
def test_a_document_of_any_form_is_answered(node: RunningNode, document: dict[str, Any]) -> None:
    found = trial(node, "/preview", document=document, template="{% input %}")
    assert isinstance(found["faults"], list)
