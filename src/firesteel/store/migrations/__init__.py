"""Bringing a store's tables to the form that this release works with.

A store that has it already, as at nearly every start, is recognised with one query: Alembic is
imported only where there is something to do (it takes longer than the rest of the start).
"""

from __future__ import annotations

import errno
import io
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.sqlite.safety import (
    can_be_read,
    cannot_write,
    is_damaged,
    is_for_now,
    is_unusable,
)

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

log = structlog.get_logger(__name__)

PAGE_BYTES = 8192
"""Rows with a body of about 1 KiB fill such a page well (docs/decisions/0013)."""

_VERSIONS = Path(__file__).parent / "versions"
HEAD = "0009"
"""The revision that this release works with; a test holds it to the newest file in versions/."""


def migrate(path: Path) -> bool:
    """Bring the SQLite file to ``HEAD``, making it (mode 0600) where there is none; True if there
    was anything to do.

    All of it is one transaction: a migration that fails leaves the store as it was. To be called
    by whoever holds the store's lock, before the writer opens. Raises OperatorError
    ``store_newer`` where a newer release wrote the store, ``store_unreadable`` where the file is
    no store, ``migration_failed``, and StoreUnavailable where the file cannot be used now.
    """
    _make_file(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file; others keep theirs
        before = revision(connection)
        if before == HEAD:
            return False
        _upgrade(connection)
        tell_migrated(before)
        return True
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_for_now(error) or (is_damaged(error) and not can_be_read(path)):
            name = error.sqlite_errorname
            raise StoreUnavailable(f"the store's file cannot be used now: {name}") from error
        raise OperatorError(
            "the store's file is damaged or is no SQLite database", code="store_unreadable"
        ) from error
    finally:
        connection.close()


def _make_file(path: Path) -> None:
    """SQLite would make the file readable by everyone whom the umask lets.

    A file that is there is not opened: closing it would drop all locks that this process has on
    it, those of its own connections too (https://sqlite.org/howtocorrupt.html, 2.2), and another
    process could then take the log away under them.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise cannot_write(PermissionError(errno.EACCES, "it may not be written")) from None
    except OSError as error:
        raise cannot_write(error) from error


def revision(connection: sqlite3.Connection) -> str | None:
    """The revision of the tables; None where there are none yet."""
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    if connection.execute(named).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def tell_migrated(before: str | None) -> None:
    """Log that the store has another form now; a new store had none before, which is no news."""
    if before is not None:
        log.warning("store_migrated", before=before, after=HEAD)


def known_revisions() -> frozenset[str]:
    """Those of this release and of all before it."""
    return frozenset(file.name[:4] for file in _VERSIONS.glob("[0-9]*.py"))


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for running on ``connection``."""
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(raw: sqlite3.Connection) -> None:
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # The driver would begin before the first INSERT only, and leave tables outside.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise OperatorError(
            "the store was written by a newer release of Firesteel", code="store_newer"
        ) from error
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError) and is_unusable(error.orig):
            raise StoreUnavailable("the store's file cannot be written to now") from error
        raise OperatorError(
            "the store could not be brought to this release's form; it was left as it was",
            code="migration_failed",
        ) from error
