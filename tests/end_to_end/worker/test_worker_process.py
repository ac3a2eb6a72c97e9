"""A real worker process, driven frame by frame from the engine's end of its socket."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from firesteel.model import frames
from firesteel.model.step_result import decode_result
from tests.support.engine_peer import EnginePeer, message

WORKFLOWS = """
import asyncio, logging, os, sys, threading, time
from firesteel import Message, PermanentError, Response, RetryLater, step, workflow

@workflow
async def empty(input): return None

@workflow
def plain(input): return {"thread": threading.current_thread() is not threading.main_thread()}

@workflow
async def told(input, message: Message):
    return {"query": message.query, "headers": message.header_pairs, "body": message.body.hex(),
            "sequence": message.sequence, "consumer": message.consumer, "attempt": message.attempt}

@step
async def first(): return 1

@step
async def second(): return 2

@workflow
async def two_steps(): return [await first(), await second()]

@workflow
async def sleeps(): await asyncio.sleep(3600)

@workflow
def sleeps_in_a_thread():
    time.sleep(1.0)
    first_plain()

@step
def first_plain(): return 1

@workflow
async def exits(): sys.exit(3)

@workflow
async def dies(): os._exit(11)

@workflow
async def takes_memory(): return len(b"x" * (4 << 30))

@workflow
async def environment(): return sorted(name for name in os.environ if "FIRESTEEL" in name)

@workflow
async def talks():
    print("printed")
    logging.getLogger("orders").info("logged")
    await asyncio.to_thread(print, "from a thread")

@workflow
async def says(): return "text"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "flows.py").write_text(WORKFLOWS)
    return tmp_path


@pytest.fixture
def peer(project: Path) -> Iterator[EnginePeer]:
    with EnginePeer.started(project) as started:
        yield started


def python(name: str) -> dict[str, object]:
    return {"name": "Orders", "workflow": {"python": f"flows:{name}"}}


def test_every_run_is_answered_by_one_outcome(peer: EnginePeer) -> None:
    peer.define(python("empty"))
    numbers = [peer.run() for _ in range(50)]
    outcomes = [peer.next(frames.Outcome) for _ in numbers]
    assert sorted(outcome.execution_no for outcome in outcomes) == numbers
    assert {outcome.epoch for outcome in outcomes} == {7}
    assert all(outcome.response and outcome.response.status == 204 for outcome in outcomes)


def test_a_plain_function_runs_in_a_thread(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("plain"))
    assert outcome.response is not None
    assert json.loads(outcome.response.body) == {"thread": True}


def test_p05_a_workflow_sees_what_was_received(peer: EnginePeer) -> None:
    headers = [(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")]
    sent = message(b"\xff\x00{", b"a=1&a=2&b", headers=headers, sequence=9)
    outcome = peer.attempt(python("told"), sent)
    assert outcome.response is not None
    assert json.loads(outcome.response.body) == {
        "query": {"a": ["1", "2"], "b": ""},
        "headers": [["x-a", "1"], ["x-b", "\xe9"], ["x-a", "2"]],
        "body": "ff007b",
        "sequence": 9,
        "consumer": "web shop",
        "attempt": 1,
    }


def test_p18_the_hash_of_the_module_goes_with_the_outcome(peer: EnginePeer) -> None:
    assert len(peer.attempt(python("empty")).code_hash) == 64


def test_p13_the_next_step_starts_only_after_the_first_is_recorded(peer: EnginePeer) -> None:
    peer.confirm = False
    peer.define(python("two_steps"))
    number = peer.run()
    one = peer.next(frames.Record)
    assert (one.entry.step, decode_result(one.entry.result)) == ("first#0", 1)
    peer.confirmed(one)
    two = peer.next(frames.Record)
    assert two.entry.step == "second#0"
    outcome = peer.outcome(number)
    assert outcome.response is not None
    assert outcome.response.body == b"[1,2]"


def test_p13_a_journaled_step_is_not_run_again(peer: EnginePeer) -> None:
    peer.define(python("two_steps"))
    peer.outcome(peer.run())
    entries = [record.entry for record in peer.recorded]
    outcome = peer.outcome(peer.run(journal=entries))
    assert outcome.response is not None
    assert outcome.response.body == b"[1,2]"
    assert len(peer.recorded) == 2


def test_p14_an_attempt_without_its_lease_starts_nothing_more(peer: EnginePeer) -> None:
    peer.confirm = False
    peer.define(python("two_steps"))
    number = peer.run()
    peer.confirmed(peer.next(frames.Record), accepted=False)
    outcome = peer.outcome(number)
    assert outcome.failure is not None
    assert outcome.failure.code == "lease_lost"
    assert len(peer.recorded) == 1


def test_an_attempt_over_its_timeout_ends(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("sleeps"), timeout_s=0.05)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.code) == ("unknown", "attempt_timeout")


def test_a_thread_over_its_timeout_is_waited_for_and_does_no_step(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("sleeps_in_a_thread"), timeout_s=0.05)
    assert outcome.failure is not None
    assert outcome.failure.code == "attempt_timeout"
    assert not peer.recorded
    assert not outcome.entries


def test_a_cancelled_attempt_tells_that_it_has_ended(peer: EnginePeer) -> None:
    peer.define(python("sleeps"))
    number = peer.run()
    peer.send(frames.Cancel(number, 7))
    outcome = peer.outcome(number)
    assert outcome.failure is not None
    assert outcome.failure.code == "attempt_cancelled"


def test_sys_exit_fails_the_attempt_and_not_the_worker(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("exits"))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.detail) == ("unknown", "SystemExit: 3")
    assert peer.attempt(python("empty")).failure is None


