from __future__ import annotations

import errno
import socket

import httpx2
import psycopg
import pytest
import sqlalchemy.exc

from firesteel import PermanentError, RetryLater
from firesteel.worker.failures import failure_of
from firesteel.worker.functions import FunctionInvalid


def _driver_error(sqlstate: str) -> sqlalchemy.exc.DBAPIError:
    driver = psycopg.errors.lookup(sqlstate)("secret value")
    return sqlalchemy.exc.DBAPIError("select 1", {}, driver)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (PermanentError("no such customer"), "permanent", "permanent_error"),
        (RetryLater(3), "transient", "retry_later"),
        (FunctionInvalid("not there"), "unknown", "function_invalid"),
        (ConnectionRefusedError(), "transient", "workflow_error"),
        (TimeoutError(), "transient", "workflow_error"),
        (socket.gaierror(-3, "try again"), "transient", "workflow_error"),
        (OSError(errno.EHOSTUNREACH, "no route"), "transient", "workflow_error"),
        (OSError(errno.ENOENT, "no file"), "unknown", "workflow_error"),
        (httpx2.ReadTimeout("slow"), "transient", "workflow_error"),
        (httpx2.ConnectError("down"), "transient", "workflow_error"),
        (httpx2.UnsupportedProtocol("ftp"), "unknown", "workflow_error"),
        (_driver_error("40P01"), "transient", "sql_failed"),
        (_driver_error("57P01"), "transient", "sql_failed"),
        (_driver_error("55P03"), "transient", "sql_failed"),
        (_driver_error("23505"), "unknown", "sql_failed"),
        (_driver_error("42P01"), "unknown", "sql_failed"),
        (sqlalchemy.exc.TimeoutError("pool"), "transient", "sql_failed"),
        (psycopg.OperationalError("connection refused"), "transient", "workflow_error"),
        (ValueError("x"), "unknown", "workflow_error"),
        (SystemExit(3), "unknown", "workflow_error"),
        (ExceptionGroup("", [ValueError(), PermanentError("x")]), "permanent", "permanent_error"),
        (ExceptionGroup("", [TimeoutError(), RetryLater()]), "transient", "workflow_error"),
        (ExceptionGroup("", [TimeoutError(), ValueError()]), "unknown", "workflow_error"),
    ],
)
def test_each_error_has_its_kind_and_code(error: BaseException, kind: str, code: str) -> None:
    failure = failure_of(error)
    assert (failure.kind, failure.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, "transient"),
        (425, "transient"),
        (429, "transient"),
        (503, "transient"),
        (404, "unknown"),
        (409, "unknown"),
    ],
)
def test_statuses_that_a_workflow_raises_are_known(status: int, kind: str) -> None:
    request = httpx2.Request("GET", "http://x/")
    error = httpx2.HTTPStatusError("", request=request, response=httpx2.Response(status))
    assert failure_of(error).kind == kind


def test_retry_later_says_when() -> None:
    assert failure_of(RetryLater(2.5)).after_s == 2.5


def test_what_a_database_says_stands_in_the_trace_only() -> None:
    failure = failure_of(_driver_error("23505"))
    assert failure.detail == "the database refused: UniqueViolation (23505)"
    assert "secret value" in failure.trace


def test_the_trace_begins_with_the_authors_code() -> None:
    try:
        raise ValueError("mine")
    except ValueError as error:
        trace = failure_of(error).trace
    assert "test_failures.py" in trace
    assert "firesteel/worker" not in trace
