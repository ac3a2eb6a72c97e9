"""Workflows and steps in Python, as product.md shows them."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.steps import Answered, Steps, workers
from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node

WAIT_S = 60.0

WORKFLOWS = """
import asyncio
import dataclasses
import logging
import os
import urllib.request
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from firesteel import Message, PermanentError, Response, RetryLater, step, workflow

SINK = os.environ["TEST_SINK"]


class Customer(BaseModel):
    name: str = Field(min_length=1)
    credit: Decimal = Decimal(0)
    since: date | None = None


@workflow
async def typed(customer: Customer, message: Message) -> Response:
    body = {"name": customer.name, "credit": customer.credit, "since": customer.since}
    return Response(body, status=201, headers={"X-Sequence": str(message.sequence)})


RESULTS = {
    "dict": {"a": 1},
    "list": [1, 2],
    "str": "plain",
    "bytes": b"\\x00\\xff",
    "none": None,
    "big": 2**70,
}


@workflow
async def returns(input, message):
    return RESULTS[message.query["what"]]


@workflow
def plain_returns(input, message):
    return RESULTS[message.query["what"]]


@workflow
async def seen(input, message: Message):
    return {
        "id": message.id,
        "sequence": message.sequence,
        "method": message.method,
        "path": message.path,
        "query": message.query,
        "query_pairs": message.query_pairs,
        "one": message.headers["x-one"],
        "pairs": [pair for pair in message.header_pairs if pair[0] == "x-one"],
        "credential": message.headers.get("x-api-key"),
        "body": message.body.hex(),
        "content_type": message.content_type,
        "consumer": message.consumer,
        "attempt": message.attempt,
        "year": message.received_at.year,
    }


@workflow
async def permanent():
    raise PermanentError("the customer is closed")


@workflow
async def later(input, message):
    if message.attempt == 1:
        raise RetryLater(0.05)
    return {"attempt": message.attempt}


@workflow
async def defect():
    secret = "do-not-show"
    raise ValueError(f"broken: {secret}")


@workflow
async def leaves():
    raise SystemExit(0)


@workflow
def talks():
    print("printed", 1)
    logging.getLogger("erp").info("logged %s", 2)
    print("x" * 100_000)
    return {}


@dataclasses.dataclass
class Line:
    no: int
    amount: Decimal
    day: date


@step
async def posted(path: str) -> str:
    return await asyncio.to_thread(lambda: urllib.request.urlopen(f"{SINK}/{path}").read().decode())


@step
def counted(line: Line) -> Line:
    urllib.request.urlopen(f"{SINK}/counted").read()
    return Line(line.no, line.amount * 2, line.day)


@workflow
async def journaled():
    first = await posted("py-first")
    again = await posted("py-first")
    held = await posted("py-held")
    return {"first": first, "again": again, "held": held}


@workflow
def plain_journaled(input, message):
    lines = [counted(Line(n, Decimal("0.10"), date(2026, 1, n))) for n in (1, 2)]
    if message.attempt == 1:
        raise RetryLater(0)
    return [[type(one).__name__, one.no, str(one.amount), one.day.isoformat()] for one in lines]


def stock(item: str, quantity: int = 1, *, message: Message) -> Line:
    print("asked for", item)
    return Line(quantity, Decimal("1.5"), date(2026, 1, 1))


def hidden():
    return {name: value for name, value in os.environ.items() if name.startswith("FIRESTEEL_")}


@workflow
def environment():
    return {"names": sorted(hidden())}
"""


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpServer]:
    """The other system."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, sink: HttpServer, folder: Path
) -> Iterator[RunningNode]:
    ProjectFolder(folder).module("author", WORKFLOWS)
    data_dir = tmp_path_factory.mktemp("data")
    with running_node(data_dir, folder, TEST_SINK=sink.url) as running:
        yield running


@pytest.fixture
def steps(node: RunningNode) -> Steps:
    return Steps(node)


def workflow(steps: Steps, function: str, **more: Any) -> str:
    retry = {"attempts": 2, "first_delay": "10ms", "factor": 1}
    python = {"workflow": {"python": f"author:{function}", "retry": retry}}
    return steps.integrate({**python, **more})


