"""What PostgreSQL's errors mean to whoever asked.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import psycopg

from firesteel.errors import FiresteelError, InternalError, StoreUnavailable

# Classes: connection, resources, operator intervention (statement_timeout and a server that stops
# or starts), the server's disk; a damaged page (XX001, XX002) is the disk's too.
_FOR_NOW_CLASSES = ("08", "53", "57", "58")
_FOR_NOW = frozenset(
    {
        "25006",  # read_only_sql_transaction: a standby
        "25P03",  # idle_in_transaction_session_timeout
        "55P03",  # lock_not_available: lock_timeout
        "XX001",
        "XX002",
    }
)
_CONFLICTS = frozenset({"40001", "40P01"})


def is_conflict(error: BaseException) -> bool:
    """Whether the transaction was rolled back only because of others that ran beside it: a
    deadlock or a serialization failure. It may be tried again."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _CONFLICTS


def is_for_now(error: psycopg.Error) -> bool:
    """Whether the error is the server's or the way's to it, and not the statement's."""
    state = error.sqlstate
    if state is None:
        # Of the driver itself: a lost connection, unlike a wrong use of it.
        return isinstance(error, psycopg.OperationalError)
    return state.startswith(_FOR_NOW_CLASSES) or state in _FOR_NOW or state in _CONFLICTS


def translated(error: psycopg.Error) -> FiresteelError:
    """StoreUnavailable or InternalError, to be raised ``from`` the error, of which nothing was
    committed."""
    if is_for_now(error):
        return StoreUnavailable("the store does not answer now")
    return InternalError(f"PostgreSQL refused a statement: {type(error).__name__}")
