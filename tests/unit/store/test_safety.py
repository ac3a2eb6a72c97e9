"""P35: a store that could lose what it was given is refused with one clear line."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from firesteel.errors import OperatorError
from firesteel.store.sqlite import safety
from firesteel.store.sqlite.connection import open_writer
from firesteel.store.sqlite.safety import (
    check_connection,
    check_directory,
    file_system_of,
    mounts_in,
)

MOUNTS = [
    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
    "30 22 0:25 / /data rw,relatime shared:1 - nfs4 server:/export rw,vers=4.2",
    "31 30 0:26 / /data/with\\040space rw - xfs /dev/vdb rw",
    "32 22 0:27 / /shares/s rw - fuse.sshfs me@host: rw",
    "33 22 0:28 / /disks/d rw - fuse.mfusepy python rw",
    "34 22 0:29 / /windows rw - cifs //server/share rw",
]


def test_p35_the_writers_connection_flushes_every_commit(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "store.db")
    check_connection(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    with pytest.raises(OperatorError) as caught:
        check_connection(connection)
    connection.close()
    assert caught.value.code == "store_unsafe"
    assert "synchronous 1" in caught.value.detail


def test_p35_a_file_without_a_write_ahead_log_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "store.db")
    with pytest.raises(OperatorError) as caught:
        check_connection(connection)
    connection.close()
    assert caught.value.code == "store_unsafe"


@pytest.mark.parametrize(
    ("directory", "refused"),
    [
        ("/data/store", "nfs4"),
        ("/shares/s", "fuse.sshfs"),
        ("/windows/x", "cifs"),
        ("/data/with space/store", None),
        ("/disks/d", None),
        ("/database", None),
    ],
)
def test_p35_network_file_systems_are_told_by_the_deepest_mount(
    monkeypatch: pytest.MonkeyPatch, directory: str, refused: str | None
) -> None:
    monkeypatch.setattr(safety, "_mounts_of_linux", lambda: mounts_in(MOUNTS))
    monkeypatch.setattr(sys, "platform", "linux")
    kind = file_system_of(Path(directory))
    assert kind is not None
    assert (kind.rpartition(".")[2] in safety.NETWORK_FILE_SYSTEMS) == (refused is not None)
    assert refused in (None, kind)


def test_p35_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safety, "file_system_of", lambda directory: "nfs4")
    with pytest.raises(OperatorError) as caught:
        check_directory(tmp_path)
    assert caught.value.code == "store_unsafe"
    assert "nfs4" in caught.value.detail
    assert "\n" not in caught.value.detail


def test_the_data_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    check_directory(tmp_path / "new" / "data")
    made = tmp_path / "new" / "data"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert list(made.iterdir()) == []
    check_directory(made)


def test_p35_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(OperatorError) as caught:
        check_directory(file)
    assert caught.value.code == "data_dir_unwritable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_p35_a_directory_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OperatorError) as caught:
        check_directory(tmp_path)
    tmp_path.chmod(0o700)
    assert caught.value.code == "data_dir_unwritable"


def test_the_file_system_of_this_machine_is_known(tmp_path: Path) -> None:
    assert file_system_of(tmp_path) is not None


def test_p04_damage_is_told_from_a_disk_that_cannot_be_read(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    store.write_bytes(b"x")
    assert safety.can_be_read(store)
    (tmp_path / "store.db-wal").mkdir()  # to read a directory fails, whoever reads
    assert not safety.can_be_read(store)


def test_p04_what_sqlite_takes_for_damage_is_the_stores_and_not_for_now() -> None:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert safety.is_damaged(error)
    assert safety.is_unusable(error)
    assert not safety.is_for_now(error)
    assert not safety.is_unusable(sqlite3.IntegrityError("of the statement"))
