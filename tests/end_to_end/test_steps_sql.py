"""The sql step against real databases: SQLite and PostgreSQL 18."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.end_to_end.steps import Steps
from tests.support.markdown import DOCS
from tests.support.node import ProjectFolder, RunningNode, running_node
from tests.support.postgres import Postgres

INJECTION = "x'); drop table item; --"

# Dies between the target's commit and the journal: when a connection has been given back to its
# pool, the row is committed and nobody in the worker knows yet.
ARMED = """
import os
import signal
from pathlib import Path

import sqlalchemy as sa

FIRED = Path(os.environ["TEST_FIRED"])
armed = []


def arm(url, order_no):
    if not armed:
        sa.event.listen(sa.pool.Pool, "checkin", given_back)
    armed[:] = [url, order_no]


def given_back(connection, record):
    url, order_no = armed
    fired = FIRED / order_no
    if fired.exists():
        return
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    fired.touch()  # before the look, which gives a connection back too
    with engine.connect() as looking:
        statement = sa.text("select count(*) from work_order where order_no = :no")
        if looking.execute(statement, {"no": order_no}).scalar():
            os.kill(os.getpid(), signal.SIGKILL)
    fired.unlink()
"""


@pytest.fixture(scope="module")
def urls(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The target databases by the name of their connection."""
    with postgres.database() as postgres_url:
        sqlite = tmp_path_factory.mktemp("erp") / "erp.db"
        yield {"sqlite": f"sqlite:///{sqlite}", "postgresql": postgres_url}


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fired")


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, urls: dict[str, str], fired: Path
) -> Iterator[RunningNode]:
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    project.connections(
        {name: {"sql": url} for name, url in urls.items()}
        | {"readonly": {"sql": urls["sqlite"], "read_only": True}}
    )
    project.module("armed", ARMED)
    data_dir = tmp_path_factory.mktemp("data")
    with running_node(data_dir, project.path, TEST_FIRED=str(fired)) as running:
        yield running


@pytest.fixture
def steps(node: RunningNode) -> Steps:
    return Steps(node)


