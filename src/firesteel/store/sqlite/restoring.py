"""A back-up becomes a store again: looked at, copied, checked, paused, and put in its place.

The new store appears whole and flushed, or not at all. The pause is written into it before it
appears, so that no node can run anything of it unasked (docs/decisions/0059).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from firesteel.errors import OperatorError
from firesteel.store.copies import Counted
from firesteel.store.migrations import HEAD, known_revisions, revision
from firesteel.store.pause import PAUSE_SETTING, Pause, Unfinished
from firesteel.store.sql.unfinished import unfinished
from firesteel.store.sqlite.backup import flush
from firesteel.store.sqlite.connection import StoreLock, open_reader
from firesteel.store.sqlite.counted import check_whole

_PIECE_BYTES = 4 * 1024 * 1024
_HEADER = b"SQLite format 3\x00"
_PARTS = ("-wal", "-shm")
_KEYS = ("data_keys", "encryption_check")

Told = Callable[[str, int, int], None]
"""What is being done, and so many bytes of so many."""


@dataclass(frozen=True, slots=True)
class BackUp:
    """What a file says of itself. ``envelope``: what the encryption key must open; None where no
    node ever opened the store. ``older``: a start on it brings it to this release's form."""

    file: Path
    size_bytes: int
    revision: str
    envelope: str | None

    @property
    def older(self) -> bool:
        """Whether an earlier release has written it."""
        return self.revision != HEAD


@dataclass(frozen=True, slots=True)
class Restored:
    """``set_aside``: where the store that was there before is now."""

    sha256: str
    counted: Counted
    unfinished: list[Unfinished]
    set_aside: Path | None


def examine(file: Path) -> BackUp:
    """Read without changing anything. Raises OperatorError ``backup_not_found``,
    ``backup_unreadable``, ``backup_not_whole``, ``store_newer``."""
    try:
        size_bytes = file.stat().st_size
        with file.open("rb") as opened:
            is_sqlite = opened.read(len(_HEADER)) == _HEADER
    except FileNotFoundError as error:
        raise OperatorError(f"there is no file {file}", code="backup_not_found") from error
    except OSError as error:
        raise _unreadable(file, error.strerror or "") from error
    if not is_sqlite:
        raise _unreadable(file, "it is no SQLite file")
    log = file.with_name(file.name + _PARTS[0])
    if log.exists() and log.stat().st_size:
        raise OperatorError(
            f"{log.name} lies beside it: this is the file of a store and no back-up, and a part of "
            "its messages is in the other file; copy a store with `firesteel backup`",
            code="backup_not_whole",
        )
    try:
        found, envelope = _read(file)
    except sqlite3.Error as error:
        raise _unreadable(file, "it is damaged, or no store of Firesteel") from error
    if found is None:
        raise _unreadable(file, "it is no store of Firesteel")
    if found not in known_revisions():
        raise OperatorError(
            f"{file.name} was written by a newer release of Firesteel (schema {found}; this one "
            f"works with {HEAD}): restore it with that release",
            code="store_newer",
        )
    return BackUp(file, size_bytes, found, envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``sha256``: of the file, where it is known. ``replace``: a store that is there is set aside.
    ``reserve_bytes``: what must stay free on the disk."""

    sha256: str | None = None
    replace: bool = False
    reserve_bytes: int = 0


def restore(backup: BackUp, store: Path, wanted: Wanted, told: Told) -> Restored:
    """Make it the store at ``store``, paused. Blocks. Raises OperatorError ``store_exists``,
    ``store_in_use``, ``disk_full``, ``checksum_differs``, ``backup_damaged``, ``restore_failed``;
    then all is as it was."""
    lock = StoreLock(store)
    lock.take()
    try:
        if store.exists() and not wanted.replace:
            raise OperatorError(f"{store} is a store already", code="store_exists")
        if shutil.disk_usage(store.parent).free < backup.size_bytes + wanted.reserve_bytes:
            raise OperatorError(
                f"the disk has too little room: the copy takes {backup.size_bytes:,} bytes and "
                f"{wanted.reserve_bytes:,} are kept free",
                code="disk_full",
            )
        return _restored(backup, store, wanted, told)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", "")
        raise OperatorError(
            f"the store could not be written: {reason}", code="restore_failed"
        ) from error
    finally:
        lock.release()


def _restored(backup: BackUp, store: Path, wanted: Wanted, told: Told) -> Restored:
    begun = f".{store.name}.restoring-"
    for left in store.parent.glob(f"{begun}*"):  # of a restore that was killed; we hold the lock
        left.unlink(missing_ok=True)
    partial = store.with_name(f"{begun}{os.getpid()}")
    try:
        digest = _copied(backup, partial, told)
        if wanted.sha256 not in (None, digest):
            raise OperatorError(
                f"the file's SHA-256 is {digest}: it is not the file that was meant, or is damaged",
                code="checksum_differs",
            )
        told("checking", 0, 0)
        whole = check_whole(partial)
        _pause(partial, backup)
        found = _unfinished(partial)
        flush(partial)
        set_aside = _set_aside(store)
        partial.rename(store)
        flush(store.parent)
    finally:
        for left in (partial, *(partial.with_name(partial.name + part) for part in _PARTS)):
            left.unlink(missing_ok=True)
    return Restored(digest, whole, found, set_aside)


def _copied(backup: BackUp, partial: Path, told: Told) -> str:
    """Copy the file; its SHA-256."""
    digest, done = hashlib.sha256(), 0
    target_fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with backup.file.open("rb") as source, os.fdopen(target_fd, "wb") as target:
        while piece := source.read(_PIECE_BYTES):
            target.write(piece)
            digest.update(piece)
            done += len(piece)
            told("copying", done, backup.size_bytes)
    return digest.hexdigest()


def _pause(path: Path, backup: BackUp) -> None:
    pause = Pause(datetime.now(UTC), by="firesteel restore", restored_from=backup.file.name)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")  # of a copy of a store's own file
        with connection:
            connection.execute(
                "INSERT INTO setting (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (PAUSE_SETTING, pause.text()),
            )
    finally:
        connection.close()


def _unfinished(path: Path) -> list[Unfinished]:
    connection = open_reader(path)
    try:
        return unfinished(connection)
    finally:
        connection.close()


def _set_aside(store: Path) -> Path | None:
    """Move the store that is there out of the way, with its log: the log of one store beside the
    file of another would be its ruin."""
    aside = None
    if store.exists():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        aside = store.with_name(f"{store.name}.before-{stamp}")
        number = 1
        while aside.exists():
            number += 1
            aside = store.with_name(f"{store.name}.before-{stamp}-{number}")
        store.rename(aside)
    for part in _PARTS:
        beside = store.with_name(store.name + part)
        if beside.exists():
            if aside is None:
                beside.unlink()
            else:
                beside.rename(aside.with_name(aside.name + part))
    return aside


def _read(file: Path) -> tuple[str | None, str | None]:
    """The revision of its tables, and what its key must open. ``immutable``: nothing is written
    beside a file that may lie on a read-only disk."""
    uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    try:
        found = revision(connection)
        if found is None:
            return None, None
        for name in _KEYS:
            row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
            if row is not None:
                return found, str(row[0])
        return found, None
    finally:
        connection.close()


def _unreadable(file: Path, why: str) -> OperatorError:
    return OperatorError(f"{file} cannot be restored: {why}", code="backup_unreadable")
