"""A node, and the command line that operates it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firesteel.cli.app import run
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node

WORKFLOWS = """
from firesteel import PermanentError, Response, workflow


@workflow
def echo(input: dict) -> Response:
    return Response({"seen": input["query"]}, status=200)


@workflow
def refuse(input: dict) -> None:
    raise PermanentError("the ERP says no")
"""


@dataclass
class CommandLine:
    """Runs commands against the node; ``out`` and ``err`` are of the last one."""

    capsys: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str | Path) -> int:
        self.capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        return code

    def json(self, *arguments: str | Path) -> Any:
        """The result of a command that must succeed."""
        code = self(*arguments, "--json")
        assert code == 0, self.err
        return json.loads(self.out)


def fill(project: ProjectFolder) -> None:
    """Three integrations: one answers, one is ordered, one fails."""
    project.module("jobs", WORKFLOWS)
    project.integration(
        {
            "name": "Echo",
            "trigger": {
                "request_response": True,
                "query_parameters": [{"name": "item", "default": "none"}],
            },
            "workflow": {"python": "jobs:echo"},
        }
    )
    project.integration(
        {
            "name": "Orders",
            "trigger": {"ordered_delivery": {"key": "body.customer_no"}},
            "search": {"order_no": "body.order_no"},
            "workflow": {"python": "jobs:echo"},
        }
    )
    project.integration(
        {"name": "Refused", "workflow": {"python": "jobs:refuse"}},
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    folder = ProjectFolder(tmp_path_factory.mktemp("project"))
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def node(project: ProjectFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("data"), project.path) as running:
        yield running


@pytest.fixture
def cli(
    node: RunningNode,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> CommandLine:
    for name in list(os.environ):
        if name.startswith("FIRESTEEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(node.data_dir))
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


@pytest.fixture
def secret() -> str:
    """The secret of the key labelled tester."""
    return KEY
