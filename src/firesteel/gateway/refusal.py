"""Problems as they go over the wire, also where no application is asked: refused requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from firesteel.model.problem import Problem


class Answer(NamedTuple):
    """What leaves; ``headers`` are lines, each with its end."""

    status: int
    headers: bytes
    body: bytes


def problem_answer(problem: Problem, request_id: bytes, instance: str = "") -> Answer:
    """A problem; ``instance`` is a URI reference that names this call, by default its request."""
    body = problem.body(instance or f"urn:firesteel:request:{request_id.decode()}")
    lines = "".join(f"{name}: {value}\r\n" for name, value in problem.all_headers()).encode()
    lines += b"content-length: %d\r\ncache-control: no-store\r\nrequest-id: %b\r\n" % (
        len(body),
        request_id,
    )
    return Answer(problem.status, lines, body)


def refusal(problem: Problem, *, status_line: bytes, date_line: bytes, request_id: bytes) -> bytes:
    """The whole answer, after which the connection is closed."""
    _, headers, body = problem_answer(problem, request_id)
    return b"%b\r\n%b\r\n%bconnection: close\r\n\r\n%b" % (status_line, date_line, headers, body)
