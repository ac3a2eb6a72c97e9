"""A trace goes from the caller through message, attempts and steps to what steps call."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import new_data_dir
from tests.support.collector import CLIENT, FAILED, SERVER, Collector, Span
from tests.support.http_server import HttpServer, Received, Reply
from tests.support.node import ProjectFolder, RunningNode, running_node

CANARY = "hunter2-canary"
CALLER = "b7ad6b7169203331"
TRACES = (f"{number:032x}" for number in itertools.count(0xABC))
WORKFLOW = """
from opentelemetry import trace

from firesteel import step, workflow

@step
async def first() -> int:
    with trace.get_tracer("mine").start_as_current_span("my own"):
        return 1

@step
def second() -> int:
    return 2

@workflow
async def both(input: dict) -> int:
    return await first()
"""


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    waits = {"request_response": True}
    sink_call = {"connection": "sink", "path": "/called", "method": "POST", "json": {}}
    project.connections({"sink": {"http": sink.url}})
    project.module("traced", WORKFLOW)
    project.integration(
        {
            "name": "Inner",
            "trigger": waits,
            "workflow": {"steps": [{"name": "deep", "http": sink_call}]},
        }
    )
    steps = [
        {
            "name": "each",
            "for_each": {"items": [1, 2], "steps": [{"name": "one", "http": sink_call}]},
        },
        {"name": "inner", "call": {"integration": "Inner", "input": {}}},
        {"name": "which", "choose": [{"otherwise": [{"name": "taken", "map": "x"}]}]},
    ]
    project.integration({"name": "Outer", "trigger": waits, "workflow": {"steps": steps}})
    retry = {"attempts": 2, "first_delay": "10ms"}
    again = [
        {"name": "told", "http": sink_call},
        {"name": "flaky", "http": {**sink_call, "path": "/flaky"}},
    ]
    project.integration(
        {"name": "Again", "trigger": waits, "workflow": {"retry": retry, "steps": again}}
    )
    project.integration({"name": "Python", "trigger": waits, "workflow": {"python": "traced:both"}})


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with HttpServer.started() as server:
        yield Collector(server)


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, sink: HttpServer, collector: Collector
) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("project")
    fill(ProjectFolder(folder), sink)
    sink.reply("/called", Reply.json({}))
    with running_node(
        new_data_dir(tmp_path_factory),
        folder,
        FIRESTEEL_OUTGOING_ALLOW="127.0.0.0/8",
        FIRESTEEL_WORKERS="1",
        FIRESTEEL_TRACES="on",
        FIRESTEEL_TRACES_ENDPOINT=collector.url,
    ) as running:
        yield running


def sent(node: RunningNode, name: str, trace: str, flags: str = "01") -> int:
    """The status of a call within a trace."""
    headers = {"traceparent": f"00-{trace}-{CALLER}-{flags}", "tracestate": "vendor=1"}
    return node.call(name, json={"who": CANARY}, headers=headers).status_code


def parents(sink: HttpServer, trace: str) -> list[str]:
    """Which spans called, of the calls that came within a trace, in their order."""
    found = [one for one in sink.received if (one.header("traceparent") or "")[3:35] == trace]
    return [of(one) for one in found]


def of(received: Received) -> str:
    version, _, span, flags = (received.header("traceparent") or "").split("-")
    assert (version, flags) == ("00", "01")
    return span


def test_spans_of_steps_within_steps_are_children_of_them_and_parents_of_what_they_call(
    node: RunningNode, sink: HttpServer, collector: Collector
) -> None:
    trace = next(TRACES)
    assert sent(node, "Outer", trace) == 200
    names = [
        "receive Outer",
        "attempt Outer",
        "for_each each",
        "http each/0/one",
        "http each/1/one",
        "call inner",
        "http inner/deep",
        "choose which",
        "map taken",
    ]
    found = collector.until(trace, names)
    child_of = {
        "receive Outer": CALLER,
        "attempt Outer": found["receive Outer"].id,
        "for_each each": found["attempt Outer"].id,
        "http each/0/one": found["for_each each"].id,
        "http each/1/one": found["for_each each"].id,
        "call inner": found["attempt Outer"].id,
        "http inner/deep": found["call inner"].id,
        "choose which": found["attempt Outer"].id,
        "map taken": found["choose which"].id,
    }
    assert {name: span.parent for name, span in found.items()} == child_of
    calling = ["http each/0/one", "http each/1/one", "http inner/deep"]
    assert parents(sink, trace) == [found[name].id for name in calling]
    assert found["receive Outer"].kind == SERVER
    assert {found[name].kind for name in calling} == {CLIENT}
    for name, span in found.items():
        above = next((one for one in found.values() if one.id == span.parent), None)
        assert span.began_ns <= span.ended_ns
        assert above is None or above.began_ns <= span.began_ns, name
    states = {one.header("tracestate") for one in sink.received}
    assert states == {"vendor=1"}


def test_attempts_of_a_message_are_children_of_its_receiving_and_one_that_failed_says_so(
    node: RunningNode, sink: HttpServer, collector: Collector
) -> None:
    trace = next(TRACES)
    sink.reply("/flaky", Reply(500, CANARY.encode()), Reply.json({}))
    assert sent(node, "Again", trace) == 200
    expected = ["receive Again", *["attempt Again"] * 2, "http told", *["http flaky"] * 2]
    collector.until(trace, expected)
    own = [span for span in collector.spans() if span.trace == trace]
    attempts = sorted(
        (span for span in own if span.name == "attempt Again"), key=lambda span: span.began_ns
    )
    flaky = sorted(
        (span for span in own if span.name == "http flaky"), key=lambda span: span.began_ns
    )
    (receiving,) = [span for span in own if span.name == "receive Again"]
    assert {span.parent for span in attempts} == {receiving.id}
    assert [span.attributes["firesteel.attempt"] for span in attempts] == [1, 2]
    assert [span.status == FAILED for span in attempts] == [True, False]
    assert [span.parent for span in flaky] == [span.id for span in attempts]
    assert flaky[0].attributes["error.type"] == attempts[0].attributes["error.type"]
    assert attempts[0].attributes["error.type"] == "http_status"
    # What was done and journaled is not done again, and so has no second span.
    assert [span.parent for span in own if span.name == "http told"] == [attempts[0].id]
    assert len({span.id for span in own}) == len(own)


def test_python_steps_have_spans_and_what_functions_record_belongs_to_them(
    node: RunningNode, collector: Collector
) -> None:
    trace = next(TRACES)
    assert sent(node, "Python", trace) == 200
    names = ["receive Python", "attempt Python", "python first#0", "my own"]
    found = collector.until(trace, names)
    assert found["python first#0"].parent == found["attempt Python"].id
    assert found["my own"].parent == found["python first#0"].id
    assert {span.service for span in found.values()} == {"firesteel"}


def test_a_caller_that_does_not_record_its_trace_has_none_recorded_and_it_goes_on_all_the_same(
    node: RunningNode, sink: HttpServer, collector: Collector
) -> None:
    trace, after = next(TRACES), next(TRACES)
    assert sent(node, "Inner", trace, "00") == 200
    (called,) = [one for one in sink.received if trace in (one.header("traceparent") or "")]
    assert (called.header("traceparent") or "").endswith("-00")
    assert sent(node, "Inner", after) == 200
    collector.until(after, ["receive Inner", "attempt Inner", "http deep"])
    assert not [span for span in collector.spans() if span.trace == trace]


def test_a_message_without_a_trace_gets_one_of_its_own_and_an_invalid_one_counts_as_none(
    node: RunningNode, collector: Collector
) -> None:
    for traceparent in (None, f"00-{'0' * 32}-{CALLER}-01", f"ff-{'a' * 32}-{CALLER}-01", "x"):
        headers = {} if traceparent is None else {"traceparent": traceparent}
        answer = node.call("Inner", json={}, headers=headers)
        message_id = answer.headers["firesteel-message-id"]
        spans = until_of(collector, message_id, 3)
        assert len({span.trace for span in spans}) == 1
        assert {span.trace for span in spans}.isdisjoint({"0" * 32, "a" * 32})
        (root,) = [span for span in spans if not span.parent]
        assert root.name == "receive Inner"


def until_of(collector: Collector, message_id: str, count: int) -> list[Span]:
    """So many spans of a message."""
    from tests.support.node import wait_until

    def found() -> list[Span] | None:
        own = [one for one in collector.spans() if one.attributes.get(KEY) == message_id]
        return own if len(own) >= count else None

    own: list[Span] = wait_until(found)
    return own


KEY = "firesteel.message_id"


def test_p44_nothing_of_a_payload_or_a_credential_is_in_a_span(
    node: RunningNode, collector: Collector
) -> None:
    from tests.support.node import KEY as API_KEY

    whole = repr(collector.spans())
    assert collector.spans()
    assert CANARY not in whole
    assert API_KEY not in whole


def test_without_the_setting_nothing_is_exported_and_a_trace_is_passed_on_all_the_same(
    tmp_path_factory: pytest.TempPathFactory, sink: HttpServer, collector: Collector
) -> None:
    folder, trace = tmp_path_factory.mktemp("project"), next(TRACES)
    fill(ProjectFolder(folder), sink)
    with running_node(
        new_data_dir(tmp_path_factory),
        folder,
        FIRESTEEL_OUTGOING_ALLOW="127.0.0.0/8",
        FIRESTEEL_WORKERS="1",
        FIRESTEEL_TRACES_ENDPOINT=collector.url,
    ) as plain:
        assert sent(plain, "Inner", trace) == 200
    assert len(parents(sink, trace)) == 1
    assert not [span for span in collector.spans() if span.trace == trace]
