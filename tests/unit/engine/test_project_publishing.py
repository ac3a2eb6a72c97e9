"""A project folder is published at the node's start, also by workers that start later than it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from firesteel.engine import project_publishing
from firesteel.engine.questions import NoWorker

DOCUMENT = "name: Orders\nworkflow: {steps: [{name: one, map: 1}]}\n"


class LatePublisher:
    """A publisher whose workers answer after ``asked`` questions."""

    def __init__(self, asked: int) -> None:
        self.left = asked
        self.published: list[str] = []

    async def publish(self, _workspace: str, document: Any, **_options: Any) -> Any:
        if self.left:
            self.left -= 1
            raise NoWorker("no worker is connected")
        self.published.append(document["name"])
        return SimpleNamespace(changed=False, keys=())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(project_publishing, "ASK_AGAIN_S", 0)
    (tmp_path / "integrations").mkdir()
    (tmp_path / "integrations" / "Orders.yaml").write_text(DOCUMENT)
    return tmp_path


async def test_a_file_waits_for_workers_that_start_late(folder: Path) -> None:
    publisher: Any = LatePublisher(3)

    with capture_logs() as logs:
        await project_publishing.apply_project(publisher, folder, "acme")

    assert publisher.published == ["Orders"]
    assert logs == []


async def test_a_node_comes_up_though_no_worker_does(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_publishing, "PATIENCE_S", 0)
    publisher: Any = LatePublisher(1_000)

    with capture_logs() as logs:
        await project_publishing.apply_project(publisher, folder, "acme")

    assert [line["event"] for line in logs] == ["integration_not_published"]
    assert publisher.left == 999
