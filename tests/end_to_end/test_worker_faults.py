"""P16, P13: what workflows do to their workers ends their own attempts and nobody else's."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.end_to_end.steps import workers
from tests.fault.report import Report
from tests.support.http_server import HttpServer, Received, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

WORKFLOWS = '''
import asyncio
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from firesteel import workflow

RUNS = Path(os.environ["TEST_RUNS"])
PATIENCE_S = 60


def note(message):
    """One line a run, on disk before anything can go wrong."""
    file = os.open(RUNS / message.query["name"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{os.getpid()}\\n".encode())
    os.close(file)


def exit_at_once():
    os._exit(3)


def segfault():
    ctypes.string_at(0)


def memory():
    hoard = []
    while True:
        hoard.append(bytearray(64 * 1024 * 1024))


def endless():
    while True:
        pass


def close_files():
    os.closerange(3, 4096)


def end_the_process():
    sys.exit(1)


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


FAULTS = {
    name: globals()[name]
    for name in (
        "exit_at_once", "segfault", "memory", "endless", "close_files", "end_the_process",
        "kill_itself",
    )
}


@workflow
async def victim(input, message):
    note(message)
    FAULTS[message.query["fault"]]()
    await asyncio.sleep(PATIENCE_S)  # what does not end it, its time-out does


@workflow
def plain_victim(input, message):
    note(message)
    FAULTS[message.query["fault"]]()
    time.sleep(PATIENCE_S)


@workflow
async def neighbour(input, message):
    note(message)
    deadline = time.monotonic() + PATIENCE_S
    while not (RUNS / "go on").exists():
        await asyncio.sleep(0.02)
        assert time.monotonic() < deadline
    return {"run": message.attempt}


@workflow
def stops_once(input, message):
    note(message)
    if message.attempt == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    return {"attempt": message.attempt}
'''

ATTEMPTS = 2
ALLOWED = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8"}
RETRY = {"attempts": ATTEMPTS, "first_delay": "10ms", "factor": 1}
FAULTS = [
    "exit_at_once",
    "segfault",
    "memory",
    "endless",
    "close_files",
    "end_the_process",
    "kill_itself",
]


ENDED_BY_THEIR_TIME_OUT = {"endless", "close_files"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where workflows note their runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, runs: Path) -> Iterator[RunningNode]:
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    project.module("faults", WORKFLOWS)
    for name in ("victim", "plain_victim"):
        for timeout in ("2s", "60s"):
            workflow = {"python": f"faults:{name}", "timeout": timeout, "retry": RETRY}
            project.integration({"name": f"{name}_{timeout}", "workflow": workflow})
    neighbour = {"python": "faults:neighbour", "retry": {"attempts": 1}}
    project.integration({"name": "neighbour", "workflow": neighbour})
    stops = {"python": "faults:stops_once", "timeout": "2s", "retry": RETRY}
    project.integration({"name": "stops_once", "workflow": stops})
    data_dir = tmp_path_factory.mktemp("data")
    environment = {"TEST_RUNS": str(runs), "FIRESTEEL_WORKER_MEMORY": "512MiB"}
    with running_node(data_dir, project.path, **environment) as running:
        yield running


def victim(kind: str, fault: str) -> str:
    """The integration: its time-out is short only where nothing else ends the attempt, so that on
    a slow machine no other attempt is cut before it has begun."""
    return f"{kind}_{'2s' if fault in ENDED_BY_THEIR_TIME_OUT else '60s'}"


def call(node: RunningNode, integration: str, **query: str) -> httpx2.Response:
    answer = node.call(integration, params=query)
    assert answer.status_code == 202
    return answer


def executed(node: RunningNode, answer: httpx2.Response) -> dict[str, Any]:
    """The execution of a message, as the REST API shows it."""
    message_id = answer.headers["firesteel-message-id"]
    message = node.admin("GET", f"/workspaces/test/messages/{message_id}")
    execution: dict[str, Any] = message["executions"][0]
    return execution


def noted(runs: Path, name: str) -> list[int]:
    """The workers that ran it, a number a run."""
    file = runs / name
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize("kind", ["victim", "plain_victim"])
@pytest.mark.parametrize("fault", FAULTS)
def test_p16_ends_as_failed_after_exactly_its_attempts(
    node: RunningNode, runs: Path, kind: str, fault: str, report: Report
) -> None:
    name = f"alone {kind} {fault}"
    answer = call(node, victim(kind, fault), fault=fault, name=name)
    assert node.until_settled(answer)["state"] == "failed"
    begun = len(noted(runs, name))
    wrong = {"lost": max(ATTEMPTS - begun, 0), "doubled": max(begun - ATTEMPTS, 0)}
    report.row("P16", "faults that end a worker", cycles=1, acknowledged=1, **wrong)
    assert begun == ATTEMPTS
    execution = executed(node, answer)
    assert [attempt["attempt"] for attempt in execution["failed_attempts"]] == [1, 2]
    assert execution["failure"]["kind"] == "unknown"
    assert node.client.get(f"{node.public_url}/-/health").status_code == 200


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        # The first one does not count: it could have been any of them.
        ("exit_at_once", 1),
        # It is known who ran over its time.
        ("endless", 0),
    ],
)
def test_p16_neighbours_lose_no_attempt(
    node: RunningNode, runs: Path, fault: str, more: int
) -> None:
    (runs / "go on").unlink(missing_ok=True)
    workers(node)  # each has neighbours, and so has the victim
    neighbours = [call(node, "neighbour", name=f"{fault} {number}") for number in range(6)]
    wait_until(lambda: all(noted(runs, f"{fault} {number}") for number in range(6)))
    answer = call(node, victim("victim", fault), fault=fault, name=f"beside {fault}")
    wait_until(lambda: noted(runs, f"beside {fault}"))
    crashed = noted(runs, f"beside {fault}")[0]
    wait_until(lambda: crashed not in node.worker_pids)
    (runs / "go on").touch()
    # Each may run once only, so one that lost an attempt would have failed.
    assert [node.until_settled(one)["state"] for one in neighbours] == ["succeeded"] * 6
    assert node.until_settled(answer)["state"] == "failed"
    assert len(noted(runs, f"beside {fault}")) == ATTEMPTS + more


def test_a_worker_that_is_stopped_past_the_time_out_is_replaced(
    node: RunningNode, runs: Path
) -> None:
    answer = call(node, "stops_once", name="stopped")
    assert node.until_settled(answer)["state"] == "succeeded"
    first, second = noted(runs, "stopped")
    assert first != second
    assert first not in node.worker_pids
    (attempt,) = executed(node, answer)["failed_attempts"]
    assert attempt["failure"]["code"] == "attempt_timeout"


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("import os; os._exit(1)", "failed"),
        ("import os, time\nwhile not os.path.exists('{go_on}'): time.sleep(0.01)", "succeeded"),
    ],
    ids=["ends", "holds"],
)
def test_p16_code_that_ends_or_holds_whoever_imports_it_costs_no_other_integration(
    data_dir: Path, tmp_path: Path, code: str, ends: str
) -> None:
    project = ProjectFolder(tmp_path / "project")
    work = "def work(input):\n    return 1\n"
    for name, retry in (("harmful", RETRY), ("sound", {"attempts": 1})):
        project.module(name, work)
        workflow = {"python": f"{name}:work", "retry": retry}
        project.integration({"name": name, "workflow": workflow})
    with running_node(data_dir, project.path) as node:
        project.module("harmful", code.format(go_on=tmp_path / "go on") + "\n" + work)
        before = workers(node)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not before & set(node.worker_pids))
        harmful, sound = call(node, "harmful"), call(node, "sound")
        assert node.until_settled(sound)["state"] == "succeeded"
        (tmp_path / "go on").touch()
        assert node.until_settled(harmful)["state"] == ends
        if ends == "failed":
            assert executed(node, harmful)["attempts"] >= ATTEMPTS


# --- P13: a step in flight --------------------------------------------------------------------


@pytest.fixture
def two_calls(tmp_path: Path, http_server: HttpServer) -> ProjectFolder:
    """An integration that calls two paths, one after the other."""
    project = ProjectFolder(tmp_path / "project")
    steps = [
        {"name": path, "http": {"connection": "peer", "method": "POST", "path": path}}
        for path in ("first", "second")
    ]
    project.connections({"peer": {"http": http_server.url}})
    project.integration({"name": "Calls", "workflow": {"steps": steps, "retry": RETRY}})
    return project


@pytest.mark.parametrize("victim", ["worker", "engine", "supervisor"])
def test_p13_a_step_in_flight_at_a_crash_is_called_again_with_the_same_key(
    victim: str, data_dir: Path, two_calls: ProjectFolder, http_server: HttpServer
) -> None:
    gate = threading.Event()
    http_server.reply("/first", Reply.json({"n": 1}))
    http_server.reply("/second", Reply.json({"n": 2}, gate=gate), Reply.json({"n": 3}))
    with running_node(data_dir, two_calls.path, **ALLOWED) as node:
        answer = call(node, "Calls")
        http_server.wait_for(2)
        if victim == "supervisor":
            node.kill()
        else:
            _kill(node, victim)
            received, execution = _called_again(node, answer, http_server)
    if victim == "supervisor":
        with running_node(data_dir, two_calls.path, **ALLOWED) as node:
            received, execution = _called_again(node, answer, http_server)
    gate.set()
    assert [request.path for request in received] == ["/first", "/second", "/second"]
    first, second, again = (request.header("idempotency-key") for request in received)
    assert second == again != first
    assert [(step["step"], step["attempt"]) for step in execution["steps"]] == [
        ("first", 1),
        ("second", 2),
    ]


def _called_again(
    node: RunningNode, answer: httpx2.Response, http_server: HttpServer
) -> tuple[list[Received], dict[str, Any]]:
    received = http_server.wait_for(3)
    assert node.until_settled(answer)["state"] == "succeeded"
    return received, executed(node, answer)


def _kill(node: RunningNode, victim: str) -> None:
    if victim == "engine":
        node.kill_engine()
        node.wait_ready()
        return
    (worker,) = [w["pid"] for w in node.admin("GET", "/workers") if w["running"]]
    os.kill(worker, signal.SIGKILL)
