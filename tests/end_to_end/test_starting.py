"""What a balancer is told while a node starts: nothing is sent into a 404 of what is new."""

from __future__ import annotations

import contextlib
import json
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


def test_a_new_workspace_is_warned_of_and_moves_no_node_that_names_none(tmp_path: Path) -> None:
    data, none = tmp_path / "data", ""
    starts = (("first", False), (none, False), ("second", True), ("second", False), (none, False))
    for name, warned in starts:
        with running_node(data, FIRESTEEL_WORKSPACE=name) as node:
            assert node.admin("GET", "/node")["workspace"] == (name or "first")
            lines = [line for line in node.said().splitlines() if "before=first" in line]
            assert bool(lines) == warned
            assert all("another_workspace" in line for line in lines)


def declared(label: str, secret: str) -> dict[str, Any]:
    return {"api_key": {"label": label, "value": secret}}


def status_with(node: RunningNode, secret: str) -> int:
    return node.call("Keyed", headers={"x-api-key": secret}).status_code


def test_a_start_leaves_what_people_did_to_keys_and_grants_and_an_apply_does_not(
    tmp_path: Path,
) -> None:
    project, data = ProjectFolder(tmp_path / "project"), tmp_path / "data"
    secrets = {name: f"{name}-secret-0123456789" for name in ("gone", "again", "named", "late")}
    items = [declared(label, secret) for label, secret in secrets.items()]
    consumer = {"consumer": {"name": "partner"}}

    def publish(*more: dict[str, Any]) -> None:
        asked = [*items, consumer, *more]
        project.integration({"name": "Keyed", "trigger": {"authentication": asked}})

    publish()
    at, consumers = "/workspaces/test/integrations/Keyed/keys", "/workspaces/test/consumers"
    with running_node(data, project.path) as node:
        partners = {"label": "own", "value": "partner-secret-0123456789"}
        node.admin("POST", f"{consumers}/partner/keys", json=partners)
        taken_away = [*secrets.values(), partners["value"]]
        assert [status_with(node, secret) for secret in taken_away] == [202] * 5
        node.admin("DELETE", f"{at}/gone")
        node.admin("DELETE", f"{at}/again")
        node.admin("POST", at, json={"label": "again", "value": "another-secret-0123456789"})
        node.admin("PATCH", f"{at}/named", json={"label": "renamed"})
        node.admin("DELETE", f"{at}/renamed")
        node.admin("PATCH", f"{at}/late", json={"expires": "2026-01-01"})
        node.admin("DELETE", f"{consumers}/partner/grants/Keyed")
        assert [status_with(node, secret) for secret in taken_away] == [401] * 5

    publish(declared("new", "new-secret-0123456789"))
    with running_node(data, project.path) as node:
        assert [status_with(node, secret) for secret in taken_away] == [401] * 5
        assert status_with(node, "another-secret-0123456789") == 202
        assert status_with(node, "new-secret-0123456789") == 202
        assert node.said().count("api_key_left") == 4
        assert node.said().count("grant_left") == 1

        document = json.loads((project.path / "integrations/Keyed.yaml").read_text())
        files = {"managed_by": "files"}
        node.admin("PUT", "/workspaces/test/integrations/Keyed", json=document, params=files)
        assert [status_with(node, secret) for secret in taken_away] == [202] * 5


def test_a_start_takes_what_a_name_stands_for_now(tmp_path: Path) -> None:
    project = ProjectFolder(tmp_path / "project")
    named = declared("named", "${KEY_OF_KEYED}")
    project.integration({"name": "Keyed", "trigger": {"authentication": [named]}})
    for secret in ("secret-of-monday-0123456789", "secret-of-tuesday-0123456789"):
        with running_node(tmp_path / "data", project.path, KEY_OF_KEYED=secret) as node:
            assert status_with(node, secret) == 202
