"""P23 over nodes: a node is killed after a target's commit and before anybody knows of it, and
another node, which takes over, does not do it again.

The target is locked, so that steps on both worker nodes stand before their effect; their engines
are stopped, the lock is let go, and the workers commit without being able to tell anybody. Then one
node is killed as a whole, and the other goes on. The lease is the true one: workers whose lease has
ended before the lock is let go would rightly begin nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.fault.test_once_in_a_node import (
    accepted,
    at_rest,
    interruptions_of,
    locked,
    project_of,
    running,
    taken,
)
from tests.support.cluster import Cluster, Member, new_key
from tests.support.node import wait_until

KILLS = {"quick": 1, "full": 10, "soak": 100}
KILLS_OF_A_DEFECT = 2
AT_ONCE = 6


@dataclass
class Place:
    """A gateway and two workers, and the target of their workflow."""

    cluster: Cluster
    target: sa.Engine

    @property
    def gateway(self) -> Member:
        return self.cluster.members["gateway"]

    @property
    def workers(self) -> list[Member]:
        return [self.cluster.members["one"], self.cluster.members["two"]]

    def kill_one(self, items: list[str]) -> None:
        """One round; all of it is at rest again."""
        node, before = self.gateway.running, len(taken(self.target))
        with locked(self.target):
            for item in items:
                wait_until(lambda item=item: accepted(node, item))
            wait_until(lambda: sum(running(m.running) for m in self.workers) >= len(items))
            victim, heir = sorted(self.workers, key=lambda m: -running(m.running))
            engines = [member.running.engine_pid for member in (victim, heir)]
            for engine in engines:
                os.kill(engine, signal.SIGSTOP)
        try:
            wait_until(lambda: len(taken(self.target)) >= before + len(items))
            victim.kill()
        finally:
            os.kill(engines[1], signal.SIGCONT)
        wait_until(lambda: at_rest(node))
        victim.start()


@contextlib.contextmanager
def placed(folder: Path, url: str, target: str, *environment: tuple[str, str]) -> Iterator[Place]:
    """``environment``: of all nodes, such as a defect."""
    engine = sa.create_engine(target)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table taken (item text)")
    settings = {
        "FIRESTEEL_DATABASE_URL": url,
        "FIRESTEEL_ENCRYPTION_KEY": new_key(),
        "FIRESTEEL_WORKERS": "1",
        "FIRESTEEL_LOG_LEVEL": "warning",
        **dict(environment),
    }
    cluster = Cluster(folder, project_of(folder, engine).path, settings)
    cluster.add("gateway", "gateway")
    for name in ("one", "two"):
        cluster.add(name, "worker")
    try:
        cluster.start()
        yield Place(cluster, engine)
    except BaseException:
        cluster.print_output()
        raise
    finally:
        cluster.stop()
        engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database beside the store's."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/erp.db"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url


def test_p23_what_a_dead_node_has_done_another_does_not_do_again(
    target: str, postgres_url: str, tmp_path: Path, size: Size, report: Report
) -> None:
    rounds = [[f"i{kill}-{n}" for n in range(AT_ONCE)] for kill in range(KILLS[size])]
    with placed(tmp_path, postgres_url, target) as place:
        for items in rounds:
            place.kill_one(items)
        interruptions = interruptions_of(place.gateway.running)
        found = Counter(taken(place.target))
    known = list(itertools.chain(*rounds))
    report.row(
        "P23",
        "a worker node of two killed between commit and journal",
        cycles=len(rounds),
        acknowledged=len(known),
        lost=sum(not found[item] for item in known),
        doubled=sum(found[item] > 1 for item in known),
        note=f"{sum(map(bool, interruptions))} executions taken over",
    )
    assert found == Counter(known)
    assert sum(map(bool, interruptions)) >= len(rounds)


# The same defect is found in one worker too.
@pytest.mark.full
def test_p23_fails_where_the_marker_has_its_own_transaction(
    postgres_url: str, tmp_path: Path, report: Report
) -> None:
    defect = "marker_in_its_own_transaction"
    target, found = f"sqlite:///{tmp_path}/erp.db", Counter[str]()
    with placed(tmp_path, postgres_url, target, planted(defect)) as place:
        for kill in range(KILLS_OF_A_DEFECT):
            place.kill_one([f"i{kill}-{n}" for n in range(AT_ONCE)])
            found = Counter(taken(place.target))
            if max(found.values()) > 1:
                break
    report.defect("P23", f"{defect}, several nodes", found=max(found.values()) > 1)
    assert max(found.values()) > 1
