"""The public port: rates are told with every answer, and lanes have a length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import new_data_dir
from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.postgres import Postgres
from tests.support.public_port import code_of

POLICY = '"consumer";q=2;w=7200'


def fill(project: ProjectFolder) -> None:
    limited = {"rate_limit": {"rate": "1/h", "burst": 2}, "body": "json"}
    project.integration({"name": "Limited", "trigger": limited})
    project.integration({"name": "Unlimited"})
    lane = {"key": "body.customer", "max_length": 2}
    step = {"name": "wait", "fail": {"message": "not now", "permanent": False}}
    ordered = {
        "name": "Ordered",
        "trigger": {"ordered_delivery": lane},
        "workflow": {"retry": {"attempts": 9, "first_delay": "1h"}, "steps": [step]},
    }
    project.integration(ordered)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[RunningNode]:
    """A node on each store."""
    folder = tmp_path_factory.mktemp("project")
    fill(ProjectFolder(folder))
    with postgres.database() as url:
        settings = {"FIRESTEEL_DATABASE_URL": url} if request.param == "postgresql" else {}
        with running_node(new_data_dir(tmp_path_factory), folder, **settings) as running:
            yield running


def test_every_answer_behind_the_check_of_the_rate_tells_of_it(node: RunningNode) -> None:
    refused = node.call("Limited", headers={"x-api-key": "wrong"}, json={})
    assert (refused.status_code, "ratelimit" in refused.headers) == (401, False)
    json_body = {"content-type": "application/json"}
    answers = [
        node.call("Limited", content=body, headers=json_body) for body in (b"{}", b"{", b"{}")
    ]
    assert [answer.status_code for answer in answers] == [202, 400, 429]
    assert [answer.headers["ratelimit-policy"] for answer in answers] == [POLICY] * 3
    left = [answer.headers["ratelimit"].split(";") for answer in answers]
    assert [parts[:2] for parts in left] == [['"consumer"', f"r={rest}"] for rest in (1, 0, 0)]
    assert left[2][2] == f"t={answers[2].headers['retry-after']}"


def test_a_trigger_without_a_rate_limit_tells_of_none(node: RunningNode) -> None:
    answer = node.call("Unlimited", json={})
    assert (answer.status_code, "ratelimit" in answer.headers) == (202, False)
    assert "ratelimit-policy" not in answer.headers


def test_a_full_lane_is_429_and_other_lanes_are_not(node: RunningNode) -> None:
    for customer in ("a", "b"):
        answers = [node.call("Ordered", json={"customer": customer}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert code_of(answers[2]) == "lane_full"
        assert "retry-after" in answers[2].headers