def test_p16_a_process_that_dies_closes_its_socket(peer: EnginePeer) -> None:
    peer.define(python("dies"))
    peer.run()
    with pytest.raises(EOFError):
        peer.next(frames.Outcome)
    assert peer.process.wait(60) == 11


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="RLIMIT_AS is not enforced elsewhere")
def test_p16_memory_is_bounded_and_the_worker_goes_on(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("takes_memory"))
    assert outcome.failure is not None
    assert outcome.failure.detail.startswith("MemoryError")
    assert peer.attempt(python("empty")).failure is None


def test_p44_user_code_does_not_see_the_secrets_of_the_node(project: Path) -> None:
    secrets = {
        "FIRESTEEL_ENCRYPTION_KEY": "x",
        "FIRESTEEL_ENCRYPTION_KEY_OLD": "y",
        "FIRESTEEL_DATABASE_URL": "postgresql://firesteel:z@db/firesteel",
    }
    with EnginePeer.started(project, secrets) as peer:
        outcome = peer.attempt(python("environment"))
    assert outcome.response is not None
    names = json.loads(outcome.response.body)
    assert not [name for name in names if re.search("KEY|TOKEN|DATABASE", name)]


def test_prints_and_logs_go_with_the_outcome(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("talks"))
    assert outcome.logs == "printed\nINFO orders: logged\nfrom a thread\n"


def test_a_worker_ends_when_the_engine_has_gone(peer: EnginePeer) -> None:
    peer.define(python("sleeps"))
    peer.run()
    peer.connection.close()
    assert peer.process.wait(60) != 0


def test_a_worker_ends_when_the_supervisor_has_gone(peer: EnginePeer) -> None:
    peer.cut_lifeline()
    assert peer.process.wait(60) != 0


def test_a_drained_worker_finishes_its_attempts_and_exits_0(peer: EnginePeer) -> None:
    peer.define(python("two_steps"))
    peer.confirm = False
    number = peer.run()
    record = peer.next(frames.Record)
    peer.send(frames.Drain())
    peer.confirm = True
    peer.confirmed(record)
    assert peer.outcome(number).failure is None
    assert peer.process.wait(60) == 0


def test_sigterm_drains_and_sigint_does_nothing(peer: EnginePeer) -> None:
    peer.process.send_signal(signal.SIGINT)
    assert peer.attempt(python("empty")).failure is None
    peer.process.send_signal(signal.SIGTERM)
    assert peer.process.wait(60) == 0


def test_a_function_that_is_not_there_fails_with_its_name(peer: EnginePeer) -> None:
    outcome = peer.attempt(python("nothing"))
    assert outcome.failure is not None
    assert outcome.failure.code == "function_invalid"
    assert "nothing" in outcome.failure.detail


def test_a_document_cannot_call_any_function_of_python(peer: EnginePeer) -> None:
    document = {"name": "x", "workflow": {"steps": [{"name": "s", "python": "os:getcwd"}]}}
    outcome = peer.attempt(document)
    assert outcome.failure is not None
    assert outcome.failure.code == "function_invalid"


