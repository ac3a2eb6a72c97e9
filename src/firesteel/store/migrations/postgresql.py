"""Bringing a PostgreSQL database to the form that this release works with, while nodes work on it.

Only one node does it, under a lock of the database; migrations only add, so nodes of the last
release go on beside those of the new one. The setting ``compatible_from`` tells a release how old
it may be to work on tables that are newer than it knows.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.errors import InsufficientPrivilege

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.migrations import HEAD, configuration, tell_migrated
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.failures import is_for_now, no_right
from firesteel.store.postgresql.locks import MIGRATION
from firesteel.store.schema import metadata

COMPATIBLE_FROM: Final = "0003"
"""The lowest revision whose release may work on the tables of ``HEAD``."""

_MAY: Final = """
SELECT bool_and(has_table_privilege(name, needed))
FROM unnest(?::TEXT[]) AS name,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed
"""
_SETTING: Final = "compatible_from"
# How long a node waits for another one that migrates. Adding takes milliseconds, but a table is
# locked for it, and whoever reads it for long is waited for: not for longer than lock_timeout,
# lest all others wait behind.
_PATIENCE_S: Final = 30
_TRIES: Final = 5


def migrate(address: Address) -> bool:
    """Bring the database to ``HEAD``, or leave one as it is that is newer and may be worked on;
    True if there was anything to do.

    All of it is one transaction. Raises OperatorError ``store_newer`` where this release is too old
    for the tables, ``store_refused`` where the user has not the rights, ``migration_failed``, and
    StoreUnavailable.
    """
    connection = connect(address, Session(None))
    try:
        if _is_ready(connection):
            return False
        connection.command("SET idle_in_transaction_session_timeout = 0")
        connection.command(
            f"SET lock_timeout = '{_PATIENCE_S}s'; SELECT pg_advisory_lock({MIGRATION}); "
            "RESET lock_timeout"
        )
        if _is_ready(connection):
            return False
        before = revision(connection)
        for left in reversed(range(_TRIES)):
            if _upgrade(connection.raw, last=not left):
                tell_migrated(before)
                return True
        raise AssertionError  # the last one does it or raises
    except psycopg.Error as error:
        if is_for_now(error):
            raise StoreUnavailable("PostgreSQL's tables cannot be migrated now") from error
        if isinstance(error, InsufficientPrivilege):
            raise no_right() from error
        raise OperatorError(
            "the database is not one that Firesteel can work with", code="store_unreadable"
        ) from error
    finally:
        connection.close()


def revision(connection: PostgresqlConnection) -> str | None:
    """The revision of the tables; None where there are none yet."""
    (there,) = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()  # type: ignore[misc]
    row = (
        connection.execute("SELECT version_num FROM alembic_version").fetchone() if there else None
    )
    return None if row is None else str(row[0])


def _is_ready(connection: PostgresqlConnection) -> bool:
    """Whether this release may work on the tables as they are. Raises OperatorError
    ``store_newer`` and ``store_refused``."""
    found = revision(connection)
    if found is None or found < HEAD:
        return False
    _see_rights(connection)
    if found == HEAD:
        return True
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (_SETTING,)).fetchone()
    if row is None or row[0] > HEAD:
        raise OperatorError(
            "the store was written by a newer release of Firesteel", code="store_newer"
        )
    return True


def _see_rights(connection: PostgresqlConnection) -> None:
    """Raises OperatorError ``store_refused`` where the user may not work on all of our tables."""
    (may,) = connection.execute(_MAY, (list(metadata.tables),)).fetchall()[0]
    if not may:
        raise no_right()


def _upgrade(raw: psycopg.Connection[object], *, last: bool) -> bool:
    """False: a lock could not be had, and it is not the ``last`` time."""
    from alembic import command
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError
    from sqlalchemy.pool import StaticPool

    raw.autocommit = False
    raw.cursor_factory = psycopg.Cursor  # whose parameters are written as SQLAlchemy writes them
    engine = create_engine("postgresql+psycopg://", creator=lambda: raw, poolclass=StaticPool)
    keep = text(
        "INSERT INTO setting (name, value) VALUES (:name, :value) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    try:
        with engine.begin() as connection:
            command.upgrade(configuration(connection), "head")
            connection.execute(keep, {"name": _SETTING, "value": COMPATIBLE_FROM})
        return True
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else None
        for_now = isinstance(cause, psycopg.Error) and is_for_now(cause)
        if for_now and not last and not raw.closed:
            return False
        if for_now:
            raise StoreUnavailable("PostgreSQL's tables cannot be migrated now") from error
        if isinstance(cause, InsufficientPrivilege):
            raise no_right() from error
        raise OperatorError(
            "the database could not be brought to this release's form; it was left as it was",
            code="migration_failed",
        ) from error
