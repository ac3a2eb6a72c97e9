"""A back-up is looked at before anything is done with it, and put in place whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from firesteel.errors import OperatorError
from firesteel.store.migrations import HEAD, configuration, migrate
from firesteel.store.pause import PAUSE_SETTING, Pause
from firesteel.store.sqlite.backup import back_up
from firesteel.store.sqlite.connection import StoreLock
from firesteel.store.sqlite.restoring import BackUp, Restored, Wanted, examine, restore
from firesteel.store.sqlite.store import open_store


def quiet(_doing: str, _done: int, _total: int) -> None:
    pass


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A back-up of a store that holds a setting."""

    async def make() -> None:
        store = await open_store(tmp_path / "original.db")
        await store.catalog.put_setting("mark", "original")
        await store.close()

    asyncio.run(make())
    back_up(tmp_path / "original.db", tmp_path / "copy.db")
    return tmp_path / "copy.db"


def put(copy: Path, store: Path, **wanted: str | bool | int) -> Restored:
    store.parent.mkdir(exist_ok=True)
    return restore(examine(copy), store, Wanted(**wanted), quiet)  # type: ignore[arg-type]


def setting(store: Path, name: str) -> str | None:
    with closing(sqlite3.connect(store)) as connection:
        row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(OperatorError) as error:
        work()
    return error.value.code


def test_a_restored_store_is_the_copy_and_paused(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "data" / "firesteel.db"

    put(copy, store)

    assert setting(store, "mark") == "original"
    pause = Pause.parse(setting(store, PAUSE_SETTING))
    assert pause is not None
    assert (pause.over, pause.restored_from, pause.interrupted) == (False, "copy.db", None)
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert sorted(path.name for path in store.parent.iterdir()) == [
        "firesteel.db",
        "firesteel.db.lock",
    ]


def test_a_store_that_is_there_is_left_alone(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "data" / "firesteel.db"
    put(copy, store)
    before = store.read_bytes()
    assert refused(lambda: put(copy, store)) == "store_exists"
    assert store.read_bytes() == before


def test_a_replaced_store_is_set_aside_with_its_log(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "data" / "firesteel.db"
    store.parent.mkdir()
    migrate(store)
    former = sqlite3.connect(store)
    former.execute("PRAGMA journal_mode = WAL")
    former.execute("INSERT INTO setting VALUES ('mark', 'in the log')")
    former.commit()

    done = put(copy, store, replace=True)  # as after a crash: the log was never copied
    former.close()

    assert setting(store, "mark") == "original"
    assert done.set_aside is not None
    assert done.set_aside.with_name(done.set_aside.name + "-wal").exists()
    assert not store.with_name("firesteel.db-wal").exists()
    assert setting(done.set_aside, "mark") == "in the log"


def test_the_log_of_a_store_that_is_gone_is_not_taken_for_the_new_ones(
    copy: Path, tmp_path: Path
) -> None:
    store = tmp_path / "data" / "firesteel.db"
    store.parent.mkdir()
    store.with_name("firesteel.db-wal").write_bytes(b"of another store")
    put(copy, store)
    assert setting(store, "mark") == "original"


def test_a_store_that_a_node_has_is_refused(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "data" / "firesteel.db"
    store.parent.mkdir()
    lock = StoreLock(store)
    lock.take()
    assert refused(lambda: put(copy, store, replace=True)) == "store_in_use"
    lock.release()


def test_a_disk_without_room_is_refused_before_anything_is_copied(
    copy: Path, tmp_path: Path
) -> None:
    store = tmp_path / "data" / "firesteel.db"
    assert refused(lambda: put(copy, store, reserve_bytes=1 << 60)) == "disk_full"
    assert not store.exists()


def test_another_file_than_was_meant_is_refused(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "data" / "firesteel.db"
    assert refused(lambda: put(copy, store, sha256="0" * 64)) == "checksum_differs"
    assert [path.name for path in store.parent.iterdir()] == ["firesteel.db.lock"]


def test_a_damaged_copy_is_refused(copy: Path, tmp_path: Path) -> None:
    known = examine(copy)
    data = bytearray(copy.read_bytes())
    for page in range(3, len(data) // 8192):
        data[page * 8192 : page * 8192 + 64] = b"\xff" * 64
    copy.write_bytes(data)
    store = tmp_path / "data" / "firesteel.db"
    store.parent.mkdir()

    assert refused(lambda: restore(known, store, Wanted(), quiet)) == "backup_damaged"

    assert [path.name for path in store.parent.iterdir()] == ["firesteel.db.lock"]


def test_what_a_killed_restore_left_is_taken_away(copy: Path, tmp_path: Path) -> None:
    store = tmp_path / "data" / "firesteel.db"
    store.parent.mkdir()
    left = store.with_name(".firesteel.db.restoring-1")
    left.write_bytes(b"half of it")
    put(copy, store)
    assert not left.exists()


def test_what_is_no_back_up_is_told_apart(copy: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("no database")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE something (no INTEGER)")
    log = copy.with_name("copy.db-wal")
    log.write_bytes(b"x")
    assert refused(lambda: examine(tmp_path / "none.db")) == "backup_not_found"
    assert refused(lambda: examine(text)) == "backup_unreadable"
    assert refused(lambda: examine(other)) == "backup_unreadable"
    assert refused(lambda: examine(copy)) == "backup_not_whole"


def test_a_copy_of_a_newer_release_is_refused(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert refused(lambda: examine(copy)) == "store_newer"


def test_a_copy_of_the_first_release_is_restored_and_migrated_by_the_start(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
    engine.dispose()
    store = tmp_path / "data" / "firesteel.db"

    found = examine(old)
    put(old, store)

    assert found == BackUp(old, old.stat().st_size, "0001", None)
    assert found.older
    assert migrate(store)
    assert not examine_of_store(store).older
    assert setting(store, PAUSE_SETTING) is not None


def examine_of_store(store: Path) -> BackUp:
    found = examine(store)
    assert found.revision == HEAD
    return found
