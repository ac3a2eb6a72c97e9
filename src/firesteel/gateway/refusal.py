"""Problems as they go over the wire, also where no application is asked: refused requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firesteel.model.problem import Problem

HeaderPairs = list[tuple[bytes, bytes]]


def problem_headers(problem: Problem, request_id: bytes) -> tuple[HeaderPairs, bytes]:
    """Headers and body of a problem that is no message's."""
    body = problem.body(f"urn:firesteel:request:{request_id.decode()}")
    headers = [(name.encode(), value.encode()) for name, value in problem.all_headers()]
    headers += [
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"request-id", request_id),
    ]
    return headers, body


def refusal(problem: Problem, *, status_line: bytes, date_line: bytes, request_id: bytes) -> bytes:
    """The whole answer, after which the connection is closed."""
    headers, body = problem_headers(problem, request_id)
    lines = [status_line, date_line, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"connection: close", b"", body])
