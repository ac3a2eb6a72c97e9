"""Refusing a server that could lose what it was given (P35), before anything is accepted.

Source: https://www.postgresql.org/docs/current/runtime-config-wal.html.
"""

from __future__ import annotations

import psycopg

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.failures import is_refusal

OLDEST_SERVER = 14

_ASKED = (
    "SELECT current_setting('server_version_num')::INTEGER, current_setting('server_encoding'), "
    "pg_is_in_recovery(), current_setting('default_transaction_read_only')"
)
_NEEDED = ("fsync", "full_page_writes", "synchronous_commit")


def check_server(address: Address) -> None:
    """See how the server is set up, for this user and database.

    Raises OperatorError ``store_unsafe`` where it would not keep what it has committed,
    ``store_unsupported`` where it is too old or its texts are not UTF-8, ``store_refused`` where it
    does not let this user in, and StoreUnavailable where it cannot be reached or is a standby,
    which may yet become the one that writes.
    """
    connection = _let_in(address)
    try:
        version, encoding, is_standby, read_only = connection.execute(_ASKED).fetchall()[0]
        if version < OLDEST_SERVER * 10_000:
            raise OperatorError(
                f"PostgreSQL {version // 10_000} is too old: {OLDEST_SERVER} or newer is needed",
                code="store_unsupported",
            )
        if encoding != "UTF8":
            raise OperatorError(
                f"the database's encoding is {encoding}: UTF8 is needed", code="store_unsupported"
            )
        for name in _NEEDED:
            (value,) = connection.execute("SELECT current_setting(?)", (name,)).fetchall()[0]
            if value == "off":
                raise OperatorError(
                    f"PostgreSQL's setting {name} is off: a crash would lose what was accepted; "
                    "switch it on",
                    code="store_unsafe",
                )
        if is_standby or read_only == "on":
            raise StoreUnavailable("PostgreSQL takes no writes there: it is a read-only standby")
    finally:
        connection.close()


def _let_in(address: Address) -> PostgresqlConnection:
    """A connection, or the reason why there will be none."""
    try:
        # Not flushed by our own wish: what the server would do by itself is asked.
        return connect(address, Session(3.0, flushed=None))
    except StoreUnavailable as error:
        if isinstance(error.__cause__, psycopg.Error) and is_refusal(error.__cause__):
            raise OperatorError(error.detail, code="store_refused") from error
        raise
