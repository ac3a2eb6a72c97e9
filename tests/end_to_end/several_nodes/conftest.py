"""Three nodes on one PostgreSQL: a gateway, a worker, and one that is both.

Their workflows tell the module's sink what they do; ``place`` is what they know of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.support.cluster import Cluster, Member, new_key
from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, wait_until
from tests.support.postgres import Postgres

WORKFLOWS = """
import os, time, urllib.request
from firesteel import Message, workflow

SINK = os.environ["SINK"]

def tell(what):
    urllib.request.urlopen(SINK + what, timeout=60).read()

@workflow
def who(input): return {"pid": os.getpid(), "body": input["body"]}

@workflow
def counted(input, message: Message):
    name = message.path.rpartition("/")[2]
    tell(f"/begin/{name}")
    time.sleep(0.02)
    tell(f"/end/{name}")
"""


@dataclass
class Place:
    """``cluster`` and the ``sink`` that its workflows call."""

    cluster: Cluster
    sink: HttpServer

    @property
    def gateway(self) -> Member:
        return self.cluster.members["gateway"]

    @property
    def worker(self) -> Member:
        return self.cluster.members["worker"]

    @property
    def both(self) -> Member:
        return self.cluster.members["both"]

    def publish(self, member: Member, document: dict[str, Any]) -> None:
        """Publish an integration by a node's REST API, with the tests' key."""
        key = {"api_key": {"label": "tester", "value": KEY}}
        trigger = {"authentication": [key], **document.pop("trigger", {})}
        path = f"/workspaces/test/integrations/{document['name']}"
        member.running.admin("PUT", path, json={**document, "trigger": trigger})

    def message(self, member: Member, answer: httpx2.Response) -> Any:
        """What a node's REST API says of a message."""
        message_id = answer.headers["firesteel-message-id"]
        return member.running.admin("GET", f"/workspaces/test/messages/{message_id}")


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.connections(
        {
            "sink": {"http": sink.url},
            "secretive": {"http": sink.url, "headers": {"x-token": "${TOKEN}"}},
        }
    )
    project.module("flows", WORKFLOWS)
    waits = {"request_response": {"timeout": "60s"}}
    held = {"name": "held", "http": {"connection": "sink", "method": "POST", "path": "held"}}
    project.integration({"name": "Who", "trigger": waits, "workflow": {"python": "flows:who"}})
    project.integration(
        {
            "name": "Held",
            "trigger": waits,
            "workflow": {"steps": [held], "retry": {"attempts": 1}, "timeout": "120s"},
        }
    )
    for name, trigger in (
        ("Limited", {"concurrency": 2}),
        ("Alone", {"concurrency": 1}),
        ("Ordered", {"ordered_delivery": True}),
    ):
        workflow = {"python": "flows:counted"}
        project.integration({"name": name, "trigger": trigger, "workflow": workflow})
    fails = {"fail": {"message": "no", "permanent": True}}
    project.integration({"name": "Fails", "workflow": {"steps": [{"name": "no", **fails}]}})


@pytest.fixture(scope="module")
def place(
    postgres: Postgres, migrated_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Ready; stopped at the module's end."""
    folder = tmp_path_factory.mktemp("nodes")
    with HttpServer.started() as sink, postgres.database(template=migrated_database) as url:
        fill(ProjectFolder(folder / "project"), sink)
        environment = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
            "FIRESTEEL_SHUTDOWN_TIMEOUT": "30s",
            "SINK": sink.url,
            "TOKEN": "from the environment",
        }
        cluster = Cluster(folder, folder / "project", environment)
        cluster.add("gateway", "gateway")
        cluster.add("worker", "worker")
        cluster.add("both", "all")
        try:
            cluster.start()
            yield Place(cluster, sink)
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()


@pytest.fixture
def gate(place: Place) -> Iterator[threading.Event]:
    """Until it is set, the sink does not answer ``Held``; open at the test's end."""
    event = threading.Event()
    place.sink.received.clear()
    place.sink.reply("/held", Reply.json({"held": True}, gate=event))
    yield event
    event.set()


def refused(node: RunningNode) -> str:
    """What a node says that does not start."""
    assert node.process.wait(60) == 1
    node.client.close()
    wait_until(lambda: not node.lines.empty())
    node.print_output()
    return "".join(node.output)
