"""P37 with a standby: what docs/how-to/high-availability.md says of a synchronous one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.fault.checker import check
from tests.fault.history import History
from tests.fault.loader import Loader
from tests.fault.nodes import Nodes, Setting
from tests.fault.report import Report
from tests.fault.witness import Witness
from tests.support.node import wait_until
from tests.support.postgres import USER, Postgres
from tests.support.standby import execute, promote, standby_of, wait_for

TRIGGERS = ("Ordered", "Concurrent")
RATE_PER_S = 40.0
CALLS = 100
PROGRESS_S = 90.0
STEPS = 2
DATABASE = "fail_over"


@contextlib.contextmanager
def primary_and_standby() -> Iterator[tuple[Postgres, Postgres]]:
    """Commits wait for the standby, and there is a database."""
    with Postgres.started() as primary, standby_of(primary, "standby_a") as standby:
        wait_for(primary, "standby_a")
        execute(primary, f"CREATE DATABASE {DATABASE}")
        yield primary, standby


def both(primary: Postgres, standby: Postgres) -> str:
    """The URL that leads to whichever takes writes."""
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    login = f"{USER}:{primary.password}"
    return f"postgresql://{login}@{hosts}/{DATABASE}?target_session_attrs=read-write"


def test_p37_a_fail_over_to_a_synchronous_standby_loses_nothing_that_was_accepted(
    tmp_path: Path, report: Report
) -> None:
    with (
        primary_and_standby() as (primary, standby),
        Witness.started(tmp_path / "effects.jsonl") as witness,
        Nodes.started(tmp_path, two_nodes(both(primary, standby), witness)) as nodes,
    ):
        loader = Loader(nodes, TRIGGERS, RATE_PER_S)
        known = loader.recorder
        with loader.running():
            known.wait_for(CALLS, PROGRESS_S)
            primary.kill()
            promote(standby)
            known.wait_for(known.acknowledged + CALLS, PROGRESS_S)
        nodes.wait_at_rest(PROGRESS_S)
        books, endings = tuple(nodes.balances()), tuple(nodes.endings())
        history = History(known.calls(), witness.effects(), endings, STEPS, books)
    report.history("P37", "fail-over to a synchronous standby", cycles=1, history=history)
    assert check(history) == []


@pytest.mark.full
def test_p37_without_its_synchronous_standby_nothing_is_acknowledged(tmp_path: Path) -> None:
    with (
        primary_and_standby() as (primary, standby),
        Witness.started(tmp_path / "effects.jsonl") as witness,
        Nodes.started(tmp_path, two_nodes(both(primary, standby), witness)) as nodes,
    ):
        loader = Loader(nodes, TRIGGERS, RATE_PER_S)
        known = loader.recorder
        with loader.running():
            known.wait_for(CALLS, PROGRESS_S)
            standby.stop()
            before = known.acknowledged
            refused = len(refusals(loader))
            wait_until(lambda: len(refusals(loader)) > refused + CALLS // 10, PROGRESS_S)
            # What was under way when the standby ended may have had its confirmation.
            meanwhile = known.acknowledged - before
            standby.start()
            known.wait_for(known.acknowledged + CALLS, PROGRESS_S)
        nodes.wait_at_rest(PROGRESS_S)
        books, endings = tuple(nodes.balances()), tuple(nodes.endings())
        history = History(known.calls(), witness.effects(), endings, STEPS, books)
    assert meanwhile <= CALLS // 10
    assert check(history) == []


@pytest.mark.full
def test_p37_fails_when_the_standby_is_not_a_synchronous_one(
    tmp_path: Path, report: Report
) -> None:
    """What a standby that nobody waited for has not received is gone."""
    with (
        primary_and_standby() as (primary, standby),
        Witness.started(tmp_path / "effects.jsonl") as witness,
    ):
        execute(primary, "ALTER SYSTEM RESET synchronous_standby_names")
        execute(primary, "SELECT pg_reload_conf()")
        with Nodes.started(tmp_path, two_nodes(both(primary, standby), witness)) as nodes:
            loader = Loader(nodes, TRIGGERS, RATE_PER_S)
            with loader.running():
                loader.recorder.wait_for(CALLS // 4, PROGRESS_S)
                standby.stop()
                loader.recorder.wait_for(loader.recorder.acknowledged + CALLS, PROGRESS_S)
        primary.kill()
        standby.start()
        promote(standby)
        with psycopg.connect(standby.url(DATABASE).replace("+psycopg", "")) as connection:
            stored = connection.execute("SELECT id FROM message").fetchall()
    acknowledged = {call.message_id for call in loader.recorder.calls() if call.outcome == "ok"}
    lost = acknowledged - {row[0] for row in stored}
    report.defect("P37", "asynchronous standby", found=bool(lost))
    assert lost


def refusals(loader: Loader) -> list[object]:
    """Calls that were not acknowledged."""
    return [call for call in loader.recorder.calls() if call.outcome != "ok"]


def two_nodes(url: str, witness: Witness) -> Setting:
    return Setting(url, ("all", "all"), tuple(witness.environment().items()))
