"""map, choose, for_each, call, fail, when, retry, timeout; expressions and their bounds."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.end_to_end.steps import Steps, workers
from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node

WAIT_S = 60.0


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpServer]:
    """The other system."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sink: HttpServer) -> Iterator[RunningNode]:
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    project.connections({"peer": {"http": sink.url}})
    data_dir = tmp_path_factory.mktemp("data")
    allowed = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"}
    with running_node(data_dir, project.path, **allowed) as running:
        yield running


@pytest.fixture
def steps(node: RunningNode) -> Steps:
    return Steps(node)


def mapped(value: Any, name: str = "it", **more: Any) -> dict[str, Any]:
    return {"name": name, "map": value, **more}


def calling(integration: str) -> dict[str, Any]:
    return {"name": "down", "call": {"integration": integration}}


def posted(name: str, path: str, **more: Any) -> dict[str, Any]:
    call = {"connection": "peer", "method": "POST", "path": path, **more}
    return {"name": name, "http": call}


# --- map, when, choose, fail --------------------------------------------------------------------


def test_map_takes_an_expression_or_a_document_of_expressions(steps: Steps) -> None:
    document = {
        "sum": "{% input.body.a + input.body.b %}",
        "text": "no {% input.body.a %}",
        "left out": "{% input.body.missing %}",
        "list": [1, "{% input.body.missing %}", "{% [input.body.a] %}"],
        "who": "{% message.consumer %}",
        "attempt": "{% attempt %}",
    }
    answered = steps.run(mapped(document), body={"a": 1, "b": 2})
    assert answered.value == {
        "sum": 3,
        "text": "no 1",
        "list": [1, None, [1]],
        "who": "tester",
        "attempt": 1,
    }
    assert answered.places == []


def test_a_step_whose_when_is_false_is_left_out(steps: Steps) -> None:
    name = steps.publish(
        mapped({"n": 1}, "first"),
        mapped({"n": 2}, "second", when="{% input.body.both %}"),
        mapped({"all": "{% steps %}"}, "it"),
    )
    assert steps.call(name, {"both": True}).value == {
        "all": {"first": {"n": 1}, "second": {"n": 2}}
    }
    assert steps.call(name, {"both": False}).value == {"all": {"first": {"n": 1}}}


def test_choose_takes_the_first_branch_that_is_true(steps: Steps) -> None:
    branches = [
        {"when": "{% input.body.n > 10 %}", "steps": [mapped({"size": "big"}, "big")]},
        {"when": "{% input.body.n > 5 %}", "steps": [mapped({"size": "middle"}, "middle")]},
        {"otherwise": [mapped({"size": "small"}, "small")]},
    ]
    name = steps.publish({"name": "size", "choose": branches})
    assert [steps.call(name, {"n": n}).value["size"] for n in (11, 10, 5)] == [
        "big",
        "middle",
        "small",
    ]


def test_fail_is_permanent_with_its_text_or_tried_again(steps: Steps) -> None:
    text = {"message": "no stock of {% input.body.item %}"}
    failed = steps.run({"name": "it", "fail": text}, body={"item": "A-100"})
    assert failed.response.status_code == 502
    assert failed.response.json()["detail"] == "no stock of A-100"
    assert failed.execution["attempts"] == 1
    again = steps.run({"name": "it", "fail": {**text, "permanent": False}}, body={"item": "A"})
    assert again.execution["attempts"] == 2
    assert "no stock" not in again.response.text