def run(steps: Steps, function: str, body: Any = None, **request: Any) -> Answered:
    return steps.call(workflow(steps, function), body, **request)


def typed(steps: Steps) -> str:
    return workflow(steps, "typed", data_processing="body")


def test_a_typed_input_is_checked_and_every_fault_is_told(steps: Steps) -> None:
    name = typed(steps)
    answered = steps.call(name, {"name": "", "credit": "much", "since": "2026-13-01"})
    assert answered.response.status_code == 422
    problem = answered.response.json()
    assert problem["type"] == "urn:firesteel:input_invalid"
    assert [fault["pointer"] for fault in problem["errors"]] == ["/name", "/credit", "/since"]
    assert "much" not in answered.response.text
    assert answered.execution["attempts"] == 1


def test_a_response_sets_status_headers_and_an_exact_body(steps: Steps) -> None:
    sent = b'{"name": "Ada", "credit": 0.1000000000000000055, "since": "2026-01-31"}'
    answered = steps.call(typed(steps), content=sent, headers={"content-type": "application/json"})
    assert answered.response.status_code == 201
    assert answered.response.headers["x-sequence"] == "1"
    body = b'{"name":"Ada","credit":0.1000000000000000055,"since":"2026-01-31"}'
    assert answered.response.content == body


@pytest.mark.parametrize("function", ["returns", "plain_returns"])
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("dict", (200, "application/json", b'{"a":1}')),
        ("list", (200, "application/json", b"[1,2]")),
        ("str", (200, "text/plain; charset=utf-8", b"plain")),
        ("bytes", (200, "application/octet-stream", b"\x00\xff")),
        ("none", (204, None, b"")),
        ("big", (200, "application/json", b"1180591620717411303424")),
    ],
)
def test_what_a_workflow_returns_is_the_answer(
    steps: Steps, function: str, what: str, expected: tuple[int, str | None, bytes]
) -> None:
    response = run(steps, function, params={"what": what}).response
    got = (response.status_code, response.headers.get("content-type"), response.content)
    assert got == expected


def test_a_workflow_sees_the_message_as_it_was_received(steps: Steps) -> None:
    name = workflow(
        steps,
        "seen",
        trigger={"query_parameters": [{"name": "n", "type": "integer", "default": 5}]},
    )
    headers = [("x-one", "a"), ("X-One", "b"), ("content-type", "text/x; a=b")]
    url = f"{steps.node.public_url}/test/{name}?a=1&a=%C3%A4"
    response = steps.node.client.post(
        url, headers=[*headers, ("x-api-key", KEY)], content=b"\xff\x00"
    )
    seen = response.json()
    assert seen.pop("id") == response.headers["firesteel-message-id"]
    assert seen.pop("year") >= 2026
    assert seen == {
        "sequence": 1,
        "method": "POST",
        "path": f"/test/{name}",
        "query": {"n": 5, "a": ["1", "ä"]},
        "query_pairs": [["a", "1"], ["a", "ä"]],
        "one": "a, b",
        "pairs": [["x-one", "a"], ["x-one", "b"]],
        "credential": None,
        "body": "ff00",
        "content_type": "text/x; a=b",
        "consumer": "tester",
        "attempt": 1,
    }


def test_a_permanent_error_ends_the_execution_with_its_text(steps: Steps) -> None:
    answered = run(steps, "permanent")
    assert answered.response.status_code == 502
    assert answered.response.json()["detail"] == "the customer is closed"
    assert answered.execution["attempts"] == 1


def test_retry_later_is_a_retry_that_does_not_count(steps: Steps) -> None:
    answered = run(steps, "later")
    assert answered.value == {"attempt": 2}
    (failed,) = answered.execution["failed_attempts"]
    assert (failed["failure"]["kind"], failed["failure"]["code"]) == ("transient", "retry_later")


def test_any_other_exception_is_tried_again_and_told_to_nobody_outside(steps: Steps) -> None:
    answered = run(steps, "defect")
    assert answered.execution["attempts"] == 2
    assert answered.failure["kind"] == "unknown"
    assert "do-not-show" not in answered.response.text
    assert 'raise ValueError(f"broken: {secret}")' in answered.failure["trace"]


