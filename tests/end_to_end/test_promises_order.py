"""Promises about order: lanes, a failing head, concurrency, triggers that delay no other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import httpx2
import pytest

from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode, wait_until
from tests.support.public_port import workflows

STEPS = '''

@workflow
def notes(input, message):
    """Tells the sink of its beginning and its end; what the body asks for happens in between."""
    body = input["body"]
    place = f"/{body['lane']}/{message.sequence}"
    tell(f"{place}/begin/{message.attempt}")
    if message.attempt <= body.get("transient", 0):
        raise RetryLater(0.05)
    if message.attempt <= body.get("unknown", 0):
        raise ValueError("not this time")
    if body.get("permanent"):
        raise PermanentError("never")
    if body.get("ask") and tell("/ask/" + body["ask"]) == "no":
        raise PermanentError("not now")
    if body.get("hold"):
        tell("/hold/" + body["hold"])
    tell(f"{place}/end/{message.attempt}")
'''
RETRY = {"attempts": 3, "first_delay": "50ms", "max_delay": "50ms"}
LONG = {"attempts": 3, "first_delay": "1h", "max_delay": "1h"}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    project.module("work", workflows(sink.url, STEPS))
    workflow = {"python": "work:notes", "retry": RETRY}
    documents: dict[str, Any] = {
        "One": {"ordered_delivery": True},
        "Go": {"ordered_delivery": {"key": "body.lane"}},
        "Stop": {"ordered_delivery": {"key": "body.lane", "on_failure": "pause"}},
        "Some": {"concurrency": 3},
        "Blocked": {"concurrency": 10},
        "Free": {"request_response": True},
    }
    for name, trigger in documents.items():
        project.integration({"name": name, "trigger": trigger, "workflow": workflow})
    late = {"python": "work:notes", "retry": LONG}
    document = {"name": "Late", "trigger": {"ordered_delivery": True}, "workflow": late}
    project.integration(document)


def begin_and_end(sink: HttpServer, lane: str) -> list[tuple[int, str]]:
    """(sequence, begin or end) in the order in which the sink was told."""
    parts = [received.path.split("/")[1:] for received in list(sink.received)]
    return [(int(part[1]), part[2]) for part in parts if len(part) == 4 and part[0] == lane]


def assert_one_after_the_other(told: list[tuple[int, str]]) -> None:
    """Nothing of a message is told before everything of those before it."""
    sequences = [sequence for sequence, _ in told]
    assert sequences == sorted(sequences)


def first_times(told: list[tuple[int, str]], sequence: int) -> list[str]:
    return [what for number, what in told if number == sequence]


def states(node: RunningNode, answers: list[Any]) -> list[str]:
    return [node.until_settled(answer)["state"] for answer in answers]


def execution(node: RunningNode, answer: Any) -> Any:
    """The latest execution of the message."""
    message = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
    return message["executions"][-1]


def act(node: RunningNode, answer: Any, name: str) -> None:
    node.admin("POST", f"/workspaces/test/messages/{answer.json()['id']}/{name}")


def paused(node: RunningNode, name: str, key: str) -> Any:
    lanes = node.admin("GET", "/workspaces/test/lanes", params={"integration": name})
    return next((lane for lane in lanes if lane["key"] == key and lane["paused"]), None)


def test_p09_a_lane_runs_one_after_the_other_across_retries_a_crash_and_a_new_version(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    """In the middle the workers are killed, and another version is published."""
    sink.reply("/hold/p09", Reply(gate=gate))
    bodies: list[dict[str, Any]] = [{"lane": "p09"} for _ in range(20)]
    bodies[3]["transient"] = 2
    bodies[6]["unknown"] = 2
    bodies[9]["hold"] = "p09"
    bodies[12]["permanent"] = True
    answers = [node.call("One", json=body) for body in bodies]
    wait_until(lambda: any(received.path == "/hold/p09" for received in list(sink.received)))
    killed = node.worker_pids
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: published_anew(node, "One"))
    gate.set()
    found = states(node, answers)
    assert found == ["failed" if n == 12 else "succeeded" for n in range(20)]
    told = begin_and_end(sink, "p09")
    assert_one_after_the_other(told)
    assert first_times(told, 4) == ["begin", "begin", "begin", "end"]
    assert first_times(told, 7) == ["begin", "begin", "begin", "end"]
    assert first_times(told, 10)[0] == "begin"
    assert first_times(told, 10).count("begin") >= 2
    assert {sequence for sequence, _ in told} == set(range(1, 21))


def published_anew(node: RunningNode, name: str) -> bool:
    """Publish another version; False while there is no worker to check it."""
    path = f"/workspaces/test/integrations/{name}"
    document = {**node.admin("GET", path)["document"], "description": "the next version"}
    try:
        node.admin("PUT", path, params={"managed_by": "files"}, json=document)
    except httpx2.HTTPStatusError as error:
        if error.response.status_code != 503:
            raise
        return False
    return True


def test_p09_the_check_of_a_lane_finds_an_overlap() -> None:
    with pytest.raises(AssertionError):
        assert_one_after_the_other([(1, "begin"), (2, "begin"), (1, "end"), (2, "end")])


def test_p09_lanes_of_one_trigger_do_not_wait_for_each_other(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/hold/lanes", Reply(gate=gate))
    held = node.call("Go", json={"lane": "held", "hold": "lanes"})
    behind = node.call("Go", json={"lane": "held"})
    others = [node.call("Go", json={"lane": f"other{n % 3}"}) for n in range(9)]
    assert states(node, others) == ["succeeded"] * 9
    waiting = execution(node, behind)
    assert (waiting["state"], waiting["reason"], waiting["attempts"]) == ("waiting", "turn", 0)
    assert waiting["waits_for"] == held.json()["id"]
    gate.set()
    assert states(node, [held, behind]) == ["succeeded"] * 2


def test_p10_a_failing_head_keeps_its_place_while_it_waits_for_its_retry(
    node: RunningNode, sink: HttpServer
) -> None:
    head = node.call("Late", json={"lane": "late", "unknown": 1})
    next_ = node.call("Late", json={"lane": "late"})
    wait_until(lambda: execution(node, head)["reason"] == "retry_at")
    waiting = execution(node, next_)
    assert (waiting["state"], waiting["reason"], waiting["attempts"]) == ("waiting", "turn", 0)
    assert first_times(begin_and_end(sink, "late"), 2) == []
    act(node, head, "retry")
    assert states(node, [head, next_]) == ["succeeded"] * 2
    told = begin_and_end(sink, "late")
    assert told == [(1, "begin"), (1, "begin"), (1, "end"), (2, "begin"), (2, "end")]


def test_p10_continue_records_the_failure_and_starts_the_next(node: RunningNode) -> None:
    bodies = [{"lane": "go", "permanent": True}, {"lane": "go", "unknown": 9}, {"lane": "go"}]
    answers = [node.call("Go", json=body) for body in bodies]
    assert states(node, answers) == ["failed", "failed", "succeeded"]
    assert [node.status(answer)["attempts"] for answer in answers] == [1, 3, 1]
    assert execution(node, answers[0])["failure"]["code"] == "permanent_error"


def paused_lane(node: RunningNode, lane: str) -> list[Any]:
    """Two messages, the first of which has failed: the lane stands still at it."""
    answers = [
        node.call("Stop", json={"lane": lane, "unknown": 3}),
        node.call("Stop", json={"lane": lane}),
    ]
    assert states(node, answers[:1]) == ["failed"]
    wait_until(lambda: paused(node, "Stop", lane))
    behind = execution(node, answers[1])
    assert (behind["state"], behind["reason"], behind["attempts"]) == ("waiting", "paused", 0)
    return answers


def test_p10_pause_stops_the_lane_and_no_other_until_a_person_skips_the_head(
    node: RunningNode, sink: HttpServer
) -> None:
    head, behind = paused_lane(node, "skip")
    assert states(node, [node.call("Stop", json={"lane": "another"})]) == ["succeeded"]
    assert node.status(behind)["state"] == "waiting"
    assert paused(node, "Stop", "skip")["head_message_id"] == head.json()["id"]
    reason = {"why": "wrong customer"}
    node.admin("POST", f"/workspaces/test/messages/{head.json()['id']}/skip", json=reason)
    assert states(node, [head, behind]) == ["skipped", "succeeded"]
    ended = execution(node, head)
    assert ended["ended_by"]
    assert ended["ended_why"] == "wrong customer"
    assert_one_after_the_other(begin_and_end(sink, "skip"))


def test_p10_a_paused_head_that_is_retried_by_a_person_keeps_its_place(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    """The replay holds: what stands behind it has not started by then."""
    sink.reply("/ask/again", Reply(200, b"no"), Reply(200, b"yes", gate=gate))
    head = node.call("Stop", json={"lane": "again", "ask": "again"})
    behind = node.call("Stop", json={"lane": "again"})
    assert states(node, [head]) == ["failed"]
    act(node, head, "replay")
    wait_until(lambda: node.status(head)["state"] == "running")
    waiting = execution(node, behind)
    assert (waiting["state"], waiting["reason"]) == ("waiting", "turn")
    gate.set()
    assert states(node, [head, behind]) == ["succeeded"] * 2
    first, second = head.json()["sequence"], behind.json()["sequence"]
    told = [(first, "begin"), (first, "begin"), (first, "end"), (second, "begin"), (second, "end")]
    assert begin_and_end(sink, "again") == told
    assert execution(node, head)["replay_of"] == 1


def test_p10_a_lane_that_is_resumed_goes_on_behind_its_failed_head(node: RunningNode) -> None:
    head, behind = paused_lane(node, "resume")
    act_ = {"integration": "Stop", "key": "resume"}
    node.admin("POST", "/workspaces/test/lanes/resume", json=act_)
    assert states(node, [head, behind]) == ["failed", "succeeded"]
    assert paused(node, "Stop", "resume") is None


def test_p10_the_head_can_be_skipped_from_the_command_line(node: RunningNode) -> None:
    head, behind = paused_lane(node, "command")
    command = ["messages", "skip", head.json()["id"], "--why", "by hand", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "firesteel", *command],
        env={**os.environ, "FIRESTEEL_DATA_DIR": str(node.data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["state"] == "skipped"
    assert states(node, [head, behind]) == ["skipped", "succeeded"]


def test_p10_a_person_can_pause_and_resume_a_trigger(node: RunningNode) -> None:
    whole = {"integration": "Go", "why": "the warehouse is closed"}
    node.admin("POST", "/workspaces/test/lanes/pause", json=whole)
    answers = [node.call("Go", json={"lane": f"closed{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert {execution(node, answer)["reason"] for answer in answers} == {"paused"}
    node.admin("POST", "/workspaces/test/lanes/resume", json=whole)
    assert states(node, answers) == ["succeeded"] * 3


def test_p11_no_more_than_concurrency_run_at_once(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    sink.reply("/hold/some", Reply(gate=gate))
    answers = [node.call("Some", json={"lane": "some", "hold": "some"}) for _ in range(12)]
    wait_until(lambda: sum(one.path == "/hold/some" for one in list(sink.received)) == 3)
    found = [execution(node, answer) for answer in answers]
    assert [one["state"] for one in found] == ["running"] * 3 + ["waiting"] * 9
    assert {one["reason"] for one in found[3:]} == {"slot"}
    gate.set()
    assert states(node, answers) == ["succeeded"] * 12
    assert most_at_once(begin_and_end(sink, "some")) == 3


def most_at_once(told: list[tuple[int, str]]) -> int:
    running, most = 0, 0
    for _, what in told:
        running += 1 if what == "begin" else -1
        most = max(most, running)
    return most


def test_p12_a_blocked_trigger_with_many_waiting_delays_no_other(
    node: RunningNode, sink: HttpServer, gate: threading.Event
) -> None:
    """All calls of another trigger are answered while the first one stands still."""
    sink.reply("/hold/blocked", Reply(gate=gate))
    body = {"lane": "blocked", "hold": "blocked"}
    blocked = [node.call("Blocked", json=body) for _ in range(300)]
    wait_until(lambda: sum(one.path == "/hold/blocked" for one in list(sink.received)) == 10)
    answers = [node.call("Free", json={"lane": "free"}) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {204}
    assert [node.status(answer)["state"] for answer in blocked[:11]] == ["running"] * 10 + [
        "waiting"
    ]
    gate.set()
    assert node.until_settled(blocked[-1])["state"] == "succeeded"


def test_p09_a_message_that_is_cancelled_while_it_starts_overlaps_no_other(
    node: RunningNode, sink: HttpServer
) -> None:
    answers = [node.call("One", json={"lane": "cancelled", "ask": "slow"}) for _ in range(60)]
    for answer in answers:
        message_id = answer.headers["firesteel-message-id"]
        with contextlib.suppress(httpx2.HTTPStatusError):  # it may have ended before
            node.admin("POST", f"/workspaces/test/messages/{message_id}/cancel")
    assert set(states(node, answers)) <= {"cancelled", "succeeded"}
    assert_one_after_the_other(begin_and_end(sink, "cancelled"))
