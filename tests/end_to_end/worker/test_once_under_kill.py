"""P23: an ``sql`` step with ``once: true`` has its effect once, wherever its worker is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from firesteel.model import frames
from tests.support.engine_peer import EnginePeer

KILLS = {"quick": 3, "full": 50, "soak": 500}


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


def document(*, once: bool) -> dict[str, Any]:
    take = {
        "connection": "erp",
        "statement": "update stock set quantity = quantity + 1 where item = :item",
        "parameters": {"item": "A-100"},
        "result": "count",
        "once": once,
    }
    look = {"connection": "erp", "statement": "select quantity from stock", "result": "one"}
    return {
        "name": "Take",
        "workflow": {"steps": [{"name": "take", "sql": take}, {"name": "look", "sql": look}]},
        "response": {"body": {"taken": "{% steps.take %}", "stock": "{% steps.look.quantity %}"}},
    }


def killed_before_the_journal(engine: sa.Engine, execution: str, *, once: bool) -> None:
    """An attempt whose worker is killed after the target's commit, before the entry is journaled:
    the entry has been sent, and nobody has confirmed it."""
    with EnginePeer.started() as peer:
        peer.confirm = False
        url = engine.url.render_as_string(hide_password=False)
        peer.define(document(once=once), {"erp": {"sql": url}})
        peer.run(execution=execution)
        assert peer.next(frames.Record).entry.step == "take"
        peer.process.kill()


def test_p23_the_effect_is_there_once_after_every_kill(target: sa.Engine, size: str) -> None:
    url = target.url.render_as_string(hide_password=False)
    for number in range(KILLS[size]):
        execution = f"{number:032x}"
        killed_before_the_journal(target, execution, once=True)
        killed_before_the_journal(target, execution, once=True)
        with EnginePeer.started() as peer:
            peer.define(document(once=True), {"erp": {"sql": url}})
            outcome = peer.outcome(peer.run(execution=execution))
        assert outcome.response is not None
        assert json.loads(outcome.response.body) == {"taken": 1, "stock": number + 1}


def test_p23_planted_defect_without_once_the_effect_is_doubled(target: sa.Engine) -> None:
    for _ in range(2):
        killed_before_the_journal(target, "f" * 32, once=False)
    with target.connect() as connection:
        assert connection.scalar(sa.text("select quantity from stock")) == 2