def test_a_workflow_that_leaves_the_interpreter_ends_no_worker(
    steps: Steps, node: RunningNode
) -> None:
    before = workers(node)
    assert run(steps, "leaves").execution["state"] == "failed"
    assert set(node.worker_pids) == before


def test_what_it_prints_and_logs_is_kept_with_the_execution(steps: Steps) -> None:
    logs = run(steps, "talks").execution["logs"]
    assert logs.startswith("printed 1\nINFO erp: logged 2\nxxx")
    assert len(logs.encode()) <= 64 * 1024
    assert "cut here" in logs


def test_the_hash_of_its_module_is_recorded(steps: Steps, folder: Path) -> None:
    source = (folder / "workflows" / "author.py").read_bytes()
    execution = run(steps, "returns", params={"what": "dict"}).execution
    assert execution["code_hash"] == hashlib.sha256(source).hexdigest()


@pytest.mark.parametrize("victim", ["worker", "engine"])
def test_p13_a_step_is_done_once_also_over_a_crash(
    steps: Steps, node: RunningNode, sink: HttpServer, gate: threading.Event, victim: str
) -> None:
    sink.reply("/py-first", Reply(200, b"1"), Reply(200, b"2"), Reply(200, b"wrong"))
    sink.reply("/py-held", Reply(200, b"lost", gate=gate), Reply(200, b"3"))
    name = workflow(steps, "journaled", trigger={"request_response": False})
    before = len(sink.received)
    response = node.call(name)
    sink.wait_for(before + 3)
    _kill(node, victim)
    assert node.until_settled(response)["state"] == "succeeded"
    execution = steps.execution(response)
    assert execution["response"]["body"]["text"] == '{"first":"1","again":"2","held":"3"}'
    paths = [request.path for request in sink.received[before:]]
    assert paths == ["/py-first", "/py-first", "/py-held", "/py-held"]
    assert [(step["step"], step["attempt"]) for step in execution["steps"]] == [
        ("posted#0", 1),
        ("posted#1", 1),
        ("posted#2", 2),
    ]


def test_a_journaled_result_comes_back_as_what_it_was(steps: Steps, sink: HttpServer) -> None:
    sink.reply("/counted", Reply(200))
    answered = run(steps, "plain_journaled")
    assert answered.value == [["Line", 1, "0.20", "2026-01-01"], ["Line", 2, "0.20", "2026-01-02"]]
    assert sum(request.path == "/counted" for request in sink.received) == 2


def test_a_python_step_gets_its_arguments_checked_and_its_result_is_json(steps: Steps) -> None:
    arguments = {"item": "{% input.body.item %}", "quantity": "{% input.body.quantity %}"}
    name = steps.publish(
        {"name": "stock", "python": "author:stock", "arguments": arguments},
        {"name": "it", "map": {"stock": "{% steps.stock %}"}},
    )
    answered = steps.call(name, {"item": "A-100", "quantity": 3})
    assert answered.value == {"stock": {"no": 3, "amount": 1.5, "day": "2026-01-01"}}
    assert answered.execution["logs"] == "asked for A-100\n"
    assert answered.places == ["stock"]
    wrong = steps.call(name, {"item": "A-100", "quantity": "many"}).failure
    assert (wrong["kind"], wrong["code"]) == ("permanent", "arguments_invalid")


def test_the_node_s_own_secrets_are_not_in_the_environment_of_workflows(steps: Steps) -> None:
    names = run(steps, "environment").value["names"]
    assert not [name for name in names if "TOKEN" in name or "KEY" in name or "HANDOVER" in name]


def test_many_calls_at_once_get_each_its_own_answer(steps: Steps) -> None:
    name = typed(steps)
    with ThreadPoolExecutor(16) as callers:
        calls = [
            callers.submit(steps.node.call, name, json={"name": f"n{number}"})
            for number in range(300)
        ]
        names = [call.result(WAIT_S).json()["name"] for call in calls]
    assert names == [f"n{number}" for number in range(300)]


def _kill(node: RunningNode, victim: str) -> None:
    if victim == "engine":
        node.kill_engine()
        node.wait_ready()
        return
    (worker,) = [one["pid"] for one in node.admin("GET", "/workers") if one["running"]]
    os.kill(worker, signal.SIGKILL)
