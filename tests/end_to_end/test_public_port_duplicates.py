"""The public port: duplicates of a call, recognised by its idempotency key."""

from __future__ import annotations

import threading
from typing import Any

from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, wait_until
from tests.support.public_port import code_of, workflows

OTHER_KEY = "other-key-0123456789abcdef"
FAILS = """

@workflow
def fails(input):
    tell("/failed")
    raise PermanentError("no stock")
"""


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url, FAILS))
    two = [
        {"api_key": {"label": "tester", "value": KEY}},
        {"api_key": {"label": "other", "value": OTHER_KEY}},
    ]
    tells = {"python": "work:tells"}
    waits = {"authentication": two, "request_response": True}
    project.integration({"name": "Waits", "trigger": waits, "workflow": tells})
    document = {"name": "Fails", "trigger": waits, "workflow": {"python": "work:fails"}}
    project.integration(document)
    project.integration({"name": "Accepts", "trigger": {"authentication": two}})
    path = {"idempotency": {"key": "body.order.no"}}
    project.integration({"name": "Path", "trigger": path})
    project.integration({"name": "Event", "trigger": {"idempotency": {"key": "query.event"}}})
    project.integration({"name": "Never", "trigger": {"idempotency": False}})
    project.integration({"name": "Window", "trigger": {"idempotency": {"window": "1s"}}})


def keyed(key: str, **more: str) -> dict[str, str]:
    return {"idempotency-key": key, **more}


def effects(sink: HttpServer, path: str) -> int:
    return sum(received.path == path for received in sink.received)


def test_a_duplicate_gets_the_first_calls_answer_and_starts_nothing(
    node: RunningNode, sink: HttpServer
) -> None:
    sink.reply("/first", Reply(200, b"one"), Reply(200, b"two"))
    first, second, third = (
        node.call("Waits", json={"tell": "first"}, headers=keyed("a")) for _ in range(3)
    )
    assert first.json() == second.json() == third.json() == {"said": "one"}
    assert "firesteel-duplicate" not in first.headers
    for duplicate in (second, third):
        assert duplicate.headers["firesteel-duplicate"] == "true"
        assert duplicate.status_code == first.status_code
        for name in ("firesteel-message-id", "firesteel-sequence", "content-type"):
            assert duplicate.headers[name] == first.headers[name]
    assert effects(sink, "/first") == 1


def test_a_duplicate_of_a_running_call_waits_like_the_first(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/running", Reply(200, b"both", gate=gate))
    answers: list[Any] = []

    def call() -> None:
        answers.append(node.call("Waits", json={"tell": "running"}, headers=keyed("b")))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: node.admin("GET", "/node")["waiting_callers"] == 2)
    gate.set()
    for thread in threads:
        thread.join()
    assert [answer.json() for answer in answers] == [{"said": "both"}] * 2
    assert [answer.headers.get("firesteel-duplicate") for answer in answers].count("true") == 1
    assert effects(sink, "/running") == 1


def test_a_duplicate_of_a_failed_call_gets_the_failure(node: RunningNode, sink: HttpServer) -> None:
    sink.reply("/failed", Reply())
    first, second = (node.call("Fails", json={}, headers=keyed("c")) for _ in range(2))
    assert code_of(first) == code_of(second) == "execution_failed"
    assert first.json() == second.json()
    assert second.headers["firesteel-duplicate"] == "true"
    assert effects(sink, "/failed") == 1


def test_without_request_response_a_duplicate_gets_the_same_202(node: RunningNode) -> None:
    first, second = (node.call("Accepts", json={}, headers=keyed("d")) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert second.headers["firesteel-duplicate"] == "true"
    after = node.call("Accepts", json={})
    assert after.json()["sequence"] == first.json()["sequence"] + 1


def test_the_same_key_with_another_method_query_or_body_is_422(node: RunningNode) -> None:
    headers = keyed("e")
    node.call("Accepts?x=1", content=b"body", headers=headers)
    others = [
        node.call("Accepts?x=1", "GET", content=b"body", headers=headers),
        node.call("Accepts?x=2", content=b"body", headers=headers),
        node.call("Accepts", content=b"body", headers=headers),
        node.call("Accepts?x=1", content=b"bodY", headers=headers),
        node.call("Accepts?x=1", headers=headers),
    ]
    assert {code_of(answer) for answer in others} == {"idempotency_mismatch"}
    assert {answer.status_code for answer in others} == {422}
    same = node.call("Accepts?x=1", content=b"body", headers={**headers, "x-other": "1"})
    assert same.headers["firesteel-duplicate"] == "true"


def test_a_key_counts_per_consumer_and_per_trigger(node: RunningNode) -> None:
    other = {"x-api-key": OTHER_KEY}
    answers = [
        node.call("Accepts", headers=keyed("f")),
        node.call("Accepts", headers=keyed("f", **other)),
        node.call("Never", headers=keyed("f")),
        node.call("Path", headers=keyed("f")),
    ]
    assert not any("firesteel-duplicate" in answer.headers for answer in answers)
    assert len({answer.json()["id"] for answer in answers}) == 4


def test_the_key_may_stand_at_a_path_of_the_triggers_own(node: RunningNode) -> None:
    first, second = (node.call("Path", json={"order": {"no": 4711}}) for _ in range(2))
    assert first.json() == second.json()
    answer = node.call("Path", json={"order": {"no": 4711}, "more": 1})
    assert code_of(answer) == "idempotency_mismatch"
    first, second = (node.call("Event?event=x1", "GET") for _ in range(2))
    assert first.json() == second.json()


def test_a_call_without_the_key_is_never_a_duplicate(node: RunningNode) -> None:
    first, second = (node.call("Path", json={"order": {}}) for _ in range(2))
    assert first.json()["id"] != second.json()["id"]
    first, second = (node.call("Never", headers=keyed("g")) for _ in range(2))
    assert first.json()["id"] != second.json()["id"]


def test_after_the_window_a_key_is_new(node: RunningNode) -> None:
    first = node.call("Window", headers=keyed("h"))

    def new() -> Any:
        answer = node.call("Window", headers=keyed("h"))
        return answer if "firesteel-duplicate" not in answer.headers else None

    assert wait_until(new).json()["sequence"] == first.json()["sequence"] + 1


def test_refused_calls_do_not_use_up_a_key(node: RunningNode) -> None:
    path = "/workspaces/test/integrations/Accepts"
    node.admin("PATCH", path, json={"enabled": False})
    assert code_of(node.call("Accepts", headers=keyed("i"))) == "not_found"
    node.admin("PATCH", path, json={"enabled": True})
    answer = node.call("Accepts", headers=keyed("i"))
    assert answer.status_code == 202
    assert "firesteel-duplicate" not in answer.headers
