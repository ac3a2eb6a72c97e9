from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from firesteel.testing import Result, run_integration

Sql = dict[str, Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with an empty table t(a integer primary key, b text)."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/erp.db"
    else:
        url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (a integer primary key, b text)")
    yield engine
    engine.dispose()


def url_of(database: sa.Engine) -> str:
    return database.url.render_as_string(hide_password=False)


@pytest.fixture
def ask(database: sa.Engine) -> Callable[..., Result]:
    """Runs one sql step."""

    def run(sql: Sql, body: Any = None, step: Sql | None = None, **connection: Any) -> Result:
        written = {"name": "s", "sql": {"connection": "db", **sql}, **(step or {})}
        document = {"name": "x", "workflow": {"steps": [written]}}
        connections = {"db": {"sql": url_of(database), **connection}}
        return run_integration(document, body=body, connections=connections)

    return run


def rows(database: sa.Engine) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("select * from t order by a")]


INSERT = "insert into t (a, b) values (:a, :b)"


def test_values_are_bound_and_never_part_of_the_statement(
    ask: Callable[..., Result], database: sa.Engine
) -> None:
    evil = "x'); drop table t; --"
    sql = {
        "statement": INSERT,
        "parameters": {"a": 1, "b": "{% input.body.b %}"},
        "result": "count",
    }
    assert ask(sql, {"b": evil}).response.json() == 1
    assert rows(database) == [(1, evil)]


