"""What PostgreSQL's errors mean to whoever asked.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import psycopg

from firesteel.errors import FiresteelError, InternalError, OperatorError, StoreUnavailable

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
# Of a connection that is not made libpq tells the text only. A server that speaks another language
# is taken for one that is gone.
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
    "does not exist",  # the role, the database, a file of certificates
    "SSL was required",
    "certificate verify failed",
    "invalid sslmode value",
    "invalid target_session_attrs value",
)


# Of the server, the database or the role, or all but the places kept for the administrator.
_FULL = ("too many", "remaining connection slots are reserved")


def is_full(error: BaseException | None) -> bool:
    """Whether a connection was not made since there are as many as there may be."""
    return isinstance(error, psycopg.Error) and any(text in str(error) for text in _FULL)


def is_conflict(error: BaseException) -> bool:
    """Whether the transaction was rolled back only because of others that ran beside it: a
    deadlock or a serialization failure. It may be tried again."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _CONFLICTS


def is_refused(error: BaseException) -> bool:
    """Whether the server has said, of a statement or of the COMMIT itself, that the transaction is
    not committed. A FATAL error says no more than that the connection ends; what the driver finds
    out by itself says nothing of the server."""
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return False
    return error.diag.severity_nonlocalized in (None, "ERROR")


def is_for_now(error: psycopg.Error) -> bool:
    """Whether the error is the server's or the way's to it, and not the statement's."""
    state = error.sqlstate
    if state is None:
        # Of the driver itself: a lost connection, unlike a wrong use of it.
        return isinstance(error, psycopg.OperationalError)
    return state.startswith(_FOR_NOW_CLASSES) or state in _FOR_NOW or state in _CONFLICTS


def is_refusal(error: psycopg.Error) -> bool:
    """Whether a connection was not made for what the URL says, or for rights: the server is there,
    and to try again would end the same."""
    return any(text in str(error) for text in _REFUSALS)


def no_right() -> OperatorError:
    """For a node that starts, of SQLSTATE 42501."""
    return OperatorError(
        "the database's user may not use or make Firesteel's tables there: let it own the database",
        code="store_refused",
    )


def translated(error: psycopg.Error) -> FiresteelError:
    """StoreUnavailable or InternalError, to be raised ``from`` the error, of which nothing was
    committed."""
    if is_for_now(error):
        return StoreUnavailable("the store does not answer now")
    return InternalError(f"PostgreSQL refused a statement: {type(error).__name__}")
