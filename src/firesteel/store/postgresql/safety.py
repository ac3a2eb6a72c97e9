"""Refusing a server that could lose what it was given (P35), before anything is accepted, and while
a node runs: a reload of its settings is enough to switch flushing off.

Source: https://www.postgresql.org/docs/current/runtime-config-wal.html.
"""

from __future__ import annotations

import psycopg

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.failures import is_refusal, translated

OLDEST_SERVER = 14

_NEEDED = ("fsync", "full_page_writes", "synchronous_commit")
_OFF = ", ".join(f"CASE current_setting('{name}') WHEN 'off' THEN '{name}' END" for name in _NEEDED)
SWITCHED_OFF = f"concat_ws(', ', {_OFF})"
"""In SQL: the settings that are off and must not be; empty where none is. A connection sees a
reload of the server's settings with the first statement behind it."""
_ASKED = (
    "SELECT current_setting('server_version_num')::INTEGER, current_setting('server_encoding'), "
    f"pg_is_in_recovery(), current_setting('default_transaction_read_only'), {SWITCHED_OFF}"
)
_ASKED_AGAIN = f"SELECT {SWITCHED_OFF}"


class Unsafe(Exception):
    """The server would not keep what is committed now; nothing of the transaction is to be."""


def refuse_switched_off(names: str) -> None:
    """``names``: what ``SWITCHED_OFF`` told. Raises Unsafe."""
    if names:
        verb, them = ("are", "them") if "," in names else ("is", "it")
        raise Unsafe(
            f"PostgreSQL's setting {names} {verb} off: a crash would lose what was accepted; "
            f"switch {them} on"
        )


def refuse_unsafe_now(connection: PostgresqlConnection) -> None:
    """Before a change. Raises StoreUnavailable ``store_unsafe`` and psycopg's errors."""
    try:
        refuse_switched_off(connection.execute(_ASKED_AGAIN).fetchall()[0][0])
    except Unsafe as error:
        raise StoreUnavailable(str(error), code="store_unsafe") from error


def check_server(address: Address) -> None:
    """See how the server is set up, for this user and database.

    Raises what ``check_connection`` raises, and OperatorError ``store_refused`` where it does not
    let this user in.
    """
    connection = _let_in(address)
    try:
        check_connection(connection)
    finally:
        connection.close()


def check_connection(connection: PostgresqlConnection) -> None:
    """See how the server is set up for what is written on this connection.

    Raises OperatorError ``store_unsafe`` where it would not keep what it has committed,
    ``store_unsupported`` where it is too old or its texts are not UTF-8, StoreUnavailable where it
    is a standby, which may yet become the one that writes, and psycopg's errors.
    """
    row = connection.execute(_ASKED).fetchall()[0]
    version, encoding, is_standby, read_only, switched_off = row
    if version < OLDEST_SERVER * 10_000:
        raise OperatorError(
            f"PostgreSQL {version // 10_000} is too old: {OLDEST_SERVER} or newer is needed",
            code="store_unsupported",
        )
    if encoding != "UTF8":
        raise OperatorError(
            f"the database's encoding is {encoding}: UTF8 is needed", code="store_unsupported"
        )
    try:
        refuse_switched_off(switched_off)
    except Unsafe as error:
        raise OperatorError(str(error), code="store_unsafe") from error
    if is_standby or read_only == "on":
        raise StoreUnavailable("PostgreSQL takes no writes there: it is a read-only standby")


def connect_to_write(address: Address, session: Session) -> PostgresqlConnection:
    """A new connection of a node that runs: the server may be another one than at its start, or may
    have been set up anew meanwhile. Raises StoreUnavailable, with the code ``store_unsafe`` where
    what is written there would not be kept."""
    connection = connect(address, session)
    try:
        check_connection(connection)
    except psycopg.Error as error:
        connection.close()
        raise translated(error) from error
    except OperatorError as error:
        connection.close()
        unsafe = error.code == "store_unsafe"
        code = "store_unsafe" if unsafe else StoreUnavailable.code
        raise StoreUnavailable(error.detail, code=code) from error
    return connection


def _let_in(address: Address) -> PostgresqlConnection:
    """A connection, or the reason why there will be none."""
    try:
        # Not flushed by our own wish: what the server would do by itself is asked.
        return connect(address, Session(3.0, flushed=None))
    except StoreUnavailable as error:
        if isinstance(error.__cause__, psycopg.Error) and is_refusal(error.__cause__):
            raise OperatorError(error.detail, code="store_refused") from error
        raise
