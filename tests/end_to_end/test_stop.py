"""P28: a node that is told to stop answers, finishes or hands back, and ends with 0."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, start_node, wait_until

WAIT_S = 60.0
CALLS = 200

ECHO = """
from firesteel import workflow

@workflow
def echo(input):
    return {"value": input["body"]["value"]}
"""


@pytest.fixture
def gate(http_server: HttpServer) -> Iterator[threading.Event]:
    """Until it is set, the other system does not answer; set at the end, so that it can stop."""
    closed = threading.Event()
    yield closed
    closed.set()


@pytest.fixture
def project(tmp_path: Path, http_server: HttpServer, gate: threading.Event) -> ProjectFolder:
    """``Waits`` runs one execution at a time, each of which calls the other system."""
    folder = ProjectFolder(tmp_path / "project")
    folder.connections({"peer": {"http": http_server.url}})
    call = {"name": "call", "http": {"connection": "peer", "method": "POST", "path": "slow"}}
    trigger = {"request_response": {"timeout": "60s"}, "concurrency": 1}
    workflow = {"steps": [call], "retry": {"attempts": 1}}
    folder.integration({"name": "Waits", "trigger": trigger, "workflow": workflow})
    folder.module("echo", ECHO)
    echo = {"trigger": {"request_response": True}, "workflow": {"python": "echo:echo"}}
    folder.integration({"name": "Echo", **echo})
    http_server.reply("/slow", Reply.json({"n": 1}, gate=gate), Reply.json({"n": 2}))
    return folder


@pytest.fixture
def start(data_dir: Path, project: ProjectFolder) -> Any:
    """Starts a node on the same data each time."""

    def started(**environment: str) -> RunningNode:
        allowed = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"}
        return start_node(data_dir, project.path, **allowed, **environment)

    return started


Start = Callable[..., RunningNode]


def test_p28_running_executions_finish_and_their_callers_are_answered(
    start: Start, http_server: HttpServer, gate: threading.Event
) -> None:
    node = start()
    with ThreadPoolExecutor() as callers:
        call = callers.submit(node.call, "Waits")
        http_server.wait_for(1)
        stopping = _begin_to_stop(node, callers)
        gate.set()
        answer = call.result(WAIT_S)
        assert (answer.status_code, answer.json()) == (200, {"n": 1})
        assert stopping.result(WAIT_S) == 0
    assert len(http_server.received) == 1


def test_p28_waiting_callers_get_503_with_id_and_status_url_and_their_work_is_done_later(
    start: Start, http_server: HttpServer, gate: threading.Event
) -> None:
    node = start()
    with ThreadPoolExecutor() as callers:
        running = callers.submit(node.call, "Waits")
        http_server.wait_for(1)
        waiting = callers.submit(node.call, "Waits")
        wait_until(lambda: _waiting(node) == 1)
        stopping = _begin_to_stop(node, callers)
        refused = waiting.result(WAIT_S)
        gate.set()
        assert running.result(WAIT_S).status_code == 200
        assert stopping.result(WAIT_S) == 0
    _assert_told_where_to_ask(refused)
    node = start()
    try:
        assert _response_later(node, refused).json() == {"n": 2}
    finally:
        assert node.stop() == 0


def test_p28_what_does_not_finish_in_time_is_handed_back_and_runs_after_the_restart(
    start: Start, http_server: HttpServer
) -> None:
    node = start(FIRESTEEL_SHUTDOWN_TIMEOUT="6s")
    with ThreadPoolExecutor() as callers:
        call = callers.submit(node.call, "Waits")
        http_server.wait_for(1)
        assert node.stop() == 0
        refused = call.result(WAIT_S)
    _assert_told_where_to_ask(refused)
    node = start()
    try:
        # One attempt is all it has: the one that was handed back did not count.
        assert _response_later(node, refused).json() == {"n": 2}
    finally:
        assert node.stop() == 0
    first, again = http_server.received
    assert first.header("idempotency-key") == again.header("idempotency-key")


def test_p28_no_complete_request_goes_unanswered(start: Start) -> None:
    node = start()
    with contextlib.ExitStack() as stack:
        netloc = urlsplit(node.public_url).netloc
        calls = [stack.enter_context(_sent(netloc, number)) for number in range(CALLS)]
        assert node.stop() == 0
        answers = [call.getresponse() for call in calls]
        statuses = [answer.status for answer in answers]
        values = [json.loads(answer.read()).get("value") for answer in answers]
    assert set(statuses) <= {200, 503}
    assert values == [n if status == 200 else None for n, status in enumerate(statuses)]


def test_a_second_signal_ends_the_node_at_once(start: Start, http_server: HttpServer) -> None:
    node = start()
    with ThreadPoolExecutor() as callers:
        call = callers.submit(node.call, "Waits")
        http_server.wait_for(1)
        stopping = _begin_to_stop(node, callers)
        node.process.terminate()
        assert stopping.result(WAIT_S) == 1
        assert isinstance(call.exception(WAIT_S), httpx2.TransportError)
    node = start()
    (item,) = node.admin("GET", "/workspaces/test/messages")["items"]
    wait_until(lambda: len(http_server.received) == 2)
    url = f"{node.public_url}/test/Waits/messages/{item['id']}/response"
    got = wait_until(lambda: _if_200(node.client.get(url, headers={"x-api-key": KEY})))
    assert got.json() == {"n": 2}
    assert node.stop() == 0


def test_for_the_delay_health_is_red_and_calls_are_taken_and_a_second_signal_ends_it(
    start: Start, http_server: HttpServer, gate: threading.Event
) -> None:
    node = start(FIRESTEEL_SHUTDOWN_DELAY="1h")
    assert node.call("Echo", json={"value": 1}).headers.get("connection") is None
    with ThreadPoolExecutor() as callers:
        stopping = _begin_to_stop(node, callers)
        answer = node.call("Echo", json={"value": 2})
        assert (answer.json(), answer.headers["connection"]) == ({"value": 2}, "close")
        assert _readiness(node) == (503, "node_stopping", None)
        engine_pid = node.engine_pid
        node.kill_engine()
        wait_until(lambda: node.engine_pid != engine_pid)
        assert wait_until(lambda: _if_200(_echo(node))).headers["connection"] == "close"
        assert _readiness(node) == (503, "node_stopping", None)
        call = callers.submit(node.call, "Waits")
        http_server.wait_for(1)
        assert not stopping.done()
        node.process.terminate()
        wait_until(lambda: _echo(node).status_code == 503)
        gate.set()
        assert call.result(WAIT_S).status_code == 200
        assert stopping.result(WAIT_S) == 0


def test_a_node_whose_engine_was_told_to_stop_too_does_not_wait_for_the_delay(
    start: Start,
) -> None:
    """As a service manager does that signals all processes of the node."""
    node = start(FIRESTEEL_SHUTDOWN_DELAY="1h")
    with ThreadPoolExecutor() as callers:
        stopping = _begin_to_stop(node, callers)
        os.kill(node.engine_pid, signal.SIGTERM)
        assert stopping.result(WAIT_S) == 0
    assert node.said().count("the engine (pid") == 0


def test_a_node_stops_by_itself_when_the_delay_is_over(start: Start) -> None:
    node = start(FIRESTEEL_SHUTDOWN_DELAY="100ms")
    assert node.stop() == 0


def _echo(node: RunningNode) -> httpx2.Response:
    """A call on a connection of its own."""
    url, headers = f"{node.public_url}/test/Echo", {"x-api-key": KEY}
    return httpx2.post(url, json={"value": 1}, headers=headers, timeout=WAIT_S)


def _readiness(node: RunningNode) -> tuple[int, str | None, str | None]:
    answer = httpx2.get(f"{node.address['admin_url']}/health/ready")
    said = answer.json()
    return answer.status_code, said["reason"], said["refusal"]


def _begin_to_stop(node: RunningNode, callers: ThreadPoolExecutor) -> Future[int]:
    """Send SIGTERM and wait until the node takes no more calls."""
    url = node.public_url
    stopping = callers.submit(node.stop)

    def refuses() -> bool:
        return httpx2.get(f"{url}/-/health").status_code == 503

    wait_until(refuses)
    return stopping


def _waiting(node: RunningNode) -> int:
    page = node.admin("GET", "/workspaces/test/messages", params={"state": "waiting"})
    return len(page["items"])


def _assert_told_where_to_ask(answer: httpx2.Response) -> None:
    assert answer.status_code == 503
    problem = answer.json()
    assert problem["type"] == "urn:firesteel:node_stopping"
    assert problem["id"] == answer.headers["firesteel-message-id"]
    assert problem["status_url"] == f"/test/Waits/messages/{problem['id']}"
    assert answer.headers["retry-after"] is not None


def _response_later(node: RunningNode, refused: httpx2.Response) -> httpx2.Response:
    """What the caller that was sent away fetches, when it is there."""
    url = f"{node.public_url}{refused.json()['status_url']}/response"
    fetched: httpx2.Response = wait_until(
        lambda: _if_200(node.client.get(url, headers={"x-api-key": KEY}))
    )
    return fetched


def _if_200(answer: httpx2.Response) -> httpx2.Response | None:
    return answer if answer.status_code == 200 else None


@contextlib.contextmanager
def _sent(netloc: str, number: int) -> Iterator[http.client.HTTPConnection]:
    """A call that has left us whole, on a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=WAIT_S)) as connection:
        headers = {"x-api-key": KEY, "content-type": "application/json"}
        connection.request("POST", "/test/Echo", json.dumps({"value": number}), headers)
        yield connection
