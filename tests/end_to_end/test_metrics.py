"""What a node tells Prometheus is what has happened to it, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from firesteel.admin.metrics.families import FAMILIES
from tests.end_to_end.conftest import new_data_dir
from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until
from tests.support.postgres import Postgres
from tests.support.scrape import OPENMETRICS, Scrape, scrape

TRY_AGAIN = {"attempts": 2, "first_delay": "10ms"}
FAILS = {"name": "no", "fail": {"message": "not now", "permanent": False}}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    waits = {"request_response": True}
    project.connections({"sink": {"http": sink.url}})
    project.integration({"name": "Kept", "trigger": {"rate_limit": "1000/s"}})
    answers = {"steps": [{"name": "hello", "map": "hello"}]}
    project.integration({"name": "Answers", "trigger": waits, "workflow": answers})
    fails = {"retry": TRY_AGAIN, "steps": [FAILS]}
    project.integration({"name": "Fails", "trigger": waits, "workflow": fails})
    held = {"steps": [{"name": "held", "http": {"connection": "sink", "path": "/held"}}]}
    ordered = {"ordered_delivery": True}
    project.integration({"name": "Held", "trigger": ordered, "workflow": held})
    project.integration({"name": "Unused"})


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    sink: HttpServer,
) -> Iterator[RunningNode]:
    """A node on each store."""
    folder = tmp_path_factory.mktemp("project")
    fill(ProjectFolder(folder), sink)
    with postgres.database() as url:
        settings = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8", "FIRESTEEL_WORKERS": "1"}
        if request.param == "postgresql":
            settings["FIRESTEEL_DATABASE_URL"] = url
        with running_node(new_data_dir(tmp_path_factory), folder, **settings) as running:
            yield running


def of(found: Scrape, name: str, integration: str, **labels: str) -> float:
    return found.value(name, workspace="test", integration=integration, **labels)


def test_every_metric_that_is_described_is_told_with_its_type_and_labels_and_no_other_is(
    node: RunningNode,
) -> None:
    node.call("Answers", json={})
    found = scrape(node)
    own = {name: kind for name, kind in found.kinds.items() if name.startswith("firesteel_")}
    infos = {one.name for one in FAMILIES if one.kind == "info"}
    described = {
        f"{one.name}_info" if one.name in infos else one.name: (
            "gauge" if one.name in infos else one.kind
        )
        for one in FAMILIES
    }
    assert own == described
    labels = {one.name: {*one.labels} for one in FAMILIES}
    for name, has in found.samples:
        family = next((one for one in labels if name == one or name.startswith(f"{one}_")), None)
        if family is not None and name.startswith("firesteel_"):
            best = max((one for one in labels if name.startswith(one)), key=len)
            assert {label for label, _ in has} - {"le"} == labels[best], name


def test_openmetrics_is_told_to_who_asks_for_it(node: RunningNode) -> None:
    url = f"{node.address['admin_url']}/metrics"
    answer = node.client.get(url, headers={"accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "firesteel_calls" in {one.name for one in text_string_to_metric_families(answer.text)}
    assert node.client.get(url).headers["content-type"].startswith("text/plain")


def test_answers_and_refused_calls_are_counted_by_integration(node: RunningNode) -> None:
    before = scrape(node)
    for _ in range(3):
        assert node.call("Kept", json={}).status_code == 202
    assert node.call("Kept", headers={"x-api-key": "wrong"}).status_code == 401
    assert node.call("Kept", "PUT").status_code == 405
    assert node.client.get(f"{node.public_url}/test/Nothing").status_code == 404
    assert node.client.request("CONNECT", f"{node.public_url}/x").status_code == 400
    after = scrape(node)

    def more(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    kept = {"workspace": "test", "integration": "Kept"}
    assert more("calls_total", **kept, status="2xx") == 3
    assert more("calls_total", **kept, status="4xx") == 2
    assert more("calls_refused_total", **kept, reason="unauthorized") == 1
    assert more("calls_refused_total", **kept, reason="method_not_allowed") == 1
    assert more("messages_accepted_total", **kept) == 3
    assert more("accept_seconds_count", **kept) == 3
    assert more("accept_seconds_sum", **kept) > 0
    assert more("executions_ended_total", **kept, outcome="succeeded") == 3
    assert more("executions_settled_total", **kept) == 3
    assert more("other_calls_total", status="4xx") == 1
    assert more("requests_refused_total", port="public", reason="bad_request") == 1
    assert more("commit_seconds_count") >= 3
    assert after.value("connections", port="admin") >= 1
    assert after.value("store_available") == after.value("accepting") == 1
    assert after.value("nodes", role="all") == 1


def test_answers_retries_and_failures_are_counted_by_integration(node: RunningNode) -> None:
    before = scrape(node)
    assert node.call("Answers", json={}).status_code == 200
    assert node.call("Fails", json={}).status_code == 502
    after = scrape(node)
    answers = of(after, "answer_seconds_count", "Answers") - of(
        before, "answer_seconds_count", "Answers"
    )
    assert answers == 1
    assert of(after, "settle_seconds_count", "Fails") == 1
    assert of(after, "settle_seconds_sum", "Fails") > 0
    assert of(after, "retries_total", "Fails") == 1
    assert of(after, "attempts_failed_total", "Fails", kind="unknown") == 2
    assert of(after, "executions_ended_total", "Fails", outcome="failed") == 1
    assert of(after, "calls_total", "Fails", status="5xx") == 1


def test_p33_the_age_of_the_oldest_waiting_message_is_a_metric_of_each_trigger(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/held", Reply(gate=gate))
    node.call("Held", json={})
    wait_until(lambda: of(scrape(node), "executions_running", "Held") == 1)
    node.call("Held", json={})
    first = wait_until(lambda: of(scrape(node), "oldest_waiting_seconds", "Held"))
    wait_until(lambda: of(scrape(node), "oldest_waiting_seconds", "Held") > first)
    found = scrape(node)
    assert of(found, "executions_waiting", "Held") == 1
    assert of(found, "oldest_waiting_seconds", "Unused") == 0
    assert found.value("workers_busy") == found.value("worker_attempts") == 1
    gate.set()
    wait_until(lambda: of(scrape(node), "oldest_waiting_seconds", "Held") == 0)


def test_a_worker_that_dies_is_counted(node: RunningNode) -> None:
    before = scrape(node)
    os.kill(node.worker_pids[0], signal.SIGKILL)
    found = wait_until(
        lambda: (
            (now := scrape(node)).value("workers_joined_total")
            > before.value("workers_joined_total")
            and now
        )
    )
    assert found.value("workers_lost_total") == before.value("workers_lost_total") + 1
    assert found.value("worker_memory_bytes") > 0
