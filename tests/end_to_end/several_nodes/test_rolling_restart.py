"""Nodes are replaced one by one while calls run: no caller is refused."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2
import pytest

from tests.support.cluster import Cluster, Member, balanced, new_key
from tests.support.node import KEY, ProjectFolder, wait_until
from tests.support.postgres import Postgres

CALLERS = 3
WAIT_S = 60.0
ECHO = """
from firesteel import workflow

@workflow
def echo(input):
    return input["body"]
"""


@dataclass
class Callers:
    """Each goes on calling on a connection that it keeps as long as it is let. ``made``: calls, by
    caller; ``answers``: how often each status, or the kind of error, was the end of one."""

    url: str
    made: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    _done: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CALLERS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(WAIT_S)

    def go_on(self) -> None:
        """Until each has ended two more calls: so one that began from now on."""
        before = dict(self.made)
        wait_until(lambda: all(self.made[n] - before.get(n, 0) > 1 for n in range(CALLERS)))

    def _call(self, caller: int) -> None:
        with httpx2.Client(timeout=WAIT_S, headers={"x-api-key": KEY}) as client:
            while not self._done.is_set():
                number = self.made[caller]
                try:
                    answer = client.post(f"{self.url}/test/Echo", json={"n": number})
                    same = answer.status_code != 200 or answer.json() == {"n": number}
                    said = str(answer.status_code) if same else "crossed"
                except httpx2.HTTPError as error:
                    said = type(error).__name__
                self.answers[said] += 1
                self.made[caller] += 1


@pytest.fixture
def members(postgres: Postgres, migrated_database: str, tmp_path: Path) -> Iterator[list[Member]]:
    """Two nodes of all roles, which stop an hour after they were told to, or when told again."""
    project = ProjectFolder(tmp_path / "project")
    project.module("echo", ECHO)
    workflow = {"python": "echo:echo"}
    document = {"name": "Echo", "trigger": {"request_response": True}, "workflow": workflow}
    project.integration(document)
    with postgres.database(template=migrated_database) as url:
        environment = {
            "FIRESTEEL_DATABASE_URL": url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_SHUTDOWN_DELAY": "1h",
        }
        cluster = Cluster(tmp_path, project.path, environment)
        pair = [cluster.add("one"), cluster.add("other")]
        try:
            cluster.start()
            yield pair
        except BaseException:
            cluster.print_output()
            raise
        finally:
            for member in pair:
                if member.alive:
                    member.kill()


def test_p28_nodes_behind_a_balancer_are_restarted_one_by_one_and_no_call_is_refused(
    members: list[Member],
) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with balanced(members, tell=told.put) as port:
        for _ in members:
            until_told(told, "is up")
        with Callers(f"http://127.0.0.1:{port}") as callers:
            for member in members:
                process = member.running.process
                process.terminate()
                until_told(told, f":{member.port} is down")
                callers.go_on()
                assert process.poll() is None
                process.terminate()
                assert process.wait(WAIT_S) == 0
                member.stop()
                member.start()
                until_told(told, f":{member.port} is up")
                callers.go_on()
    assert set(callers.answers) == {"200"}
    assert sum(callers.answers.values()) >= 8 * CALLERS


def until_told(told: queue.SimpleQueue[str], what: str) -> None:
    """Until the balancer has said so."""
    while what not in told.get(timeout=WAIT_S):
        pass
