"""A lane takes as many messages as its trigger says, and no more."""

from __future__ import annotations

from pathlib import Path

from tests.fault.defects import planted
from tests.support.node import ProjectFolder, RunningNode, running_node

LENGTH = 3


def taken(node: RunningNode, calls: int) -> int:
    """How many of so many calls of one lane, whose head waits for its next try, are accepted."""
    answers = [node.call("Ordered", json={"customer": "a"}) for _ in range(calls)]
    assert {answer.status_code for answer in answers} <= {202, 429}
    return sum(answer.status_code == 202 for answer in answers)


def accepted(folder: Path, *defect: tuple[str, str]) -> int:
    project = ProjectFolder(folder / "project")
    lane = {"key": "body.customer", "max_length": LENGTH}
    step = {"name": "wait", "fail": {"message": "not now", "permanent": False}}
    workflow = {"retry": {"attempts": 9, "first_delay": "1h"}, "steps": [step]}
    document = {"name": "Ordered", "trigger": {"ordered_delivery": lane}, "workflow": workflow}
    project.integration(document)
    with running_node(folder / "data", project.path, **dict(defect)) as node:
        return taken(node, LENGTH + 2)


def test_a_lane_takes_no_more_than_its_length(tmp_path: Path) -> None:
    assert accepted(tmp_path) == LENGTH


def test_a_lane_takes_too_many_when_its_length_is_not_looked_at(tmp_path: Path) -> None:
    assert accepted(tmp_path, planted("lanes_without_a_length")) == LENGTH + 2
