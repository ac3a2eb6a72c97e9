from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from firesteel.testing import Result, run_integration
from tests.support.http_server import HttpServer, Reply


def call(server: HttpServer | None, http: dict[str, Any], body: Any = None, **more: Any) -> Result:
    step = {"name": "c", "http": http, **more.pop("step", {})}
    connection = {
        "http": "" if server is None else f"{server.url}/api",
        **more.pop("connection", {}),
    }
    document = {"name": "x", "workflow": {"steps": [step]}}
    connections = {} if server is None else {"crm": connection}
    return run_integration(document, body=body, connections=connections, **more)


def test_a_call_sends_what_the_step_says(http_server: HttpServer) -> None:
    http_server.reply("/api/items/A%2F1", Reply.json({"no": 7}, 201))
    result = call(
        http_server,
        {
            "connection": "crm",
            "method": "POST",
            "path": "/items/{% input.body.item %}",
            "query": {"q": "a b", "many": [1, 2], "none": "{% input.nothing %}"},
            "headers": {"X-Own": "{% 1 + 1 %}"},
            "json": {"n": "{% input.body.n %}"},
        },
        {"item": "A/1", "n": 2**60},
        connection={"headers": {"Authorization": "Bearer t", "X-Own": "inherited"}},
    )
    assert result.response.json() == {"no": 7}
    (received,) = http_server.received
    assert (received.method, received.path) == ("POST", "/api/items/A%2F1")
    assert received.query == "q=a+b&many=1&many=2"
    assert received.header("x-own") == "2"
    assert received.header("authorization") == "Bearer t"
    assert received.header("content-type") == "application/json"
    assert received.json == {"n": 2**60}


def test_p13_every_attempt_carries_the_same_idempotency_key(http_server: HttpServer) -> None:
    http_server.reply("/api", Reply(500), Reply.json({}))
    call(http_server, {"connection": "crm"})
    call(
        http_server, {"connection": "crm"}, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    )
    keys = {received.header("idempotency-key") for received in http_server.received}
    assert keys == {"0" * 31 + "1:c"}
    traces = [received.header("traceparent") or "" for received in http_server.received]
    assert traces[0].count("-") == 3
    assert traces[1].startswith(f"00-{'a' * 32}-")
    assert not traces[1].endswith(f"{'b' * 16}-01")


@pytest.mark.parametrize(
    ("http", "content_type", "body"),
    [
        (
            {"form": {"a": "1 2", "b": ["x", "y"]}},
            "application/x-www-form-urlencoded",
            b"a=1+2&b=x&b=y",
        ),
        ({"text": "é {% 1 %}"}, "text/plain; charset=utf-8", "é 1".encode()),
        ({"base64": "AP8="}, "application/octet-stream", b"\x00\xff"),
        ({"json": [1]}, "application/json", b"[1]"),
    ],
)
def test_each_kind_of_body_is_sent(
    http_server: HttpServer, http: dict[str, Any], content_type: str, body: bytes
) -> None:
    http_server.reply("/api", Reply(204))
    assert call(http_server, {"connection": "crm", "method": "PUT", **http}).failure is None
    (received,) = http_server.received
    assert (received.header("content-type"), received.body) == (content_type, body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "permanent"),
        (404, "permanent"),
        (301, "permanent"),
        (408, "transient"),
        (425, "transient"),
        (429, "transient"),
        (500, "transient"),
        (503, "transient"),
    ],
)
def test_statuses_that_are_not_expected_have_their_kind(
    http_server: HttpServer, status: int, kind: str
) -> None:
    http_server.reply("/api", Reply(status, headers=(("Retry-After", "7"),)))
    failure = call(http_server, {"connection": "crm"}).failure
    assert failure is not None
    assert (failure.kind, failure.code, failure.step) == (kind, "http_status", "c")
    assert failure.after_s == (7.0 if status in (429, 503) else None)


def test_expected_statuses_are_a_success(http_server: HttpServer) -> None:
    http_server.reply("/api", Reply.json({"error": "unknown"}, 404))
    http = {"connection": "crm", "expect": ["200-299", 404], "result": "response"}
    whole = call(http_server, http).response.json()
    assert (whole["status"], whole["body"]) == (404, {"error": "unknown"})
    assert whole["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("content_type", "sent", "expected"),
    [
        (
            "application/json",
            b'{"big": 9007199254740993, "d": 1.10}',
            b'{"big":9007199254740993,"d":1.10}',
        ),
        ("application/xml", b"<a x='1'>t</a>", b'{"a":{"@x":"1","#text":"t"}}'),
        ("text/csv", b"a,b\n1,2\n", b'[{"a":"1","b":"2"}]'),
        ("text/plain", b"hello", b'"hello"'),
        ("image/png", b"\xff\x00", b'"/wA="'),
    ],
)
def test_an_answer_is_read_by_its_content_type(
    http_server: HttpServer, content_type: str, sent: bytes, expected: bytes
) -> None:
    http_server.reply("/api", Reply(200, sent, (("Content-Type", content_type),)))
    document = {
        "name": "x",
        "workflow": {"steps": [{"name": "c", "http": {"connection": "crm"}}]},
        "response": {"body": "{% steps.c %}"},
    }
    connections = {"crm": {"http": f"{http_server.url}/api"}}
    result = run_integration(document, connections=connections)
    assert json.loads(result.response.body) == json.loads(expected)