def test_a_step_over_its_timeout_is_a_transient_error_of_that_step(
    steps: Steps, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/held", Reply(gate=gate), Reply.json({"n": 1}))
    answered = steps.run({**posted("it", "held"), "timeout": "200ms"})
    assert answered.value == {"n": 1}
    failed = answered.execution["failed_attempts"]  # one, or more where the machine is slow
    kinds = {(one["failure"]["kind"], one["failure"]["code"]) for one in failed}
    assert kinds == {("transient", "step_timeout")}


def test_an_attempt_over_the_workflow_s_timeout_counts(
    steps: Steps, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/never", Reply(gate=gate))
    answered = steps.run(posted("it", "never"), timeout="200ms")
    assert answered.failure["code"] == "attempt_timeout"
    assert answered.execution["attempts"] == 2


# --- for_each -----------------------------------------------------------------------------------


def test_for_each_does_its_steps_for_every_item_in_order(steps: Steps) -> None:
    loop = {
        "items": "{% input.body.items %}",
        "steps": [mapped("{% {'i': index, 'twice': item * 2} %}", "twice")],
    }
    name = steps.publish({"name": "it", "for_each": loop})
    assert steps.call(name, {"items": [5, 6]}).value == [
        {"i": 0, "twice": 10},
        {"i": 1, "twice": 12},
    ]
    assert steps.call(name, {"items": []}).value == []
    # JSONata makes no difference between one value and a list of one.
    assert steps.call(name, {"items": 7}).value == [{"i": 0, "twice": 14}]


def test_for_each_runs_several_at_once_where_it_may(
    steps: Steps, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/several", Reply.json({"n": 1}, gate=gate))
    before = len(sink.received)
    loop = {"items": [1, 2, 3, 4], "steps": [posted("one", "several")], "concurrency": 3}
    name = steps.publish({"name": "it", "for_each": loop})
    with ThreadPoolExecutor() as callers:
        call = callers.submit(steps.call, name)
        sink.wait_for(before + 3)  # three wait for their answers, together
        gate.set()
        assert call.result(WAIT_S).value == [{"n": 1}] * 4
    assert len(sink.received) == before + 4


def test_p13_for_each_is_journaled_by_item_also_over_a_crash(
    steps: Steps, node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    answers = [Reply.json({"n": n}) for n in range(4)]
    held = Reply.json({"n": 2}, gate=gate)
    sink.reply("/items", *answers[:2], held, *answers[2:])
    loop = {"items": "{% [0..3] %}", "steps": [posted("insert", "items", json="{% item %}")]}
    name = steps.publish({"name": "lines", "for_each": loop})
    before = len(sink.received)
    with ThreadPoolExecutor() as callers:
        call = callers.submit(steps.call, name)
        sink.wait_for(before + 3)
        (worker,) = [one["pid"] for one in node.admin("GET", "/workers") if one["running"]]
        os.kill(worker, signal.SIGKILL)
        answered = call.result(WAIT_S)
    assert answered.value == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]
    assert [int(one.body) for one in sink.received[before:]] == [0, 1, 2, 2, 3]
    assert [(step["step"], step["attempt"]) for step in answered.execution["steps"]] == [
        ("lines/0/insert", 1),
        ("lines/1/insert", 1),
        ("lines/2/insert", 2),
        ("lines/3/insert", 2),
    ]


# --- call ---------------------------------------------------------------------------------------


def test_call_runs_another_integration_inside_the_execution(steps: Steps, sink: HttpServer) -> None:
    sink.reply("/priced", Reply.json({"price": 7}))
    called = steps.publish(posted("ask", "priced"), mapped({"price": "{% steps.ask.price %}"}))
    call = {"integration": called, "input": {"item": "{% input.body.item %}"}}
    answered = steps.run({"name": "price", "call": call}, body={"item": "A-100"})
    assert answered.value == {"price": 7}
    assert answered.places == ["price/ask", "price"]
    messages = steps.node.admin("GET", "/workspaces/test/messages", params={"integration": called})
    assert messages["items"] == []


def test_integrations_that_call_each_other_in_a_circle_are_refused(steps: Steps) -> None:
    steps.integrate({"name": "Ring", "workflow": {"steps": [calling("Later")]}})
    with pytest.raises(httpx2.HTTPStatusError) as refused:
        steps.integrate({"name": "Later", "workflow": {"steps": [calling("Ring")]}})
    problem = refused.value.response.json()
    assert problem["type"] == "urn:firesteel:integration_invalid"
    assert [fault["code"] for fault in problem["errors"]] == ["call_cycle"]


def test_calls_go_eight_deep_and_no_deeper(steps: Steps) -> None:
    name = steps.publish(mapped({"deep": True}))
    for _ in range(8):
        name = steps.publish(calling(name))
    assert steps.call(name).value == {"deep": True}
    name = steps.publish(calling(name))
    assert steps.call(name).failure["code"] == "call_depth"


def test_a_call_of_nothing_is_a_permanent_error(steps: Steps) -> None:
    failure = steps.run(calling("Nowhere")).failure
    assert (failure["kind"], failure["code"]) == ("permanent", "integration_unknown")


# --- expressions --------------------------------------------------------------------------------

RUNAWAYS = {
    "time": "$sum($map([1..3000], function($i) { $sum([1..3000]) }))",
    "recursion": "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
    "tail": "($f := function($n) { $f($n + 1) }; $f(0))",
    "range": "$count([1..100000000])",
    "text": "($d := function($t, $n) { $n = 0 ? $t : $d($t & $t, $n - 1) }; $length($d('x', 60)))",
    "result": "[1..999999].{'a': 'xxxxxxxxxxxxxxxxxxxx'}",
    "pad": "$length($pad('x', 2000000000))",
    "list": "($d := function($l, $n) { $n = 0 ? $l : $d($append($l, $l), $n - 1) }; $d([1], 60))",
}


@pytest.mark.parametrize("name", RUNAWAYS)
def test_a_runaway_expression_fails_and_its_worker_goes_on(
    steps: Steps, node: RunningNode, name: str
) -> None:
    before = workers(node)
    answered = steps.run(mapped({"x": f"{{% {RUNAWAYS[name]} %}}"}))
    assert (answered.failure["kind"], answered.failure["code"]) == ("permanent", "expression_limit")
    assert answered.execution["attempts"] == 1
    assert set(node.worker_pids) == before
    assert steps.run(mapped({"n": "{% 1 + 1 %}"})).value == {"n": 2}


def test_a_regular_expression_cannot_run_away(steps: Steps) -> None:
    answered = steps.run(
        mapped({"match": "{% $contains(input.body.text, /^(a+)+$/) %}"}),
        body={"text": "a" * 5000 + "b"},
    )
    assert answered.value == {"match": False}


def test_integers_stay_exact_and_arithmetic_on_them_is_an_error_where_it_would_not_be(
    steps: Steps,
) -> None:
    exact = mapped({"n": "{% input.body.n %}", "text": "no {% input.body.n %}"})
    big = 123456789012345678901234567890
    assert steps.run(exact, body={"n": big}).value == {"n": big, "text": f"no {big}"}
    for expression in ("input.body.n + 1", "input.body.n > 5", "$sum([input.body.n, 1])"):
        wrong = steps.run(mapped({"n": f"{{% {expression} %}}"}), body={"n": 2**53 + 1})
        assert wrong.failure["code"] == "expression_precision"
        assert wrong.failure["kind"] == "permanent"


def test_an_expression_that_fails_names_its_step_and_shows_no_input_to_callers(
    steps: Steps,
) -> None:
    answered = steps.run(mapped("{% input.body.secret + 1 %}"), body={"secret": "hunter2"})
    assert (answered.failure["code"], answered.failure["step"]) == ("expression_failed", "it")
    assert "hunter2" not in answered.response.text


def test_response_and_data_processing_are_expressions_too(steps: Steps) -> None:
    name = steps.integrate(
        {
            "data_processing": '{"item": body.item, "quantity": $number(query.quantity)}',
            "workflow": {"steps": [mapped("{% input.quantity * 2 %}", "total")]},
            "response": {
                "status": "{% steps.total > 5 ? 201 : 200 %}",
                "headers": {"X-Item": "{% input.item %}"},
                "body": {"total": "{% steps.total %}", "item": "{% input.item %}"},
            },
        }
    )
    answered = steps.call(name, {"item": "A-100"}, params={"quantity": "3"})
    assert answered.response.status_code == 201
    assert answered.response.headers["x-item"] == "A-100"
    assert answered.response.json() == {"total": 6, "item": "A-100"}
    assert answered.execution["input"]["text"] == '{"item":"A-100","quantity":3}'
