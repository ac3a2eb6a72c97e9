"""Promises about executing: steps journaled, versions kept, answers not crossed, backup."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import Size
from tests.fault.report import Report
from tests.support.http_server import HttpServer, Reply
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.public_port import workflows
from tests.support.raw_http import RawConnection, request

CALLERS = 20
TIMEOUTS = 8  # within the time for which the sink holds its answer
STEPS = """

@step
def first(name: str) -> str:
    return tell(f"/{name}/first")


@step
async def second(name: str) -> str:
    return tell(f"/{name}/second")


@workflow
async def two_steps(input, message):
    name = input["body"]["name"]
    one = await asyncio.to_thread(first, name)
    two = await second(name)
    if message.attempt <= input["body"].get("failures", 0):
        raise ValueError("after both steps")
    return {"one": one, "two": two, "attempt": message.attempt}


@workflow
async def same_value(input, message):
    return {"value": input["body"]["value"], "id": message.id, "sequence": message.sequence}
"""
RETRY = {"attempts": 5, "first_delay": "50ms", "max_delay": "50ms"}
POST = {"method": "POST", "connection": "system"}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    source = workflows(sink.url, STEPS).replace("import base64", "import asyncio\nimport base64")
    project.module("work", source)
    project.connections({"system": {"http": sink.url}})
    waits = {"request_response": True}
    python = {"python": "work:two_steps", "retry": RETRY}
    project.integration({"name": "Python", "trigger": waits, "workflow": python})
    value = {"python": "work:same_value"}
    project.integration({"name": "Value", "trigger": waits, "workflow": value})
    steps = [
        {"name": "one", "http": {**POST, "path": "/{% input.body.name %}/one"}},
        {"name": "two", "http": {**POST, "path": "/{% input.body.name %}/two"}},
    ]
    workflow = {"steps": steps, "retry": RETRY}
    project.integration({"name": "Http", "workflow": workflow})
    item = {"name": "item", "http": {**POST, "path": "/{% input.body.name %}/{% item %}"}}
    each = {"items": "{% input.body.items %}", "steps": [item]}
    steps = [{"name": "each", "for_each": each}]
    project.integration({"name": "Each", "workflow": {"steps": steps, "retry": RETRY}})
    document = {"name": "Backup"}
    project.integration(document)


def port_of(node: RunningNode) -> int:
    port = urlsplit(node.public_url).port
    assert port is not None
    return port


def told(sink: HttpServer, name: str) -> list[str]:
    """What the sink was told under a name, in order."""
    paths = [received.path for received in list(sink.received)]
    return [path.removeprefix(f"/{name}/") for path in paths if path.startswith(f"/{name}/")]


def executions(node: RunningNode, message_id: str) -> Any:
    return node.admin("GET", f"/workspaces/test/messages/{message_id}")["executions"]


# P13


def test_p13_a_journaled_python_step_is_not_run_again_by_a_retry(
    node: RunningNode, sink: HttpServer
) -> None:
    sink.reply("/py/first", Reply(200, b"1"))
    sink.reply("/py/second", Reply(200, b"2"))
    answer = node.call("Python", json={"name": "py", "failures": 2})
    assert answer.json() == {"one": "1", "two": "2", "attempt": 3}
    assert told(sink, "py") == ["first", "second"]
    (found,) = executions(node, answer.headers["firesteel-message-id"])
    assert (found["state"], found["attempts"]) == ("succeeded", 3)
    assert [step["attempt"] for step in found["steps"]] == [1, 1]
    assert len(found["failed_attempts"]) == 2


def test_p13_a_step_that_failed_is_run_again_with_the_same_idempotency_key(
    node: RunningNode, sink: HttpServer
) -> None:
    """The step before it is not: its result comes from the journal."""
    sink.reply("/http/one", Reply.json({"n": 1}))
    sink.reply("/http/two", Reply(503), Reply(drop=True), Reply.json({"n": 2}))
    answer = node.call("Http", json={"name": "http"})
    assert node.until_settled(answer)["state"] == "succeeded"
    assert told(sink, "http") == ["one", "two", "two", "two"]
    keys = idempotency_keys(sink, "http")
    assert len(set(keys)) == 2
    assert keys[1] == keys[2] == keys[3]


def test_p13_each_item_of_for_each_is_journaled(node: RunningNode, sink: HttpServer) -> None:
    for item in ("a", "b"):
        sink.reply(f"/each/{item}", Reply.json({}))
    sink.reply("/each/c", Reply(503), Reply.json({}))
    answer = node.call("Each", json={"name": "each", "items": ["a", "b", "c", "a"]})
    assert node.until_settled(answer)["state"] == "succeeded"
    assert told(sink, "each") == ["a", "b", "c", "c", "a"]
    keys = idempotency_keys(sink, "each")
    assert len(set(keys)) == 4
    assert keys[2] == keys[3]


def test_p13_after_a_crash_of_the_engine_only_the_step_in_flight_is_run_again(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/crash/one", Reply.json({"n": 1}))
    sink.reply("/crash/two", Reply(gate=gate, drop=True), Reply.json({"n": 2}))
    answer = node.call("Http", json={"name": "crash"})
    wait_until(lambda: told(sink, "crash") == ["one", "two"])
    node.kill_engine()
    node.wait_ready()
    gate.set()
    assert node.until_settled(answer)["state"] == "succeeded"
    assert told(sink, "crash") == ["one", "two", "two"]
    keys = idempotency_keys(sink, "crash")
    assert keys[0] != keys[1]
    assert keys[1] == keys[2]
    (found,) = executions(node, answer.json()["id"])
    assert (found["attempts"], [step["attempt"] for step in found["steps"]]) == (2, [1, 2])


def test_whoever_is_on_the_machine_may_use_the_rest_api_as_soon_as_a_new_engine_takes_calls(
    node: RunningNode,
) -> None:
    dead = node.engine_pid
    node.kill_engine()
    node.wait_ready()
    assert node.admin("GET", "/workers") is not None
    assert node.engine_pid != dead


def test_p13_a_terminal_state_is_written_once(node: RunningNode) -> None:
    answer = node.call("Value", json={"value": 1})
    before = node.status(answer)
    path = f"/workspaces/test/messages/{before['id']}"
    for act in ("cancel", "skip", "retry"):
        refused = refusal(node, f"{path}/{act}")
        assert (refused.status_code, refused.json()["type"]) == (
            409,
            "urn:firesteel:already_terminal",
        )
    assert node.status(answer) == before


def refusal(node: RunningNode, path: str) -> Any:
    address = node.address
    headers = {"Authorization": f"Bearer {address['token']}"}
    return node.client.post(f"{address['admin_url']}/api/v1{path}", headers=headers)


def idempotency_keys(sink: HttpServer, name: str) -> list[str | None]:
    found = [one for one in list(sink.received) if one.path.startswith(f"/{name}/")]
    return [one.header("idempotency-key") for one in found]


# P18


def publish(node: RunningNode, name: str, value: int) -> None:
    steps = [{"name": "value", "map": f"{{% {value} %}}"}]
    key = {"api_key": {"label": "tester", "value": KEY}}
    trigger = {"authentication": [key], "request_response": True}
    document = {"name": name, "trigger": trigger, "workflow": {"steps": steps}}
    node.admin("PUT", f"/workspaces/test/integrations/{name}", json=document)


def responses(node: RunningNode, message_id: str) -> list[Any]:
    """(version, value) of each execution."""
    found = executions(node, message_id)
    return [(one["version"], json.loads(one["response"]["body"]["text"])) for one in found]


def test_p18_an_execution_uses_the_version_of_its_acceptance_and_a_replay_the_current_one(
    node: RunningNode,
) -> None:
    publish(node, "Versioned", 1)
    trigger = {"integration": "Versioned"}
    node.admin("POST", "/workspaces/test/lanes/pause", json=trigger)
    answer = node.call("Versioned", headers={"prefer": "respond-async"})
    message_id = answer.json()["id"]
    publish(node, "Versioned", 2)
    later = node.call("Versioned", headers={"prefer": "respond-async"})
    node.admin("POST", "/workspaces/test/lanes/resume", json=trigger)
    assert node.until_settled(answer)["state"] == "succeeded"
    assert node.until_settled(later)["state"] == "succeeded"
    assert responses(node, message_id) == [(1, 1)]
    assert responses(node, later.json()["id"]) == [(2, 2)]
    publish(node, "Versioned", 3)
    path = f"/workspaces/test/messages/{message_id}/replay"
    replayed(node, path, message_id, original_version=False)
    replayed(node, path, message_id, original_version=True)
    assert responses(node, message_id) == [(1, 1), (3, 3), (1, 1)]
    assert [one["replay_of"] for one in executions(node, message_id)] == [None, 1, 2]


def replayed(node: RunningNode, path: str, message_id: str, *, original_version: bool) -> None:
    done = node.admin("POST", path, json={"original_version": original_version})
    wait_until(lambda: executions(node, message_id)[done["run"] - 1]["settled_at"])


# P19


def test_p19_every_caller_gets_the_answer_to_its_own_call(
    node: RunningNode, size: Size, report: Report
) -> None:
    calls = 100 if size == "quick" else 5000

    async def caller(number: int) -> list[tuple[str, int]]:
        seen = []
        async with await RawConnection.open(port_of(node)) as connection:
            for call in range(calls):
                value = f"{number}-{call}"
                answer = await connection.call(value_call(value))
                assert (answer.status, answer.json["value"]) == (200, value)
                assert answer["firesteel-message-id"] == answer.json["id"]
                assert answer["firesteel-sequence"] == str(answer.json["sequence"])
                seen.append((answer.json["id"], answer.json["sequence"]))
        return seen

    async def all_callers() -> list[tuple[str, int]]:
        found = await asyncio.gather(*(caller(number) for number in range(CALLERS)))
        return [one for seen in found for one in seen]

    answered = asyncio.run(all_callers())
    doubled = len(answered) - len({message_id for message_id, _ in answered})
    report.row("P19", "answers", acknowledged=len(answered), doubled=doubled, note="0 crossed")
    assert len({message_id for message_id, _ in answered}) == CALLERS * calls
    assert len({sequence for _, sequence in answered}) == CALLERS * calls


def value_call(value: str) -> bytes:
    body = json.dumps({"value": value}).encode()
    return request("POST", "/test/Value", body, x_api_key=KEY, Content_Type="application/json")


@pytest.mark.full
def test_p19_a_timeout_is_told_within_250_ms(
    node: RunningNode, sink: HttpServer, gate: threading.Event, report: Report
) -> None:
    sink.reply("/punctual/first", Reply(200, b"1", gate=gate))
    body = b'{"name":"punctual"}'
    call = request(
        "POST",
        "/test/Python",
        body,
        x_api_key=KEY,
        Content_Type="application/json",
        Prefer="wait=2",
    )

    async def late_s() -> list[float]:
        late = []
        async with await RawConnection.open(port_of(node)) as connection:
            for _ in range(TIMEOUTS):
                begun = time.monotonic()
                assert (await connection.call(call)).status == 202
                late.append(time.monotonic() - begun - 2.0)
        return late

    late = asyncio.run(late_s())
    gate.set()
    note = f"{min(late) * 1000:+.0f} to {max(late) * 1000:+.0f} ms"
    report.row("P19", "time-outs of 2 s", cycles=len(late), acknowledged=len(late), note=note)
    assert max(map(abs, late)) <= 0.25


def test_p19_a_call_that_timed_out_is_answered_once_and_its_response_is_stored(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    """The next answer on the connection is that of the next call, although the late response came
    in between."""
    sink.reply("/late/first", Reply(200, b"1", gate=gate))
    sink.reply("/late/second", Reply(200, b"2"))
    call = request(
        "POST",
        "/test/Python",
        b'{"name":"late"}',
        x_api_key=KEY,
        Content_Type="application/json",
        Prefer="wait=1",
    )

    async def calls() -> tuple[Any, Any]:
        async with await RawConnection.open(port_of(node)) as connection:
            early = await connection.call(call)
            gate.set()
            path = f"/workspaces/test/messages/{early['firesteel-message-id']}"
            await asyncio.to_thread(
                wait_until, lambda: node.admin("GET", path)["executions"][0]["settled_at"]
            )
            return early, await connection.call(value_call("next"))

    early, next_ = asyncio.run(calls())
    assert early.status == 202
    assert next_.json["value"] == "next"
    assert next_["firesteel-message-id"] != early["firesteel-message-id"]
    url = f"{node.public_url}{early['location']}/response"
    stored = node.client.get(url, headers={"x-api-key": KEY})
    assert stored.json() == {"one": "1", "two": "2", "attempt": 1}


# P31


def test_p31_a_backup_holds_every_message_accepted_before_it_began(
    node: RunningNode, tmp_path: Path, data_dir: Path
) -> None:
    """While calls go on; a node that is started on the copy knows each of them, and goes on."""
    before = [node.call("Backup", content=os.urandom(100)) for _ in range(50)]
    stop = threading.Event()

    def call_on() -> None:
        with httpx2.Client() as client:
            while not stop.is_set():
                client.post(f"{node.public_url}/test/Backup", headers={"x-api-key": KEY})

    caller = threading.Thread(target=call_on)
    caller.start()
    copy = tmp_path / "copy.db"
    try:
        subprocess.run(
            [sys.executable, "-m", "firesteel", "backup", str(copy)],
            env={**os.environ, "FIRESTEEL_DATA_DIR": str(node.data_dir)},
            check=True,
            capture_output=True,
        )
    finally:
        stop.set()
        caller.join()
    shutil.copy(copy, data_dir / "firesteel.db")
    for path in node.data_dir.glob("*key*"):
        shutil.copy(path, data_dir / path.name)
    with running_node(data_dir) as restored:
        for answer in before:
            assert_same_message(node, restored, answer.json()["id"])
        sequence = restored.call("Backup").json()["sequence"]
        assert sequence > before[-1].json()["sequence"]


def assert_same_message(node: RunningNode, restored: RunningNode, message_id: str) -> None:
    path = f"/workspaces/test/messages/{message_id}"
    original, copied = node.admin("GET", path), restored.admin("GET", path)
    assert copied == original
    assert len(base64.b64decode(copied["request"]["body"]["base64"])) == 100
