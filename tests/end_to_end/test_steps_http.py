"""The http step against a real HTTP server, and connections with their secrets."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.end_to_end.steps import Answered, Steps
from tests.support.http_server import HttpServer, Received, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node

PEER_KEY = "peer-key-@/:%"
SECRET = "kept-by-the-workspace"
DONE = Reply.json({"done": True})


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpServer]:
    """The other system."""
    with HttpServer.started() as server:
        yield server


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sink: HttpServer) -> Iterator[RunningNode]:
    """One address may be reached: the sink's. What resolves to another one may not."""
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    headers = {"X-Peer-Key": "${PEER_KEY}", "X-Fixed": "1"}
    project.connections(
        {
            "peer": {"http": f"{sink.url}/api", "headers": headers},
            "hasty": {"http": sink.url, "timeout": "300ms"},
        }
    )
    data_dir = tmp_path_factory.mktemp("data")
    environment = {"FIRESTEEL_OUTGOING_ALLOW": "127.0.0.1/32,::1/128", "PEER_KEY": PEER_KEY}
    with running_node(data_dir, project.path, **environment) as running:
        yield running


@pytest.fixture
def steps(node: RunningNode) -> Steps:
    return Steps(node)


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A path of the sink that is this test's own."""
    return re.sub(r"\W", "-", request.node.name)


def http(path: str, **more: Any) -> dict[str, Any]:
    return {"name": "it", "http": {"connection": "peer", "path": path, **more}}


def received(sink: HttpServer, path: str) -> list[Received]:
    return [request for request in sink.received if request.path == f"/api/{path}"]


def test_a_call_carries_what_the_step_says_and_its_keys(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    sink.reply(f"/api/{path}", Reply.json({"no": 9007199254740993}))
    step = http(
        path,
        method="POST",
        query={"a": "{% input.body.n %}", "b": ["1", "2"], "none": None},
        headers={"X-Own": "{% 'v' & input.body.n %}"},
        json={"n": "{% input.body.n %}"},
    )
    answered = steps.run(step, body={"n": 12345678901234567890})
    # Integers keep every digit, out and back in.
    assert answered.value == {"no": 9007199254740993}
    (call,) = received(sink, path)
    assert (call.method, call.query) == ("POST", "a=12345678901234567890&b=1&b=2")
    assert call.body == b'{"n":12345678901234567890}'
    message_id = answered.response.headers["firesteel-message-id"]
    assert call.header("idempotency-key") == f"{message_id}-1:it"
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", call.header("traceparent") or "")
    assert call.header("x-own") == "v12345678901234567890"
    assert call.header("x-fixed") == "1"


def test_headers_of_a_connection_hold_the_environment_and_secrets(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    steps.node.admin("PUT", "/workspaces/test/secrets/TOKEN", json={"value": SECRET})
    headers = {"Authorization": "Bearer ${TOKEN}"}
    document = {"http": f"{sink.url}/api", "headers": headers}
    steps.node.admin("PUT", "/workspaces/test/connections/sealed", json=document)
    sink.reply(f"/api/{path}", Reply(204))
    step = {"name": "it", "http": {"connection": "sealed", "path": path}}
    name = steps.publish(step)
    steps.call(name)
    steps.node.admin("PUT", "/workspaces/test/secrets/TOKEN", json={"value": "rotated"})
    steps.call(name)
    sent = [call.header("authorization") for call in received(sink, path)]
    assert sent == [f"Bearer {SECRET}", "Bearer rotated"]
    shown = steps.node.admin("GET", "/workspaces/test/connections/sealed")
    assert SECRET not in str(shown)
    assert "${TOKEN}" in str(shown)


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (
            {"form": {"a": "ä b", "c": ["1", "2"]}},
            ("application/x-www-form-urlencoded", b"a=%C3%A4+b&c=1&c=2"),
        ),
        ({"text": "grüß {% input.body.x %}"}, ("text/plain; charset=utf-8", "grüß 1".encode())),
        (
            {"base64": base64.b64encode(b"\x00\xff").decode()},
            ("application/octet-stream", b"\x00\xff"),
        ),
    ],
    ids=["form", "text", "base64"],
)
def test_every_kind_of_body(
    steps: Steps, sink: HttpServer, path: str, body: dict[str, Any], sent: tuple[str, bytes]
) -> None:
    sink.reply(f"/api/{path}", Reply(204))
    assert steps.run(http(path, method="POST", **body), body={"x": 1}).response.status_code == 204
    (call,) = received(sink, path)
    assert (call.header("content-type"), call.body) == sent