def test_one_all_and_count(ask: Callable[..., Result], database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("insert into t values (1, 'x'), (2, 'y')")
    query = {"statement": "select * from t where a <= :most order by a"}
    assert ask(query | {"parameters": {"most": 9}}).response.json() == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    first = query | {"parameters": {"most": 9}, "result": "one"}
    assert ask(first).response.json() == {"a": 1, "b": "x"}
    assert ask(first | {"parameters": {"most": 0}}).response.status == 204
    update = {"statement": "update t set b = 'z'", "result": "count"}
    assert ask(update).response.json() == 2


def test_an_undefined_parameter_is_null(ask: Callable[..., Result], database: sa.Engine) -> None:
    ask({"statement": INSERT, "parameters": {"a": 1, "b": "{% input.body.nothing %}"}}, {})
    assert rows(database) == [(1, None)]


def test_a_transaction_is_done_whole_or_not_at_all(
    ask: Callable[..., Result], database: sa.Engine
) -> None:
    good = {"statement": INSERT, "parameters": {"a": 1, "b": "x"}, "result": "count"}
    count = {"statement": "select count(*) as n from t", "result": "one"}
    assert ask({"transaction": [good, count]}).response.json() == [1, {"n": 1}]
    other = good | {"parameters": {"a": 2, "b": "y"}}
    failure = ask({"transaction": [other, good]}).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("unknown", "sql_failed")
    assert rows(database) == [(1, "x")]


def test_a_read_only_connection_refuses_to_write(
    ask: Callable[..., Result], database: sa.Engine
) -> None:
    sql = {"statement": INSERT, "parameters": {"a": 1, "b": "x"}}
    assert ask(sql, read_only=True).failure is not None
    assert ask({"transaction": [sql]}, read_only=True).failure is not None
    assert rows(database) == []
    assert ask({"statement": "select count(*) as n from t"}, read_only=True).failure is None


def test_p23_a_once_step_is_done_once_and_its_result_stays(
    ask: Callable[..., Result], database: sa.Engine
) -> None:
    sql = {
        "statement": "insert into t (a, b) select count(*) + 1, :b from t",
        "parameters": {"b": "x"},
        "result": "count",
        "once": True,
    }
    assert [ask(sql).response.json() for _ in range(3)] == [1, 1, 1]
    assert rows(database) == [(1, "x")]


def test_p23_a_once_step_that_fails_leaves_no_marker(
    ask: Callable[..., Result], database: sa.Engine
) -> None:
    good = {"statement": INSERT, "parameters": {"a": 1, "b": "x"}, "result": "count"}
    bad = {"statement": "insert into missing values (1)"}
    assert ask({"transaction": [good, bad], "once": True}).failure is not None
    assert rows(database) == []
    assert ask({"transaction": [good], "once": True}).response.json() == [1]


def test_a_statement_over_its_timeout_is_interrupted(
    ask: Callable[..., Result], database: sa.Engine
) -> None:
    slow = {
        "sqlite": "with recursive c(n) as (select 1 union all select n + 1 from c)"
        " select count(*) from c",
        "postgresql": "select pg_sleep(60)",
    }[database.dialect.name]
    failure = ask({"statement": slow}, step={"timeout": "50ms"}).failure
    assert failure is not None
    assert (failure.kind, failure.code, failure.step) == ("transient", "step_timeout", "s")


def test_a_database_that_is_not_there_is_a_transient_error(ask: Callable[..., Result]) -> None:
    document = {
        "name": "x",
        "workflow": {
            "steps": [{"name": "s", "sql": {"connection": "db", "statement": "select 1"}}]
        },
    }
    for url in (
        "postgresql+psycopg://a:secret-word@127.0.0.1:1/x",
        "sqlite:////no/such/folder/a.db",
    ):
        failure = run_integration(document, connections={"db": {"sql": url}}).failure
        assert failure is not None
        assert (failure.kind, failure.code) == ("transient", "sql_failed")
        assert "secret-word" not in repr(failure)


@pytest.mark.parametrize(
    ("connections", "code"),
    [
        ({}, "connection_unknown"),
        ({"db": {"http": "http://127.0.0.1"}}, "connection_unknown"),
        ({"db": {"sql": "nothing://x"}}, "connection_invalid"),
        ({"db": {"sql": "sqlite+aiosqlite:///x"}}, "connection_invalid"),
        ({"db": {"sql": "oracle+oracledb://u:secret-word@h/x"}}, "connection_invalid"),
    ],
)
def test_a_connection_that_cannot_be_used_is_named(connections: Any, code: str) -> None:
    document = {
        "name": "x",
        "workflow": {
            "steps": [{"name": "s", "sql": {"connection": "db", "statement": "select 1"}}]
        },
    }
    failure = run_integration(document, connections=connections).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("permanent", code)
    assert "secret-word" not in repr(failure)


def test_a_statement_without_a_value_is_found_before_it_runs(ask: Callable[..., Result]) -> None:
    with pytest.raises(Exception, match="b"):
        ask({"statement": INSERT, "parameters": {"a": 1}})


def test_sqlite_files_are_looked_for_in_the_project(tmp_path: Path) -> None:
    sql = {"connection": "db", "statement": "create table x (a)"}
    document = {"name": "x", "workflow": {"steps": [{"name": "s", "sql": sql}]}}
    run_integration(document, connections={"db": {"sql": "sqlite:///erp.db"}}, project=tmp_path)
    assert (tmp_path / "erp.db").exists()


def test_values_of_postgresql_become_json(postgres_url: str) -> None:
    statement = """
        select date '2026-01-02' as d, timestamp '2026-01-02 03:04:05' as t, '\\x00ff'::bytea as b,
               12.50::numeric as n, 12345678901234567890.12::numeric as big, 7::numeric as whole,
               '{"k": [1]}'::jsonb as j, array[1, 2] as a, true as yes, null as nothing,
               '00000000-0000-0000-0000-000000000001'::uuid as u, 9007199254740993::bigint as i,
               1.5::float8 as f
        where 'x' = any(:texts) and :object::jsonb = '{"a": 1}'::jsonb
    """.replace(":object::jsonb", "cast(:object as jsonb)")
    sql = {
        "connection": "db",
        "statement": statement,
        "parameters": {"texts": ["x", "y"], "object": {"a": 1}},
        "result": "one",
    }
    document = {"name": "x", "workflow": {"steps": [{"name": "s", "sql": sql}]}}
    result = run_integration(document, connections={"db": {"sql": postgres_url}})
    assert result.failure is None, result.failure
    assert json.loads(result.response.body) == {
        "d": "2026-01-02",
        "t": "2026-01-02T03:04:05",
        "b": "AP8=",
        "n": 12.5,
        "big": "12345678901234567890.12",
        "whole": 7,
        "j": {"k": [1]},
        "a": [1, 2],
        "yes": True,
        "nothing": None,
        "u": "00000000-0000-0000-0000-000000000001",
        "i": 9007199254740993,
        "f": 1.5,
    }
