"""What a node logs: each line can be read by a machine, and has the ids of what it tells about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import new_data_dir
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

LOUD = {
    "FIRESTEEL_LOG_FORMAT": "json",
    "FIRESTEEL_LOG_LEVEL": "debug",
    "FIRESTEEL_ACCESS_LOG": "on",
    "FIRESTEEL_LOG_WORKFLOWS": "on",
    "FIRESTEEL_WORKERS": "1",
}
OF_AN_EXECUTION = {"message_id", "execution_id", "attempt", "workspace", "integration"}
OF_A_CALL = {"request_id", "method", "workspace", "integration", "consumer", "took_ms"}
TALKS = """
import logging
from firesteel import workflow

@workflow
def talk(input: dict) -> str:
    print("hello", input["body"]["who"])
    logging.getLogger("mine").warning("careful")
    return "done"
"""
SECRET = "hunter2-canary"


def fill(project: ProjectFolder) -> None:
    waits = {"request_response": True}
    project.module("talking", TALKS)
    project.integration({"name": "Talks", "trigger": waits, "workflow": {"python": "talking:talk"}})
    retry = {"attempts": 2, "first_delay": "10ms"}
    step = {"name": "no", "fail": {"message": "not {% input.body.who %}", "permanent": False}}
    project.integration(
        {"name": "Fails", "trigger": waits, "workflow": {"retry": retry, "steps": [step]}}
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    fill(ProjectFolder(folder))
    return folder


@pytest.fixture
def node(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[RunningNode]:
    with running_node(new_data_dir(tmp_path_factory), project, **LOUD) as running:
        yield running


def lines(node: RunningNode) -> list[dict[str, Any]]:
    """What it has logged so far; every line is an object."""
    return [json.loads(line) for line in node.said().splitlines()]


def until_logged(node: RunningNode, event: str, count: int = 1) -> list[dict[str, Any]]:
    """The lines of the event, as soon as there are that many."""

    def found() -> list[dict[str, Any]] | None:
        of_it = [line for line in lines(node) if line["event"] == event]
        return of_it if len(of_it) >= count else None

    of_it: list[dict[str, Any]] = wait_until(found)
    return of_it


def test_no_line_of_a_run_lacks_what_it_should_have(node: RunningNode) -> None:
    called = node.call("Talks", json={"who": SECRET})
    failed = node.call("Fails", json={"who": SECRET}, headers={"request-id": "my-own-1"})
    refused = node.call("Talks", headers={"x-api-key": "wrong"})
    node.client.get(f"{node.public_url}/test/Nothing?secret={SECRET}")
    assert (called.status_code, failed.status_code, refused.status_code) == (200, 502, 401)

    (ended,) = until_logged(node, "execution_failed")
    (again,) = until_logged(node, "attempt_failed")
    (well,) = until_logged(node, "execution_succeeded")
    said = until_logged(node, "workflow_said")
    for line in (ended, again, well, *said):
        assert line.keys() >= OF_AN_EXECUTION, line
        assert line["workspace"] == "test"
        assert line["execution_id"] == f"{line['message_id']}-1"
    assert ended["message_id"] == again["message_id"] == failed.headers["firesteel-message-id"]
    assert (ended["integration"], ended["attempt"], again["attempt"]) == ("Fails", 2, 1)
    assert (ended["code"], ended["kind"], ended["step"]) == ("step_failed", "unknown", "no")
    assert ended["level"] == "warning"
    assert [line["line"] for line in said] == [f"hello {SECRET}", "WARNING mine: careful"]
    assert {line["message_id"] for line in said} == {called.headers["firesteel-message-id"]}

    answered = until_logged(node, "call_answered", 4)
    by_id = {line["request_id"]: line for line in answered}
    assert by_id["my-own-1"]["status"] == 502
    for answer in (called, failed):
        line = by_id[answer.headers["request-id"]]
        assert line.keys() >= OF_A_CALL, line
        assert line["message_id"] == answer.headers["firesteel-message-id"]
        assert line["sequence"] == int(answer.headers["firesteel-sequence"])
    assert by_id[refused.headers["request-id"]]["integration"] == "Talks"
    assert "message_id" not in by_id[refused.headers["request-id"]]
    assert [line["status"] for line in answered] == [200, 502, 401, 404]

    for line in lines(node):
        assert line.keys() >= {"event", "level", "timestamp"}, line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])
        assert line["event"] == "workflow_said" or SECRET not in json.dumps(line)


def test_by_default_calls_and_what_workflows_say_are_not_logged(
    tmp_path_factory: pytest.TempPathFactory, project: Path
) -> None:
    with running_node(
        new_data_dir(tmp_path_factory), project, FIRESTEEL_LOG_FORMAT="json", FIRESTEEL_WORKERS="1"
    ) as node:
        node.call("Talks", json={"who": SECRET})
        node.call("Fails", json={"who": SECRET})
        until_logged(node, "execution_failed")
        events = {line["event"] for line in lines(node)}
        assert not events & {"call_answered", "workflow_said", "execution_succeeded"}
        assert SECRET not in node.said()


def test_for_machines_all_that_a_node_prints_is_lines_of_its_log(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its start, what it warns of, and that a process of it has ended; no link to sign in."""
    data_dir = new_data_dir(tmp_path_factory)
    machine = {"FIRESTEEL_LOG_FORMAT": "json", "FIRESTEEL_HOST": "0.0.0.0"}
    with running_node(data_dir, **machine) as node:
        (ready,) = until_logged(node, "node_ready")
        described = {name: node.address[name] for name in ("public_url", "admin_url", "workspace")}
        assert described.items() <= ready.items()
        assert (ready["role"], ready["data_dir"]) == ("all", str(data_dir))
        (unsafe,) = until_logged(node, "setting_unsafe")
        assert "without TLS" in unsafe["detail"]
        killed = node.engine_pid
        node.kill_engine()
        ended = until_logged(node, "process_ended")
        assert ("engine", killed, -9) in [(one["role"], one["pid"], one["code"]) for one in ended]
        assert "welcome?link=" not in node.said()
