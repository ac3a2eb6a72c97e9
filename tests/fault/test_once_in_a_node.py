"""P23 in a whole node: its engine is killed after a target's commits and before it knows of them.

The target is locked, so that the steps of several executions stand before their effect; the engine
is stopped, the lock is let go, and the workers commit one step after the other without being able
to tell anybody. Then the engine is killed, and its workers with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from tests.conftest import Size
from tests.fault.report import Report
from tests.support.node import ProjectFolder, RunningNode, running_node, wait_until

KILLS = {"quick": 1, "full": 50, "soak": 500}
AT_ONCE = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a node with its store there."""
    if request.param == "sqlite":
        return {}
    return {"FIRESTEEL_DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/erp.db"
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgres").database())
        engine = sa.create_engine(url)
        stack.callback(engine.dispose)
        with engine.begin() as connection:
            connection.exec_driver_sql("create table taken (item text)")
        yield engine


def project_of(folder: Path, target: sa.Engine) -> ProjectFolder:
    take = {
        "connection": "erp",
        "statement": "insert into taken values (:item)",
        "parameters": {"item": "{% input.body.item %}"},
        "once": True,
    }
    workflow = {
        "steps": [{"name": "take", "sql": take}],
        "retry": {"attempts": 50, "first_delay": "20ms", "factor": 1},
    }
    project = ProjectFolder(folder / "project")
    project.integration({"name": "Take", "workflow": workflow})
    url = target.url.render_as_string(hide_password=False)
    project.connections({"erp": {"sql": url}})
    return project


@contextlib.contextmanager
def locked(target: sa.Engine) -> Iterator[None]:
    """Nobody else writes the target for the length of the block."""
    options = {"isolation_level": "AUTOCOMMIT"}
    sqlite = target.dialect.name == "sqlite"
    with target.connect().execution_options(**options) as connection:
        connection.exec_driver_sql("begin immediate" if sqlite else "begin")
        if not sqlite:
            connection.exec_driver_sql("lock table taken in exclusive mode")
        yield
        connection.exec_driver_sql("rollback")


def killed_before_it_knows(node: RunningNode, target: sa.Engine, items: list[str]) -> None:
    """Executions whose effects are committed and in no journal when their engine is killed."""
    before = len(taken(target))
    with locked(target):
        for item in items:
            wait_until(lambda item=item: accepted(node, item))
        wait_until(lambda: running(node) >= len(items))
        engine = node.engine_pid
        os.kill(engine, signal.SIGSTOP)
    try:
        wait_until(lambda: len(taken(target)) >= before + len(items))
    finally:
        os.kill(engine, signal.SIGKILL)
    node.wait_ready()
    wait_until(lambda: at_rest(node))


def accepted(node: RunningNode, item: str) -> bool:
    """Called with a key, so that a call without an answer may be made again."""
    with contextlib.suppress(httpx2.HTTPError):
        answer = node.call("Take", json={"item": item}, headers={"idempotency-key": item})
        return answer.status_code == 202
    return False


def running(node: RunningNode) -> int:
    return sum(worker["running"] for worker in node.admin("GET", "/workers"))


def at_rest(node: RunningNode) -> bool:
    (books,) = node.admin("GET", "/workspaces/test/statistics")
    return not books["waiting"] + books["running"]


def taken(target: sa.Engine) -> list[str]:
    """The effects, as the target has them."""
    with target.connect() as connection:
        return list(connection.scalars(sa.text("select item from taken")))


def test_p23_the_effects_are_there_once_after_every_kill_of_an_engine(
    target: sa.Engine, store: dict[str, str], tmp_path: Path, size: Size, report: Report
) -> None:
    kills, found = KILLS[size], Counter[str]()
    rounds = [[f"i{kill}-{n}" for n in range(AT_ONCE)] for kill in range(kills)]
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with running_node(data, project_of(tmp_path, target).path, **store) as node:
        for items in rounds:
            killed_before_it_knows(node, target, items)
        interruptions = interruptions_of(node)
        found.update(taken(target))
    known = list(itertools.chain(*rounds))
    report.row(
        "P23",
        f"engines killed between commit and journal{', store on PostgreSQL' if store else ''}",
        cycles=kills,
        acknowledged=len(known),
        lost=sum(not found[item] for item in known),
        doubled=sum(found[item] > 1 for item in known),
        note=f"{sum(map(bool, interruptions))} executions interrupted",
    )
    assert found == Counter(known)
    assert min(interruptions) > 0


def interruptions_of(node: RunningNode) -> list[int]:
    """Of every message's execution."""
    page = node.admin("GET", "/workspaces/test/messages", params={"limit": 500})
    assert page["next"] is None
    known = (node.admin("GET", f"/workspaces/test/messages/{one['id']}") for one in page["items"])
    return [len(message["executions"][-1]["failed_attempts"]) for message in known]