class Target:
    """A database as the test sees it."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)

    def run(self, *statements: str) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, urls: dict[str, str]) -> Target:
    """The database with the tables of the tests, filled anew."""
    database = Target(request.param, urls[request.param])
    database.run(
        "drop table if exists item",
        "drop table if exists work_order",
        "create table item (item_no varchar(80) primary key, price numeric(12, 2))",
        "create table work_order (order_no varchar(40), description varchar(200))",
        "insert into item values ('A-100', 12.50), ('B-200', 99.90)",
    )
    return database


def sql(target: Target, statement: str, **more: Any) -> dict[str, Any]:
    return {"name": "it", "sql": {"connection": target.name, "statement": statement, **more}}


def test_one_is_the_first_row_or_null(steps: Steps, target: Target) -> None:
    statement = "select item_no, price from item where item_no = :no"
    parameters = {"no": "{% input.body.no %}"}
    name = steps.publish(sql(target, statement, parameters=parameters, result="one"))
    assert steps.call(name, {"no": "A-100"}).value == {"item_no": "A-100", "price": 12.5}
    unknown = steps.call(name, {"no": "Z"})
    assert unknown.response.status_code == 204


def test_all_are_the_rows_in_their_order_and_count_is_what_was_touched(
    steps: Steps, target: Target
) -> None:
    rows = steps.run(sql(target, "select item_no from item order by item_no desc"))
    assert rows.value == [{"item_no": "B-200"}, {"item_no": "A-100"}]
    raised = sql(target, "update item set price = price + 1 where price < 1000", result="count")
    assert steps.run(raised).value == 2
    assert steps.run(sql(target, "select item_no from item where 1 = 0")).value == []


def test_values_are_bound_and_never_part_of_the_statement(steps: Steps, target: Target) -> None:
    statement = "insert into item (item_no, price) values (:no, :price)"
    parameters = {"no": "{% input.body.no %}", "price": "{% input.body.price %}"}
    step = sql(target, statement, parameters=parameters, result="count")
    assert steps.run(step, body={"no": INJECTION, "price": 1}).value == 1
    assert target.rows("select item_no from item where price = 1") == [(INJECTION,)]


def test_a_transaction_is_committed_whole_or_not_at_all(steps: Steps, target: Target) -> None:
    insert = "insert into item (item_no, price) values (:no, 1)"
    both = [
        {"statement": insert, "parameters": {"no": "C"}, "result": "count"},
        {"statement": insert, "parameters": {"no": "{% input.body.no %}"}, "result": "count"},
        {"statement": "select count(*) as n from item", "result": "one"},
    ]
    step = {"name": "it", "sql": {"connection": target.name, "transaction": both}}
    name = steps.publish(step)
    failure = steps.call(name, {"no": "A-100"}).failure
    assert (failure["kind"], failure["code"], failure["step"]) == ("unknown", "sql_failed", "it")
    assert "A-100" not in failure["detail"]
    assert target.rows("select count(*) from item") == [(2,)]
    assert steps.call(name, {"no": "D"}).value == [1, 1, {"n": 4}]


def test_p23_once_happens_once_although_the_worker_dies_between_commit_and_journal(
    steps: Steps, target: Target, fired: Path
) -> None:
    arm = {"url": target.url, "order_no": "{% input.body.no %}"}
    parameters = {"no": "{% input.body.no %}"}
    insert = "insert into work_order (order_no) values (:no)"
    more = {"parameters": parameters, "result": "count", "once": True}
    name = steps.publish(
        {"name": "arm", "python": "armed:arm", "arguments": arm}, sql(target, insert, **more)
    )
    order_no = f"{target.name}-1"
    answered = steps.call(name, {"no": order_no})
    assert (fired / order_no).exists(), "the worker did not die where it should"
    assert answered.value == 1  # the first one's result
    assert target.rows("select order_no from work_order") == [(order_no,)]
    (failed,) = answered.execution["failed_attempts"]
    assert failed["failure"]["code"] == "worker_crashed"
    assert [(s["step"], s["attempt"]) for s in answered.execution["steps"]] == [
        ("arm", 1),
        ("it", 2),
    ]
    marked = target.rows("select step from firesteel_steps where result is not null")
    assert ("it",) in marked


def test_the_statement_of_the_reference_deletes_old_markers(steps: Steps, target: Target) -> None:
    insert = "insert into work_order (order_no) values (:no)"
    more = {"parameters": {"no": "{% input.body.no %}"}, "result": "count", "once": True}
    name = steps.publish(sql(target, insert, **more))
    assert steps.call(name, {"no": f"{target.name}-3"}).value == 1
    reference = (DOCS / "reference" / "steps.md").read_text("utf-8")
    (statement,) = re.findall(r"^(delete from firesteel_steps .*);$", reference, re.MULTILINE)
    count = "select count(*) from firesteel_steps"
    before = target.rows(count)
    target.run(statement.replace("2027", "1999"))
    assert target.rows(count) == before
    target.run(statement.replace("2027", "9999"))
    assert target.rows(count) == [(0,)]


def test_without_once_the_same_death_doubles_the_effect(
    steps: Steps, target: Target, fired: Path
) -> None:
    """That the test above would fail without the marker."""
    arm = {"url": target.url, "order_no": "{% input.body.no %}"}
    insert = "insert into work_order (order_no) values (:no)"
    name = steps.publish(
        {"name": "arm", "python": "armed:arm", "arguments": arm},
        sql(target, insert, parameters={"no": "{% input.body.no %}"}, result="count"),
    )
    order_no = f"{target.name}-2"
    assert steps.call(name, {"no": order_no}).value == 1
    assert (fired / order_no).exists()
    assert target.rows("select order_no from work_order") == [(order_no,)] * 2


def test_decimals_big_integers_and_null_keep_their_value(steps: Steps, target: Target) -> None:
    select = (
        "select cast(:big as bigint) as big, cast(:money as numeric(20, 2)) as money,"
        " cast(null as integer) as missing"
    )
    parameters = {"big": "{% input.body.big %}", "money": "{% input.body.money %}"}
    step = sql(target, select, parameters=parameters, result="one")
    answered = steps.run(step, body={"big": 9007199254740993, "money": 1234.56})
    assert answered.value == {"big": 9007199254740993, "money": 1234.56, "missing": None}


def test_types_of_postgresql_arrive_as_json(steps: Steps, urls: dict[str, str]) -> None:
    select = """
        select date '2026-01-31' as day, timestamptz '2026-01-31 12:00:00+00' as moment,
               '\\xdeadbeef'::bytea as bytes, 0.1::numeric as short,
               12345678901234567890.12::numeric as long, true as yes,
               '{"a": [1, 2]}'::jsonb as document, array[1, 2] as list,
               '6fa459ea-ee8a-3ca4-894e-db77e160355e'::uuid as id
    """
    target = Target("postgresql", urls["postgresql"])
    value = steps.run(sql(target, select.replace(":", "\\:"), result="one")).value
    assert value["moment"].startswith("2026-01-31T")
    del value["moment"]
    assert value == {
        "day": "2026-01-31",
        "bytes": "3q2+7w==",
        "short": 0.1,
        "long": "12345678901234567890.12",
        "yes": True,
        "document": {"a": [1, 2]},
        "list": [1, 2],
        "id": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
    }


def test_a_list_is_an_array_of_postgresql(steps: Steps, urls: dict[str, str]) -> None:
    target = Target("postgresql", urls["postgresql"])
    step = sql(target, "select :n = any(:all) as there", result="one")
    step["sql"]["parameters"] = {"n": "{% input.body.n %}", "all": "{% input.body.all %}"}
    assert steps.run(step, body={"n": 2, "all": [1, 2]}).value == {"there": True}


def test_a_read_only_connection_changes_nothing(steps: Steps, urls: dict[str, str]) -> None:
    target = Target("sqlite", urls["sqlite"])
    target.run("drop table if exists kept", "create table kept (n integer)")
    step = {
        "name": "it",
        "sql": {"connection": "readonly", "statement": "insert into kept values (1)"},
    }
    assert steps.run(step).failure["code"] == "sql_failed"
    assert target.rows("select count(*) from kept") == [(0,)]


def test_a_statement_over_its_timeout_is_interrupted(steps: Steps, urls: dict[str, str]) -> None:
    target = Target("postgresql", urls["postgresql"])
    step = {**sql(target, "select pg_sleep(60)"), "timeout": "200ms"}
    answered = steps.run(step, retry={"attempts": 1, "give_up_after": "0s"})
    assert answered.failure["code"] == "step_timeout"
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'"
    assert target.rows(f"{running} and state = 'active'") == [(0,)]


def test_an_unknown_connection_is_a_permanent_error(steps: Steps) -> None:
    step = {"name": "it", "sql": {"connection": "nowhere", "statement": "select 1"}}
    failure = steps.run(step).failure
    assert (failure["kind"], failure["code"]) == ("permanent", "connection_unknown")
