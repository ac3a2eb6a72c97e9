"""A node's store is moved to PostgreSQL, and the node goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node, start_node, wait_until
from tests.support.processes import children, wait_gone
from tests.support.public_port import workflows

STEPS = '''

@workflow
def notes(input, message):
    """Tells the sink whose turn it is; the first of a lane waits there until it may go on."""
    body = input["body"]
    if body.get("hold"):
        tell("/hold")
    tell(f"/{body['lane']}/{message.sequence}")
'''
LANES = ("a", "b")
EACH = 5


@pytest.fixture
def project(tmp_path: Path, http_server: HttpServer) -> Path:
    folder = ProjectFolder(tmp_path / "project")
    folder.module("work", workflows(http_server.url, STEPS))
    trigger = {"ordered_delivery": {"key": "body.lane"}}
    folder.integration({"name": "Orders", "trigger": trigger, "workflow": {"python": "work:notes"}})
    return folder.path


def accepted(node: RunningNode, lane: str, number: int) -> httpx2.Response:
    body = {"lane": lane, "hold": number == 1}
    headers = {"idempotency-key": f"{lane}-{number}"}
    answer = node.call("Orders", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer


def told(sink: HttpServer) -> list[tuple[str, int]]:
    """Lanes and sequences in the order in which the sink was told."""
    paths = [received.path.split("/")[1:] for received in list(sink.received)]
    return [(path[0], int(path[1])) for path in paths if len(path) == 2]


def moved(data_dir: Path, url: str) -> dict[str, Any]:
    command = ("migrate-store", "--from", f"sqlite:///{data_dir}/firesteel.db", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "firesteel", *command],
        env={**os.environ, "FIRESTEEL_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_waiting_lanes_go_on_in_order_with_their_sequences_after_a_move(
    data_dir: Path, project: Path, postgres_url: str, http_server: HttpServer
) -> None:
    """The heads of both lanes run when the node is killed; all others wait."""
    gate = threading.Event()
    http_server.reply("/hold", Reply(gate=gate))
    node = start_node(data_dir, project, FIRESTEEL_OUTGOING_ALLOW="127.0.0.0/8")
    first = [accepted(node, lane, number + 1) for number in range(EACH) for lane in LANES]
    http_server.wait_for(len(LANES))
    processes = children(node.process.pid)
    node.kill()
    node.client.close()
    wait_gone(processes)
    result = moved(data_dir, postgres_url)
    gate.set()
    environment = {
        "FIRESTEEL_DATABASE_URL": postgres_url,
        "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
    }
    with running_node(data_dir, project, **environment) as node:
        later = [accepted(node, lane, EACH + 1) for lane in LANES]
        again = [accepted(node, lane, number + 1) for number in range(EACH) for lane in LANES]
        states = {
            node.until_settled(answer)["state"] for answer in (*first_of(node, first), *later)
        }
        wait_until(lambda: len(told(http_server)) == (EACH + 1) * len(LANES))
    sequences = [answer.json()["sequence"] for answer in (*first, *later)]
    assert result["interrupted"] == len(LANES)
    assert sequences == list(range(1, (EACH + 1) * len(LANES) + 1))
    assert [one.json()["id"] for one in again] == [one.json()["id"] for one in first]
    assert states == {"succeeded"}
    for place, lane in enumerate(LANES):
        wanted = [sequence for sequence in sequences if sequence % len(LANES) == (place + 1) % 2]
        assert [sequence for name, sequence in told(http_server) if name == lane] == wanted


def first_of(node: RunningNode, answers: list[httpx2.Response]) -> list[httpx2.Response]:
    """What the old node has answered, with the address of the new one."""
    for answer in answers:
        address = httpx2.URL(node.public_url)
        answer.request.url = answer.request.url.copy_with(port=address.port)
    return answers