def test_a_value_neither_ends_the_path_nor_leaves_it(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    target = f"{path}/{{% input.body.no %}}/x"
    steps.run(http(target), body={"no": "../../admin?a=1#b"})
    refused = steps.run(http(target), body={"no": ".."}).failure
    assert (refused["kind"], refused["code"]) == ("permanent", "http_call_invalid")
    paths = [call.path for call in sink.received if path in call.path]
    assert paths == [f"/api/{path}/..%2F..%2Fadmin%3Fa%3D1%23b/x"]


def test_expect_says_which_statuses_are_a_success(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    sink.reply(f"/api/{path}", Reply.json({"error": "unknown"}, 404))
    whole = steps.run(http(path, expect=["200-299", 404], result="response")).value
    assert (whole["status"], whole["body"]) == (404, {"error": "unknown"})
    assert whole["headers"]["content-type"] == "application/json"
    failed = steps.run(http(path))
    assert (failed.failure["kind"], failed.failure["code"]) == ("permanent", "http_status")
    assert len(received(sink, path)) == 2


def test_503_is_tried_again_and_its_wait_is_not_an_attempt(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    sink.reply(f"/api/{path}", Reply(503), Reply(503), Reply(502), DONE)
    answered = steps.run(http(path))
    assert answered.value == {"done": True}
    keys = {call.header("idempotency-key") for call in received(sink, path)}
    assert len(keys) == 1
    kinds = [one["failure"]["kind"] for one in answered.execution["failed_attempts"]]
    assert kinds == ["transient"] * 3  # more than attempts: 2 allows


def test_429_is_tried_again_when_retry_after_says(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    refused = Reply(429, headers=(("Retry-After", "1"),))
    sink.reply(f"/api/{path}", refused, DONE)
    answered = steps.run(http(path))
    assert answered.value == {"done": True}
    (failed,) = answered.execution["failed_attempts"]
    # Ours, not a bound: the next attempt does not begin before the second is over.
    assert answered.execution["steps"][0]["started_at"] > failed["ended_at"]
    assert _seconds(failed["ended_at"], answered.execution["steps"][0]["started_at"]) >= 1.0


def test_a_step_repeats_itself_where_it_has_a_retry(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    sink.reply(f"/api/{path}", Reply(503), Reply(503), DONE)
    retry = {"attempts": 3, "first_delay": "10ms", "factor": 1}
    answered = steps.run({**http(path), "retry": retry})
    assert answered.value == {"done": True}
    assert answered.execution["failed_attempts"] == []
    assert len(received(sink, path)) == 3


def test_a_lost_connection_is_transient(steps: Steps, sink: HttpServer, path: str) -> None:
    sink.reply(f"/api/{path}", Reply(drop=True), DONE)
    answered = steps.run(http(path))
    assert answered.value == {"done": True}
    (failed,) = answered.execution["failed_attempts"]
    assert failed["failure"]["kind"] == "transient"


def test_a_connection_s_timeout_is_transient(
    steps: Steps, sink: HttpServer, path: str, gate: threading.Event
) -> None:
    sink.reply(f"/{path}", Reply(gate=gate), DONE)
    step = {"name": "it", "http": {"connection": "hasty", "path": path}}
    answered = steps.run(step)
    assert answered.value == {"done": True}
    failed = answered.execution["failed_attempts"]  # one, or more where the machine is slow
    assert {one["failure"]["kind"] for one in failed} == {"transient"}


def test_a_redirect_on_the_same_host_is_followed_to_another_it_is_not(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    elsewhere = sink.url.replace("127.0.0.1", "localhost")
    sink.reply(
        f"/api/{path}",
        Reply.redirect(f"/api/{path}-2"),
        Reply.redirect(f"{elsewhere}/api/{path}-2"),
    )
    sink.reply(f"/api/{path}-2", DONE)
    assert steps.run(http(path)).value == {"done": True}
    failure = steps.run(http(path)).failure
    assert (failure["code"], failure["detail"]) == (
        "http_status",
        "the other system answered 302",
    )
    assert len(received(sink, f"{path}-2")) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.2", "[::ffff:127.0.0.2]", "169.254.169.254", "0.0.0.0", "2130706434"]
)
def test_an_address_that_is_not_allowed_is_not_reached(
    steps: Steps, sink: HttpServer, host: str
) -> None:
    port = sink.url.rpartition(":")[2]
    before = len(sink.received)
    step = {"name": "it", "http": {"url": f"http://{host}:{port}/"}}
    failure = steps.run(step).failure
    assert (failure["kind"], failure["code"]) == ("permanent", "address_refused")
    assert len(sink.received) == before


def test_an_answer_is_read_by_its_content_type(steps: Steps, sink: HttpServer, path: str) -> None:
    replies = [
        Reply(200, b"<a n='1'>x</a>", (("Content-Type", "application/xml"),)),
        Reply(200, "größe".encode(), (("Content-Type", "text/plain"),)),
        Reply(200, b"\x00\xff", (("Content-Type", "application/octet-stream"),)),
    ]
    sink.reply(f"/api/{path}", *replies)
    name = steps.integrate(
        {
            "workflow": {"steps": [http(path)]},
            "response": {"body": {"it": "{% steps.it %}"}},
        }
    )
    values = [steps.call(name).value["it"] for _ in replies]
    assert values == [{"a": {"@n": "1", "#text": "x"}}, "größe", "AP8="]


def test_secrets_of_connections_stand_in_no_answer_and_no_record(
    steps: Steps, sink: HttpServer, path: str
) -> None:
    sink.reply(f"/api/{path}", Reply(400))
    answered: Answered = steps.run(http(path))
    assert received(sink, path)[0].header("x-peer-key") == PEER_KEY
    assert "peer-key" not in str(answered.execution)
    assert "peer-key" not in answered.response.text


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
