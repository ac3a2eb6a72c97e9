"""The public port: query parameters, from the URL to the workflow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode
from tests.support.public_port import code_of, faults_of, workflows

PARAMETERS: list[dict[str, Any]] = [
    {"name": "item", "required": True},
    {"name": "currency", "default": "EUR", "enum": ["EUR", "SEK"]},
    {"name": "quantity", "type": "integer", "default": 1},
    {"name": "weight", "type": "number"},
    {"name": "express", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "tag", "many": True},
    {"name": "code", "default": "012"},
    {"name": "level", "type": "integer", "enum": [1, 2]},
]


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url))
    waits = {"request_response": True, "query_parameters": PARAMETERS}
    workflow = {"python": "work:received"}
    project.integration({"name": "Query", "trigger": waits, "workflow": workflow})
    strict = {**waits, "undeclared": "reject"}
    project.integration({"name": "Strict", "trigger": strict, "workflow": workflow})
    free = {"request_response": True}
    project.integration({"name": "Free", "trigger": free, "workflow": workflow})
    steps = [{"name": "sum", "map": "{% input.query.quantity + 1 %}"}]
    document = {"name": "Typed", "trigger": waits, "workflow": {"steps": steps}}
    project.integration(document)


def seen(node: RunningNode, query: str, name: str = "Query") -> dict[str, Any]:
    """The workflow's ``message.query`` for a raw query string."""
    answer = node.call(f"{name}?{query}", "GET")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_is_not_sent_has_its_default_and_is_else_left_out(node: RunningNode) -> None:
    found = seen(node, "item=A-100")
    assert found["query"] == {"item": "A-100", "currency": "EUR", "quantity": 1, "code": "012"}
    assert found["query_pairs"] == [["item", "A-100"]]


def test_values_reach_the_workflow_as_their_type(node: RunningNode) -> None:
    sent = "item=7&currency=SEK&quantity=-12&express=1&day=2026-02-28&tag=a&level=2&code=007"
    assert seen(node, sent)["query"] == {
        "item": "7",
        "currency": "SEK",
        "quantity": -12,
        "express": True,
        "day": "2026-02-28",
        "tag": ["a"],
        "level": 2,
        "code": "007",
    }


def test_typed_values_can_be_calculated_with_in_expressions(node: RunningNode) -> None:
    assert node.call("Typed?item=A&quantity=41", "GET").json() == 42


@pytest.mark.parametrize(
    "sent",
    [
        "quantity=1.0",
        "quantity=%2B1",
        "quantity=",
        "quantity",
        "quantity=1e3",
        "quantity=0x1",
        "quantity=%D9%A1",
        "quantity=1_0",
        "weight=.5",
        "weight=01",
        "weight=NaN",
        "weight=1e400",
        "weight=",
        "express=yes",
        "express=TRUE",
        "express=",
        "day=2026-02-29",
        "day=26-02-28",
        "day=2026-2-28",
        "day=",
    ],
)
def test_a_value_that_is_not_of_its_type_is_400(node: RunningNode, sent: str) -> None:
    answer = node.call(f"Query?item=A&{sent}", "GET")
    assert faults_of(answer) == {(sent.partition("=")[0], "wrong_type")}


@pytest.mark.parametrize(
    "sent", ["weight=1", "weight=-0.25", "weight=1e3", "weight=1E-2", "express=true", "express=0"]
)
def test_every_documented_form_of_a_value_is_taken(node: RunningNode, sent: str) -> None:
    assert node.call(f"Query?item=A&{sent}", "GET").status_code == 200


def test_a_string_may_be_empty(node: RunningNode) -> None:
    assert seen(node, "item=")["query"]["item"] == ""
    assert seen(node, "item")["query"]["item"] == ""


def test_every_fault_is_in_one_400(node: RunningNode) -> None:
    sent = "currency=USD&quantity=x&weight=y&express=z&day=d&level=3"
    answer = node.call(f"Query?{sent}", "GET")
    assert answer.status_code == 400
    assert faults_of(answer) == {
        ("item", "missing"),
        ("currency", "not_in_enum"),
        ("quantity", "wrong_type"),
        ("weight", "wrong_type"),
        ("express", "wrong_type"),
        ("day", "wrong_type"),
        ("level", "not_in_enum"),
    }
    assert "USD" not in answer.text


def test_a_parameter_sent_twice_is_400_unless_many(node: RunningNode) -> None:
    answer = node.call("Query?item=A&item=A", "GET")
    assert faults_of(answer) == {("item", "repeated")}
    assert seen(node, "item=A&tag=b&tag=a&tag=b")["query"]["tag"] == ["b", "a", "b"]


def test_undeclared_parameters_are_kept_as_received(node: RunningNode) -> None:
    found = seen(node, "x=1&item=A&y=2&x=3&ITEM=B")
    assert found["query"]["x"] == ["1", "3"]
    assert (found["query"]["y"], found["query"]["ITEM"]) == ("2", "B")
    pairs = [["x", "1"], ["item", "A"], ["y", "2"], ["x", "3"], ["ITEM", "B"]]
    assert found["query_pairs"] == pairs


def test_undeclared_parameters_are_400_where_the_trigger_rejects_them(node: RunningNode) -> None:
    assert node.call("Strict?item=A", "GET").status_code == 200
    answer = node.call("Strict?item=A&secret=1", "GET")
    assert {code for _, code in faults_of(answer)} == {"undeclared"}
    assert "secret" not in answer.text


def test_values_are_percent_decoded(node: RunningNode) -> None:
    found = seen(node, "item=%C3%85+%26%20%3D%2B%25%00&n%C3%A4=%F0%9F%94%A5", "Free")
    assert found["query"] == {"item": "Å & =+%\x00", "nä": "🔥"}


@pytest.mark.parametrize("sent", ["item=%ff", "item=%C3", "item=%", "item=%4", "item=%zz", "%ff=1"])
def test_what_does_not_decode_to_utf8_is_400(node: RunningNode, sent: str) -> None:
    answer = node.call(f"Free?{sent}", "GET")
    assert code_of(answer) == "invalid_parameters"
    assert {code for _, code in faults_of(answer)} == {"not_utf8"}


def test_integers_stay_exact_at_any_size(node: RunningNode) -> None:
    large = 9007199254740993 * 10**12 + 1
    answer = node.call(f"Query?item=A&quantity={large}", "GET")
    assert str(large) in answer.text


def test_query_parameters_of_a_post_are_read_as_well(node: RunningNode) -> None:
    found = node.call("Query?item=A", "POST", content=b"x").json()
    assert found["query"]["item"] == "A"
