"""workers list and restart, apply --restart-workers: which code a real node's workers run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.cli.conftest import CommandLine
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

WORKERS = 2
MODULE = """
import os
from pathlib import Path

from firesteel import workflow

IMPORTS = Path(os.environ["TEST_IMPORTS"])
(IMPORTS / f"{{os.getpid()}}").write_text("{release}")


@workflow
def release(input: dict) -> dict:
    return {{"release": "{release}", "pid": os.getpid()}}
"""


@pytest.fixture(scope="module")
def imports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each worker notes which release it has imported."""
    return tmp_path_factory.mktemp("imports")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    folder = ProjectFolder(tmp_path_factory.mktemp("project"))
    folder.module("code", MODULE.format(release="one"))
    folder.integration(
        {
            "name": "Release",
            "trigger": {"request_response": True},
            "workflow": {"python": "code:release"},
        }
    )
    return folder


@pytest.fixture(scope="module")
def node(
    project: ProjectFolder, imports: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningNode]:
    environment = {"TEST_IMPORTS": str(imports), "FIRESTEEL_WORKERS": str(WORKERS)}
    with running_node(tmp_path_factory.mktemp("data"), project.path, **environment) as running:
        yield running


def all_have_imported(node: RunningNode, imports: Path, release: str) -> bool:
    """Every worker has the release's code, though nobody has called it."""
    pids = node.worker_pids
    have = [imports / str(pid) for pid in pids]
    return len(pids) == WORKERS and all(f.exists() and f.read_text() == release for f in have)


def releases_of_every_worker(node: RunningNode) -> set[str]:
    """What the workers answer, asked several at a time until each has answered."""
    answered: dict[int, str] = {}

    def all_answered() -> bool:
        with ThreadPoolExecutor(3 * WORKERS) as callers:
            for answer in callers.map(lambda _: node.call("Release").json(), range(3 * WORKERS)):
                answered[answer["pid"]] = answer["release"]
        return answered.keys() >= set(node.worker_pids)

    wait_until(all_answered)
    return set(answered.values())


def test_workers_are_listed_and_restarted_with_the_code_as_it_is_then(
    cli: CommandLine, node: RunningNode, project: ProjectFolder, imports: Path
) -> None:
    wait_until(lambda: all_have_imported(node, imports, "one"))
    before = {worker["pid"] for worker in cli.json("workers", "list")}
    assert before == set(node.worker_pids)
    assert os.getpid() not in before

    project.module("code", MODULE.format(release="two"))
    assert cli("workers", "restart") == 0, cli.err

    wait_until(lambda: all_have_imported(node, imports, "two"))
    after = cli.json("workers", "list")
    assert before.isdisjoint(worker["pid"] for worker in after)
    assert [(worker["running"], worker["ready"]) for worker in after] == [(0, True)] * WORKERS
    assert node.call("Release").json()["release"] == "two"


def test_code_that_changes_on_disk_reaches_no_worker_before_it_is_restarted(
    cli: CommandLine, node: RunningNode, project: ProjectFolder, imports: Path
) -> None:
    project.module("code", MODULE.format(release="three"))
    assert cli("workers", "restart") == 0, cli.err
    wait_until(lambda: all_have_imported(node, imports, "three"))

    project.module("code", MODULE.format(release="half done").replace("def", "fed"))

    assert releases_of_every_worker(node) == {"three"}


def test_apply_restarts_the_workers_where_it_is_asked_to(
    cli: CommandLine, node: RunningNode, project: ProjectFolder, imports: Path
) -> None:
    before = set(node.worker_pids)
    project.module("code", MODULE.format(release="four"))

    assert cli("apply", project.path) == 0, cli.err
    assert set(node.worker_pids) == before
    assert cli("apply", project.path, "--restart-workers") == 0, cli.err

    wait_until(lambda: all_have_imported(node, imports, "four"))
    assert before.isdisjoint(node.worker_pids)
    assert node.call("Release").json()["release"] == "four"