def test_check_names_every_fault_by_its_pointer(peer: EnginePeer) -> None:
    document = {
        "name": "x",
        "data_processing": "query.(",
        "workflow": {
            "steps": [
                {"name": "a", "map": "{% 1 + %}"},
                {"name": "b", "python": "flows:nothing"},
                {"name": "c", "python": "flows:first"},
            ]
        },
    }
    peer.send(frames.Check(5, "test", json.dumps(document).encode()))
    checked = peer.next(frames.Checked)
    assert checked.request_no == 5
    assert [fault.pointer for fault in checked.faults] == [
        "/data_processing",
        "/workflow/steps/0/map",
        "/workflow/steps/1/python",
    ]


def test_a_sound_document_has_no_faults(peer: EnginePeer) -> None:
    peer.send(frames.Check(5, "test", json.dumps(python("empty")).encode()))
    assert peer.next(frames.Checked).faults == []


def test_big_bodies_are_read_in_the_worker(peer: EnginePeer) -> None:
    body = json.dumps({"no": 7, "lines": ["x" * 100] * 3000}).encode()
    paths = ["body.no", "body.nothing"]
    peer.send(frames.ReadBody(6, b'"json"', "application/json", body, paths))
    read = peer.next(frames.BodyRead)
    assert (read.request_no, read.faults, read.keys) == (6, [], ["7", None])
    peer.send(frames.ReadBody(7, b'"json"', "application/json", body[:-1], paths))
    assert peer.next(frames.BodyRead).faults


def test_a_probe_tells_whether_a_connection_works(peer: EnginePeer, tmp_path: Path) -> None:
    connections = {
        "good": {"sql": f"sqlite:///{tmp_path}/a.db"},
        "bad": {"sql": f"sqlite:///{tmp_path}/no/folder/a.db"},
    }
    peer.define(python("empty"), connections)
    answers = {}
    for number, name in enumerate(["good", "bad", "unknown"]):
        peer.send(frames.Probe(number, "test", name))
        answers[name] = peer.next(frames.Probed).failure
    assert answers["good"] is None
    assert answers["bad"] is not None
    assert answers["bad"].kind == "transient"
    assert answers["unknown"] is not None
    assert answers["unknown"].code == "connection_unknown"


def test_a_call_runs_the_other_workflow_inside_the_execution(peer: EnginePeer) -> None:
    peer.integrations["Inner"] = python("two_steps")
    step = {"name": "order", "call": {"integration": "Inner", "input": {"a": 1}}}
    outcome = peer.attempt({"name": "Outer", "workflow": {"steps": [step]}})
    assert outcome.failure is None
    assert outcome.response is not None
    assert outcome.response.body == b"[1,2]"
    places = [record.entry.step for record in peer.recorded]
    assert places == ["order/first#0", "order/second#0"]
    assert [entry.step for entry in outcome.entries] == ["order"]


def test_integrations_do_not_call_each_other_in_a_circle(peer: EnginePeer) -> None:
    peer.integrations["Outer"] = {
        "name": "Outer",
        "workflow": {"steps": [{"name": "again", "call": {"integration": "Outer"}}]},
    }
    outcome = peer.attempt(peer.integrations["Outer"])
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.code) == ("permanent", "call_cycle")


def test_the_last_entry_of_a_steps_list_goes_with_the_outcome(
    peer: EnginePeer, tmp_path: Path
) -> None:
    steps = [
        {"name": name, "sql": {"connection": "db", "statement": "select 1 as one", "result": "one"}}
        for name in ("a", "b", "c")
    ]
    connections = {"db": {"sql": f"sqlite:///{tmp_path}/a.db"}}
    document = {"name": "x", "workflow": {"steps": steps}}
    outcome = peer.attempt(document, connections=connections)
    assert [record.entry.step for record in peer.recorded] == ["a", "b"]
    assert [entry.step for entry in outcome.entries] == ["c"]


def test_changed_connections_take_effect_and_unchanged_ones_stay_open(
    peer: EnginePeer, tmp_path: Path
) -> None:
    sql = {"connection": "db", "statement": "select file from pragma_database_list"}
    document = {"name": "x", "workflow": {"steps": [{"name": "a", "sql": sql}]}}
    for name in ("one.db", "two.db", "two.db"):
        connections = {"db": {"sql": f"sqlite:///{tmp_path}/{name}"}}
        outcome = peer.attempt(document, connections=connections)
        assert outcome.response is not None
        assert json.loads(outcome.response.body)[0]["file"].endswith(name)
