"""Which processors a node's processes run on, where it may run on two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.node import ProjectFolder, running_node, wait_until

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two processors",
)


@pytest.fixture
def two() -> Iterator[set[int]]:
    """All that this thread, and the nodes that it starts, may run on."""
    own = os.sched_getaffinity(0)
    allowed = set(sorted(own)[:2])
    os.sched_setaffinity(0, allowed)
    yield allowed
    os.sched_setaffinity(0, own)


@pytest.mark.parametrize(("setting", "engine_has"), [("auto", 1), ("all", 2)])
def test_the_engine_keeps_to_one_of_two_processors_unless_it_is_told_not_to(
    two: set[int], tmp_path: Path, setting: str, engine_has: int
) -> None:
    project = ProjectFolder(tmp_path / "project")
    project.integration({"name": "Any"})
    with running_node(tmp_path / "data", project.path, FIRESTEEL_ENGINE_PROCESSORS=setting) as node:
        engine = os.sched_getaffinity(node.engine_pid)
        workers = [os.sched_getaffinity(pid) for pid in wait_until(lambda: node.worker_pids)]
    assert engine <= two
    assert len(engine) == engine_has
    assert all(worker == two for worker in workers)
