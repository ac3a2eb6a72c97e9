"""P23: an ``sql`` step with ``once: true`` has its effect once, wherever its worker is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from firesteel.model import frames
from tests.conftest import Size
from tests.fault.defects import planted
from tests.fault.report import Report
from tests.support.engine_peer import EnginePeer
from tests.support.node import wait_until

KILLS = {"quick": 2, "full": 250, "soak": 2500}


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/erp.db"
    else:
        url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table stock (item text primary key, quantity integer)")
        connection.exec_driver_sql("insert into stock values ('A-100', 0)")
    yield engine
    engine.dispose()


def document() -> dict[str, Any]:
    take = {
        "connection": "erp",
        "statement": "update stock set quantity = quantity + 1 where item = :item",
        "parameters": {"item": "A-100"},
        "result": "count",
        "once": True,
    }
    look = {"connection": "erp", "statement": "select quantity from stock", "result": "one"}
    return {
        "name": "Take",
        "workflow": {"steps": [{"name": "take", "sql": take}, {"name": "look", "sql": look}]},
        "response": {"body": {"taken": "{% steps.take %}", "stock": "{% steps.look.quantity %}"}},
    }


def killed_after_the_commit(
    engine: sa.Engine, execution: str, *environment: tuple[str, str], told: bool = False
) -> None:
    """An attempt whose worker is killed after the target's commit, before the entry is journaled:
    as soon as others see the effect; ``told``: when the entry has been sent and nobody has
    confirmed it."""
    with EnginePeer.started(environment=dict(environment)) as peer:
        peer.confirm = False
        before = quantity(engine)
        peer.define(document(), connections(engine))
        peer.run(execution=execution)
        if told:
            assert peer.next(frames.Record).entry.step == "take"
        wait_until(lambda: quantity(engine) > before)
        peer.process.kill()


def taken_by_the_next(engine: sa.Engine, executions: list[str]) -> list[int]:
    """What the next worker's attempts at these executions say that they took."""
    with EnginePeer.started() as peer:
        peer.define(document(), connections(engine))
        outcomes = [peer.outcome(peer.run(execution=execution)) for execution in executions]
    assert all(outcome.response is not None for outcome in outcomes)
    return [json.loads(o.response.body)["taken"] for o in outcomes if o.response is not None]


def quantity(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        found: int = connection.scalar(sa.text("select quantity from stock")) or 0
    return found


def connections(engine: sa.Engine) -> dict[str, Any]:
    return {"erp": {"sql": engine.url.render_as_string(hide_password=False)}}


def test_p23_the_effect_is_there_once_after_every_kill(
    target: sa.Engine, size: Size, report: Report
) -> None:
    kills = KILLS[size]
    executions = [f"{number:032x}" for number in range(kills)]
    for number, execution in enumerate(executions):
        killed_after_the_commit(target, execution, told=bool(number % 2))
    taken = taken_by_the_next(target, executions)
    wrong = quantity(target) - kills
    report.row(
        "P23",
        "kills between commit and journal",
        cycles=kills,
        acknowledged=kills,
        lost=max(-wrong, 0),
        doubled=max(wrong, 0),
    )
    assert taken == [1] * kills
    assert wrong == 0


def test_p23_fails_when_the_marker_has_a_transaction_of_its_own(
    target: sa.Engine, report: Report
) -> None:
    killed_after_the_commit(target, "f" * 32, planted("marker_in_its_own_transaction"))
    taken_by_the_next(target, ["f" * 32])
    report.defect("P23", "marker_in_its_own_transaction", found=quantity(target) > 1)
    assert quantity(target) > 1
