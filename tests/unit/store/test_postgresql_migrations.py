"""Migrations on PostgreSQL: the tables of the schema, made once, with nodes of two releases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, inspect

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store import migrations
from firesteel.store.migrations import HEAD, configuration, postgresql
from firesteel.store.migrations.postgresql import COMPATIBLE_FROM, migrate, revision
from firesteel.store.postgresql.connection import (
    Address,
    PostgresqlConnection,
    Session,
    connect,
)
from firesteel.store.schema import metadata
from tests.support.postgres import Postgres


def shape_of(url: str) -> dict[str, Any]:
    """Everything that SQLAlchemy sees of the tables."""
    engine = create_engine(url)
    try:
        seen = inspect(engine)
        return {
            name: {
                "columns": [{**one, "type": str(one["type"])} for one in seen.get_columns(name)],
                "primary": seen.get_pk_constraint(name),
                "unique": sorted(map(str, seen.get_unique_constraints(name))),
                "checks": sorted(map(str, seen.get_check_constraints(name))),
                "foreign": sorted(map(str, seen.get_foreign_keys(name))),
                "indexes": sorted(map(str, seen.get_indexes(name))),
            }
            for name in seen.get_table_names()
            if name != "alembic_version"
        }
    finally:
        engine.dispose()


def in_order(shape: dict[str, Any]) -> dict[str, Any]:
    """Whatever the order of the columns, which migrations add at the end."""
    return {
        name: {**table, "columns": sorted(table["columns"], key=lambda one: one["name"])}
        for name, table in shape.items()
    }


@pytest.fixture
def other(store_url: str) -> Iterator[PostgresqlConnection]:
    """A connection beside the one that migrates."""
    connection = connect(Address(store_url), Session(None))
    yield connection
    connection.close()


def test_the_migrations_make_exactly_the_tables_of_the_schema(
    postgres: Postgres, store_url: str
) -> None:
    with postgres.database() as created:
        engine = create_engine(created)
        metadata.create_all(engine)
        engine.dispose()
        assert in_order(shape_of(store_url)) == in_order(shape_of(created))


def test_nothing_is_left_to_be_generated(store_url: str) -> None:
    engine = create_engine(store_url)
    with engine.connect() as connection:
        command.check(configuration(connection))
    engine.dispose()


def test_a_database_that_is_up_to_date_is_left_alone(
    store_url: str, other: PostgresqlConnection
) -> None:
    assert not migrate(Address(store_url))
    assert revision(other) == HEAD


def test_of_nodes_that_migrate_at_once_one_does_it(postgres_url: str) -> None:
    begin = threading.Barrier(4)

    def node(_: int) -> bool:
        begin.wait(timeout=20)
        return migrate(Address(postgres_url))

    with ThreadPoolExecutor(4) as nodes:
        assert sorted(nodes.map(node, range(4))) == [False, False, False, True]


def test_a_migration_that_fails_leaves_the_database_as_it_was(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        # In the way of the last table but one of the first migration.
        connection.execute("CREATE TABLE search (x INTEGER)")
        with pytest.raises(OperatorError) as caught:
            migrate(Address(postgres_url))
        assert caught.value.code == "migration_failed"
        assert list(shape_of(postgres_url)) == ["search"]
        connection.execute("DROP TABLE search")
    assert migrate(Address(postgres_url))


def test_whoever_reads_a_table_for_long_makes_a_migration_wait_and_nobody_else(
    store_url: str, other: PostgresqlConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration gives up its place in the line and comes again; at last it says so."""
    monkeypatch.setattr(postgresql, "_TRIES", 1)
    other.command("UPDATE alembic_version SET version_num = '0002'")
    for column in ("waiting", "running", "touched_by"):
        other.command(f"ALTER TABLE integration DROP COLUMN {column} CASCADE")
    other.command("SET idle_in_transaction_session_timeout = 0")
    other.command("BEGIN; SELECT count(*) FROM integration")
    with pytest.raises(StoreUnavailable):
        migrate(Address(store_url))
    other.rollback()
    assert revision(other) == "0002"


def test_a_release_works_on_newer_tables_that_say_so_and_refuses_others(
    store_url: str, other: PostgresqlConnection
) -> None:
    (kept,) = other.execute("SELECT value FROM setting WHERE name = 'compatible_from'").fetchall()
    assert kept == (COMPATIBLE_FROM,)
    assert COMPATIBLE_FROM <= HEAD
    other.command("UPDATE alembic_version SET version_num = '9998'")
    assert not migrate(Address(store_url))
    assert revision(other) == "9998"
    other.command("UPDATE setting SET value = '9997' WHERE name = 'compatible_from'")
    with pytest.raises(OperatorError) as caught:
        migrate(Address(store_url))
    assert caught.value.code == "store_newer"


def test_a_database_of_something_else_is_refused(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE alembic_version (x INTEGER)")
    with pytest.raises(OperatorError) as caught:
        migrate(Address(postgres_url))
    assert caught.value.code == "store_unreadable"


def test_a_user_without_rights_is_told_so(postgres: Postgres, postgres_url: str) -> None:
    postgres._administer("CREATE ROLE guest LOGIN PASSWORD 'no-rights'")
    theirs = Address(postgres_url.replace(f"firesteel:{postgres.password}", "guest:no-rights"))
    try:
        for then in ("", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", ""):
            with pytest.raises(OperatorError) as caught:
                migrate(theirs)
            assert caught.value.code == "store_refused"
            migrate(Address(postgres_url))
            with psycopg.connect(postgres_url.replace("+psycopg", "")) as owner:
                owner.execute(then.encode())
    finally:
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as owner:
            owner.execute(b"DROP OWNED BY guest")
        postgres._administer("DROP ROLE guest")


def test_sqlite_and_postgresql_stand_at_the_same_revision() -> None:
    assert postgresql.HEAD == migrations.HEAD
