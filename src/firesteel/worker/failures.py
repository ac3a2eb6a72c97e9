"""From an exception to a Failure: which of the three kinds it is, under which code, with what text.

*Transient*: another system is down, slow or busy, or a workflow asks for a retry. *Permanent*: no
retry helps. *Unknown*: everything else, tried a few times. The text of other exceptions than
PermanentError is for the people of the integration, never for callers.
"""

from __future__ import annotations

import errno
import socket
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from firesteel.errors import AuthorError, FiresteelError, RetryLater
from firesteel.model.execution import ErrorKind, Failure

if TYPE_CHECKING:
    from types import TracebackType

DETAIL_LIMIT = 2000
TRACE_LIMIT = 16_000

_TRANSIENT_ERRNO = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EPIPE,
        errno.ETIMEDOUT,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)
# By name, so that no library is imported to recognise the errors of one that is not used.
_TRANSIENT_CLASSES = frozenset(
    {
        "httpx2.TransportError",
        "httpx.TransportError",
        "requests.exceptions.ConnectionError",
        "requests.exceptions.Timeout",
        "urllib3.exceptions.HTTPError",
        "aiohttp.client_exceptions.ClientConnectionError",
        "sqlalchemy.exc.TimeoutError",
    }
)
_MISUSED_CLASSES = frozenset(
    {
        "httpx2.UnsupportedProtocol",
        "httpx2.LocalProtocolError",
        "httpx.UnsupportedProtocol",
        "httpx.LocalProtocolError",
    }
)
_TRANSIENT_SQLSTATE = ("08", "40", "53", "57", "55P03")
_TRANSIENT_MYSQL = frozenset({1040, 1205, 1213, 2002, 2003, 2006, 2013})
_TRANSIENT_SQLITE = frozenset({"BUSY", "LOCKED", "CANTOPEN", "FULL", "IOERR", "PROTOCOL"})
# Code that is deployed wrongly may be deployed rightly by the next attempt.
_RETRIED_CODES = frozenset({"function_invalid"})
TRANSIENT_STATUSES = frozenset({408, 425, 429})
_HERE = str(Path(__file__).parent)


class StepError(Exception):
    """A step, or something like one, has failed in a way that is told already."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


def failure_of(
    error: BaseException, *, step: str | None = None, code: str = "workflow_error"
) -> Failure:
    """The Failure that an exception means; ``step``: the place of the step that raised it,
    ``code``: of an exception that is none of ours."""
    if isinstance(error, StepError):
        return error.failure
    kind, code, detail = _classified(error, code)
    after_s = error.after_s if isinstance(error, RetryLater) else None
    return Failure(kind, code, _sendable(detail)[:DETAIL_LIMIT], after_s, [], step, trace_of(error))


def is_transient(error: BaseException) -> bool:
    """Whether another system was down, slow or busy."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_transient(one) for one in error.exceptions)
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror | RetryLater):
        return True
    if isinstance(error, OSError) and error.errno in _TRANSIENT_ERRNO:
        return True
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status in TRANSIENT_STATUSES or status >= 500
    names = {f"{base.__module__}.{base.__qualname__}" for base in type(error).mro()}
    if names & _TRANSIENT_CLASSES and not names & _MISUSED_CLASSES:
        return True
    return _database_is_down(error)


def status_is_transient(status: int) -> bool:
    """Whether an HTTP status may be another one later (RFC 9110, RFC 6585, RFC 8470)."""
    return status in TRANSIENT_STATUSES or status >= 500


def trace_of(error: BaseException) -> str:
    """The trace without our own frames above the user's, its last 16,000 characters."""
    place = _first_foreign(error.__traceback__)
    text = "".join(traceback.format_exception(type(error), error, place))
    return _sendable(text)[-TRACE_LIMIT:]


def _sendable(text: str) -> str:
    """Half a surrogate pair, which no frame can hold, as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _classified(error: BaseException, code: str) -> tuple[ErrorKind, str, str]:
    if isinstance(error, RetryLater):
        return "transient", error.code, error.detail
    if isinstance(error, FiresteelError):
        retried = not isinstance(error, AuthorError) or error.code in _RETRIED_CODES
        return "unknown" if retried else "permanent", error.code, error.detail
    if isinstance(error, BaseExceptionGroup):
        permanent = error.subgroup(AuthorError)
        if permanent is not None and not is_transient(permanent):
            return _classified(_first_leaf(permanent), code)
    if type(error).__module__.startswith("sqlalchemy."):
        return "transient" if is_transient(error) else "unknown", "sql_failed", _refusal(error)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return "transient" if is_transient(error) else "unknown", code, text


def _refusal(error: BaseException) -> str:
    """The kind of error and its SQLSTATE; what the database says may hold values, and stands in the
    trace."""
    driver = getattr(error, "orig", None)
    state = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
    name = type(driver or error).__name__
    return f"the database refused: {name}" + (f" ({state})" if state else "")


def _first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = next(
            (one for one in error.exceptions if not isinstance(one, RetryLater)),
            error.exceptions[0],
        )
    return error


def _first_foreign(place: TracebackType | None) -> TracebackType | None:
    first = place
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_HERE):
        place = place.tb_next
    return place or first


def _database_is_down(error: BaseException) -> bool:
    """Of SQLAlchemy's errors and of the drivers' own: SQLSTATE classes 08 (connection), 40
    (rollback: deadlock, serialization), 53 (resources), 57 (operator intervention), and what the
    drivers without SQLSTATE say instead."""
    if getattr(error, "connection_invalidated", False):
        return True
    driver = getattr(error, "orig", None) or error
    sqlstate = getattr(driver, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_TRANSIENT_SQLSTATE)
    sqlite = getattr(driver, "sqlite_errorname", None)
    if isinstance(sqlite, str):
        return sqlite.removeprefix("SQLITE_").partition("_")[0] in _TRANSIENT_SQLITE
    module = type(driver).__module__.partition(".")[0]
    number = driver.args[0] if driver.args else None
    if module in ("pymysql", "MySQLdb"):
        return number in _TRANSIENT_MYSQL
    # psycopg has no SQLSTATE exactly where there is no connection.
    return module == "psycopg" and type(driver).__name__ in (
        "OperationalError",
        "ConnectionTimeout",
    )