def test_an_answer_that_is_no_json_is_an_error(http_server: HttpServer) -> None:
    http_server.reply("/api", Reply(200, b"{", (("Content-Type", "application/json"),)))
    failure = call(http_server, {"connection": "crm"}).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("unknown", "http_answer_invalid")


def test_a_compressed_answer_cannot_grow_without_bound(http_server: HttpServer) -> None:
    headers = (("Content-Encoding", "gzip"), ("Content-Type", "text/plain"))
    http_server.reply("/api", Reply(200, gzip.compress(b"x" * (11 << 20)), headers))
    failure = call(http_server, {"connection": "crm"}).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("permanent", "http_answer_too_large")


@pytest.mark.parametrize("reply", [Reply(drop=True), Reply(200, b"0123456789", cut=True)])
def test_a_lost_connection_is_transient(http_server: HttpServer, reply: Reply) -> None:
    http_server.reply("/api", reply)
    failure = call(http_server, {"connection": "crm"}).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("transient", "http_unreachable")


def test_a_slow_system_is_transient(http_server: HttpServer) -> None:
    import threading

    gate = threading.Event()
    http_server.reply("/api", Reply(gate=gate))
    failure = call(http_server, {"connection": "crm"}, connection={"timeout": "50ms"}).failure
    gate.set()
    assert failure is not None
    assert (failure.kind, failure.code) == ("transient", "http_timeout")


def test_a_step_is_retried_within_the_attempt(http_server: HttpServer) -> None:
    http_server.reply("/api", Reply(503), Reply(500), Reply.json({"ok": True}))
    retry = {"attempts": 3, "first_delay": "1ms", "max_delay": "2ms"}
    result = call(http_server, {"connection": "crm"}, step={"retry": retry})
    assert result.response.json() == {"ok": True}
    assert len(http_server.received) == 3


def test_a_permanent_error_is_not_retried(http_server: HttpServer) -> None:
    http_server.reply("/api", Reply(400))
    assert call(http_server, {"connection": "crm"}, step={"retry": {"first_delay": "1ms"}}).failure
    assert len(http_server.received) == 1


def test_a_redirect_on_the_same_host_is_followed(http_server: HttpServer) -> None:
    http_server.reply("/api", Reply.redirect("/other"))
    http_server.reply("/other", Reply.json({"there": True}))
    assert call(http_server, {"connection": "crm"}).response.json() == {"there": True}


def test_p45_no_redirect_to_another_host_is_followed(http_server: HttpServer) -> None:
    with HttpServer.started() as other:
        http_server.reply("/api", Reply.redirect(f"{other.url}/stolen"))
        http = {"connection": "crm"}
        connection = {"headers": {"Authorization": "Bearer t"}}
        failure = call(http_server, http, connection=connection).failure
        assert failure is not None
        assert failure.kind == "permanent"
        assert not other.received


@pytest.mark.parametrize("path", ["//evil.example/x", "http://evil.example/x", "/a..b", "@evil"])
def test_a_path_never_leads_to_another_host(http_server: HttpServer, path: str) -> None:
    http = {"connection": "crm", "path": "{% input.body.path %}", "expect": ["100-599"]}
    assert call(http_server, http, {"path": path}).failure is None
    assert len(http_server.received) == 1


@pytest.mark.parametrize("path", ["..", "/../x", "x/../../y", "/%2e%2E/x", "/.%2e", "/./x", "..?a"])
def test_a_path_never_leads_above_the_connections_address(
    http_server: HttpServer, path: str
) -> None:
    failure = call(
        http_server, {"connection": "crm", "path": "{% input.body.path %}"}, {"path": path}
    ).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("permanent", "http_call_invalid")
    assert not http_server.received


@pytest.mark.parametrize("no", ["..", ".", "%2e%2e"])
@pytest.mark.parametrize("where", ["connection", "url"])
def test_an_inserted_value_is_no_step_up(http_server: HttpServer, where: str, no: str) -> None:
    items = "/items/{% input.body.no %}/x"
    http = {"url": http_server.url + items}
    if where == "connection":
        http = {"connection": "crm", "path": items}
    result = call(http_server, {**http, "expect": ["100-599"]}, {"no": no})
    paths = [received.path.rpartition("/items/")[2] for received in http_server.received]
    if no == "%2e%2e":  # its percent signs are encoded: none is a dot to anybody who decodes once
        assert paths == ["%252e%252e/x"]
        return
    assert result.failure is not None
    assert result.failure.code == "http_call_invalid"
    assert not paths


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"],
)
def test_p45_loopback_is_not_reached_unless_allowed(http_server: HttpServer, host: str) -> None:
    port = http_server.url.rpartition(":")[2]
    http = {"url": f"http://{host}:{port}/secret"}
    failure = call(None, http, outgoing_allow=()).failure
    assert failure is not None
    assert failure.code in ("address_refused", "http_unreachable", "http_call_invalid")
    assert not http_server.received


def test_p45_proxies_of_the_environment_are_not_used(
    http_server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", http_server.url)
    monkeypatch.setenv("ALL_PROXY", http_server.url)
    failure = call(None, {"url": "http://169.254.169.254/latest"}, outgoing_allow=()).failure
    assert failure is not None
    assert failure.code == "address_refused"
    assert not http_server.received


def test_header_values_cannot_hold_line_breaks(http_server: HttpServer) -> None:
    http = {"connection": "crm", "headers": {"X-A": "{% input.body.v %}"}}
    failure = call(http_server, http, {"v": "a\r\nX-Evil: 1"}).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("permanent", "http_call_invalid")
    assert not http_server.received
