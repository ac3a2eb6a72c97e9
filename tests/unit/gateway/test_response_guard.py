"""A browser runs nothing of a response, and keeps nothing for the host (P46)."""

from __future__ import annotations

import pytest

from firesteel.gateway.answers import MessageRef, responded
from firesteel.model.execution import Response
from firesteel.model.response_headers import header_name_fault, is_inert

MESSAGE = MessageRef(b"01a2", 1, b"/t/x/messages/01a2", duplicate=False)

INERT = [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/vnd.shop+json",
    "text/plain; charset=utf-8",
    "text/csv",
    "image/png",
    "application/pdf",
]
ACTIVE = [
    None,
    "",
    "text/html",
    "TEXT/HTML; charset=utf-7",
    "application/xhtml+xml",
    "image/svg+xml",
    "image/svg+xml; x=image/png",
    "text/xml",
    "application/xml",
    "application/atom+xml",
    "application/xslt+xml",
    "text/javascript",
    "text/html, application/json",
    "image/png, text/html",
    "text/plain;,text/html",
    "application/vnd.shop+json;x,text/html;y=z",
    "multipart/x-mixed-replace; boundary=x",
    "message/rfc822",
    "*/*",
    "nonsense",
]


def lines(*headers: tuple[str, str]) -> list[tuple[str, str]]:
    answer = responded(Response(200, list(headers), b"<script>"), MESSAGE, b"r")
    return [
        (name, value)
        for name, _, value in (
            line.partition(": ") for line in answer.headers.decode().split("\r\n")
        )
        if name
    ]


@pytest.mark.parametrize("content_type", INERT)
def test_p46_what_runs_nothing_is_taken_for_what_it_says_it_is(content_type: str) -> None:
    sent = dict(lines(("content-type", content_type)))
    assert sent["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in sent


@pytest.mark.parametrize("content_type", ACTIVE)
def test_p46_all_else_is_in_a_sandbox_whatever_the_author_says(content_type: str | None) -> None:
    given = [] if content_type is None else [("content-type", content_type)]
    policy = ("content-security-policy", "sandbox allow-scripts allow-same-origin")
    sent = lines(*given, policy)
    assert ("content-security-policy", "sandbox") in sent
    assert ("x-content-type-options", "nosniff") in sent
    assert not is_inert(content_type or "")


def test_p46_two_content_types_are_none() -> None:
    sent = lines(("content-type", "text/html"), ("content-type", "application/json"))
    assert ("content-security-policy", "sandbox") in sent


def test_p46_an_author_cannot_let_browsers_guess() -> None:
    sent = lines(("content-type", "text/plain"), ("X-Content-Type-Options", "none"))
    assert [value for name, value in sent if name == "x-content-type-options"] == ["nosniff"]


@pytest.mark.parametrize(
    "name",
    [
        "set-cookie",
        "Set-Cookie",
        "set-cookie2",
        "clear-site-data",
        "strict-transport-security",
        "alt-svc",
        "nel",
        "report-to",
        "service-worker-allowed",
        "x-accel-redirect",
        "x-sendfile",
        "transfer-encoding",
        "content-length",
        "connection",
        "firesteel-message-id",
        "bad name",
        "x:y",
        "",
    ],
)
def test_p46_headers_of_the_host_the_connection_or_a_proxy_are_left_out(name: str) -> None:
    sent = lines((name, "x"), ("x-total", "7"))
    assert (name.lower(), "x") not in sent
    assert ("x-total", "7") in sent
    assert header_name_fault(name) is not None


def test_p46_a_value_makes_no_second_header() -> None:
    assert not [n for n, _ in lines(("x-a", "1\r\nset-cookie: a=b")) if n in ("x-a", "set-cookie")]
