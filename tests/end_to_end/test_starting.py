"""What a balancer is told while a node starts: nothing is sent into a 404 of what is new."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.node import (
    KEY,
    WAIT_S,
    ProjectFolder,
    RunningNode,
    launch_node,
    running_node,
    until_ready,
)
from tests.support.processes import children

SAID = {"public_url": "type", "admin_url": "reason"}
WORKFLOW = {"steps": [{"name": "answer", "map": {"value": "{% 1 %}"}}]}


def add(project: ProjectFolder, *names: str) -> None:
    trigger = {"request_response": True}
    for name in names:
        project.integration({"name": name, "trigger": trigger, "workflow": WORKFLOW})


def first_healthy(node: RunningNode, port: str, path: str) -> tuple[str, list[Any]]:
    """The public URL, as soon as who asks there would send calls, and what was told before."""
    told = []
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, httpx2.TransportError):
            address = node.address
            answer = node.client.get(f"{address[port]}{path}")
            if answer.status_code == 200:
                return str(address["public_url"]), told
            told.append(answer.json()[SAID[port]])
    raise AssertionError(f"never healthy: {set(told)}")


@pytest.mark.parametrize(
    "asked",
    [("public_url", "/-/health"), ("admin_url", "/health/ready")],
    ids=lambda asked: asked[0],
)
def test_health_waits_for_the_project_and_not_after_a_crash(
    tmp_path: Path, asked: tuple[str, str]
) -> None:
    project = ProjectFolder(tmp_path / "project")
    add(project, "Before")
    with running_node(tmp_path / "data", project.path):
        pass
    new = [f"New{n}" for n in range(5)]
    add(project, *new)
    node = launch_node(tmp_path / "data", project.path)
    try:
        url, told = first_healthy(node, *asked)
        answers = [
            node.client.post(f"{url}/test/{name}", headers={"x-api-key": KEY}).status_code
            for name in (*reversed(new), "Before")
        ]
        assert answers == [200] * 6
        assert all("node_starting" in text for text in told)
        until_ready(node)
        node.kill_engine()
        _, told = first_healthy(node, *asked)
        assert not any("node_starting" in text for text in told)
    finally:
        node.print_output()
        node.stop()


def test_an_engine_that_follows_one_that_died_does_not_publish_the_project_again(
    tmp_path: Path,
) -> None:
    """What was deleted since, such as a key that has leaked, stays so. With nothing published the
    ports open only when an engine has published what it publishes."""
    project = ProjectFolder(tmp_path / "project")
    add(project, "Removed")
    with running_node(tmp_path / "data", project.path) as node:
        assert node.call("Removed").status_code == 200
        query = {"managed_by": "files"}
        node.admin("DELETE", "/workspaces/test/integrations/Removed", params=query)
        assert node.call("Removed").status_code == 404
        node.kill_engine()
        node.wait_ready()
        assert node.call("Removed").status_code == 404
        assert node.admin("GET", "/workspaces/test/integrations") == []


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two processors",
)
def test_on_two_processors_the_engine_keeps_to_one_and_leaves_workers_both(tmp_path: Path) -> None:
    had = os.sched_getaffinity(0)
    two = set(sorted(had)[:2])
    os.sched_setaffinity(0, two)
    try:
        with running_node(tmp_path / "data") as node:
            engine = node.address["pid"]
            workers = children(node.process.pid) - {engine}
            kept = os.sched_getaffinity(engine)
            assert len(kept) == 1
            assert kept < two
            assert [os.sched_getaffinity(pid) for pid in workers] == [two] * len(workers)
            assert workers
    finally:
        os.sched_setaffinity(0, had)


def test_another_workspace_than_the_stores_is_warned_of(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name, warned in (("first", False), ("first", False), ("second", True)):
        with running_node(data, FIRESTEEL_WORKSPACE=name) as node:
            lines = [line for line in node.said().splitlines() if "before=first" in line]
            assert bool(lines) == warned
            assert all("another_workspace" in line for line in lines)


def test_a_key_that_was_deleted_stays_so_when_the_node_is_started_anew(tmp_path: Path) -> None:
    project = ProjectFolder(tmp_path / "project")
    other = {"api_key": {"label": "other", "value": "other-key-0123456789abcdef"}}
    tester = {"api_key": {"label": "tester", "value": KEY}}
    project.integration({"name": "Keyed", "trigger": {"authentication": [tester]}})
    keys = "/workspaces/test/integrations/Keyed/keys"
    with running_node(tmp_path / "data", project.path) as node:
        assert node.call("Keyed").status_code == 202
        node.admin("DELETE", f"{keys}/tester")
        assert node.call("Keyed").status_code == 401
    project.integration({"name": "Keyed", "trigger": {"authentication": [tester, other]}})
    with running_node(tmp_path / "data", project.path) as node:
        assert node.call("Keyed").status_code == 401
        headers = {"x-api-key": "other-key-0123456789abcdef"}
        assert node.call("Keyed", headers=headers).status_code == 202
        assert "api_key_stays_deleted" in node.said()
        node.admin("POST", keys, json={"label": "tester", "value": KEY})
    with running_node(tmp_path / "data", project.path) as node:
        assert node.call("Keyed").status_code == 202
        assert "api_key_stays_deleted" not in node.said()
