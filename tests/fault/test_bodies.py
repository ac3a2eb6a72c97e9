"""P05: what the test of exact bytes must find. The test itself is end-to-end, with hypothesis."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.stores import DEFECTS_ON, kept_on, told
from tests.support.node import ProjectFolder, running_node
from tests.support.public_port import workflows

NO_TEXT = b"\xff\xfe\x00 no text"


def seen(folder: Path, **environment: str) -> bytes:
    """What a workflow gets of such a body."""
    project = ProjectFolder(folder / "project")
    project.module("work", workflows("http://127.0.0.1:9"))
    trigger = {"request_response": True}
    received = {"python": "work:received"}
    project.integration({"name": "Echo", "trigger": trigger, "workflow": received})
    (folder / "data").mkdir(mode=0o700)
    with running_node(folder / "data", project.path, **environment) as node:
        return base64.b64decode(node.call("Echo", content=NO_TEXT).json()["body"])


@pytest.mark.parametrize("store", DEFECTS_ON)
def test_p05_fails_when_bodies_are_taken_for_text(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, report: Report
) -> None:
    with kept_on(store, request) as environment:
        found = seen(tmp_path, **dict([*environment, planted("bodies_as_text")])) != NO_TEXT
    report.defect("P05", told("bodies_as_text", store), found=found)
    assert found
