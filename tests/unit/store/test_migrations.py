"""Migrations make the tables of the schema, all of them or none, and cost a made store nothing."""

from __future__ import annotations

import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from firesteel.errors import OperatorError
from firesteel.store.migrations import HEAD, configuration, migrate, revision
from firesteel.store.schema import metadata


def tables_of(path: Path) -> dict[str, list[str]]:
    """Name -> the words of its definition, whatever the order of columns and constraints."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            name: sorted(re.findall(r"[^\s,()]+|[()]", sql))
            for name, sql in rows
            if name != "alembic_version"
        }


def test_the_migrations_make_exactly_the_tables_of_the_schema(tmp_path: Path) -> None:
    assert migrate(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert tables_of(tmp_path / "migrated.db") == tables_of(tmp_path / "created.db")


def test_nothing_is_left_to_be_generated(tmp_path: Path) -> None:
    migrate(tmp_path / "store.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with engine.connect() as connection:
        command.check(configuration(connection))
    engine.dispose()


def test_the_newest_revision_is_the_one_that_the_code_expects(tmp_path: Path) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(configuration(connection))
        assert script.get_heads() == [HEAD]
    engine.dispose()


def test_a_store_that_is_up_to_date_is_left_alone_without_alembic(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    assert migrate(path)
    before = path.read_bytes()
    program = (
        "import sys, pathlib; from firesteel.store.migrations import migrate;"
        "assert not migrate(pathlib.Path(sys.argv[1]));"
        "assert not {'alembic', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    assert path.read_bytes() == before


def test_a_new_store_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    migrate(tmp_path / "store.db")
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        # In the way of the last table but one of the first migration.
        connection.execute("CREATE TABLE search (x)")
    before = tables_of(path)
    with pytest.raises(OperatorError) as caught:
        migrate(path)
    assert caught.value.code == "migration_failed"
    assert tables_of(path) == before
    with sqlite3.connect(path) as connection:
        assert revision(connection) is None
        connection.execute("DROP TABLE search")
    assert migrate(path)


def test_a_store_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrate(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OperatorError) as caught:
        migrate(path)
    assert caught.value.code == "store_newer"


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at " * 40)
    with pytest.raises(OperatorError) as caught:
        migrate(path)
    assert caught.value.code == "store_unreadable"
