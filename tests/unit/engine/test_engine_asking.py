"""What the engine asks workers, and what it lets others see of itself."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import pytest

from firesteel.engine.data_keys import DataKeys
from firesteel.engine.engine import Engine
from firesteel.engine.keyring import Keyring
from firesteel.engine.pool import Pool, PoolFigures
from firesteel.errors import CallerError, OperatorError
from firesteel.model import frames
from firesteel.model.execution import Failure, InputFault, Response, State
from firesteel.model.redaction.places import Unredactable
from firesteel.store.journal import Actor
from firesteel.store.nodes import LivingNode
from tests.support.attended_engine import DONE, AttendedEngine, Told, attended_engine

ADA = Actor("ada", "because")
FAULT = InputFault("/amount", "type", "no number")
REFUSED = Failure("permanent", "address_refused", "that address is not reached")


class Answering:
    """A worker that is asked once, and answers what it is told to."""

    pid, workspaces, draining = 9, frozenset({"test"}), False

    def __init__(self, node: AttendedEngine) -> None:
        self._node = node
        self.answer: Any = None
        self.asked: list[Any] = []
        self.running = {1: None, 2: None}
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, frame: frames.Frame) -> None:
        self.asked.append(frame)
        if hasattr(frame, "request_no"):
            answer = self.answer(frame.request_no)
            self._node.parts.questions.received(cast("Any", self), answer)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        yield made


@pytest.fixture
async def worker(node: AttendedEngine) -> Answering:
    link = Answering(node)
    node.pool.links = [link]
    return link


async def test_a_big_body_is_read_by_a_worker_against_the_triggers_mode(
    node: AttendedEngine, worker: Answering
) -> None:
    for body, mode in (("json", b'"json"'), ({"schema": {"type": "object"}}, None)):
        await node.publish(workflow=None, trigger={"body": body})
        route = node.engine.routes.find("test", "orders")
        assert route is not None
        worker.answer = lambda number: frames.BodyRead(number, [FAULT], ["k"])
        read = await node.engine.read_body(route, None, b"{}", ["body.id"])
        assert (read.faults, read.keys) == ([FAULT], ["k"])
        asked = worker.asked[-1]
        assert (asked.content_type, asked.body, asked.paths) == ("", b"{}", ["body.id"])
        if mode is not None:
            assert asked.mode == mode
        else:
            assert msgspec.json.decode(asked.mode)["schema"]["type"] == "object"
        await node.engine.read_body(route, "text/x", b"{}", [])
        assert worker.asked[-1].content_type == "text/x"


async def test_a_big_body_is_redacted_by_a_worker_or_refused(
    node: AttendedEngine, worker: Answering
) -> None:
    worker.answer = lambda number: frames.Redacted(number, b"clean", "")
    assert await node.engine.redact(["body.pin"], "a/b", b"dirty") == b"clean"
    asked = worker.asked[-1]
    assert (asked.redact, asked.content_type, asked.body) == (["body.pin"], "a/b", b"dirty")
    worker.answer = lambda number: frames.Redacted(number, None, "the body")
    with pytest.raises(Unredactable, match="the body"):
        await node.engine.redact(["body.pin"], None, b"dirty")
    assert worker.asked[-1].content_type == ""


async def test_keys_of_issuers_are_fetched_by_a_worker_as_steps_would(
    node: AttendedEngine, worker: Answering
) -> None:
    worker.answer = lambda number: frames.KeysFetched(number, b"{}", None)
    assert await node.engine.fetch_keys("https://issuer/keys") == b"{}"
    asked = worker.asked[-1]
    assert (asked.url, asked.outgoing_allow) == (
        "https://issuer/keys",
        list(node.parts.settings.outgoing_allow),
    )
    worker.answer = lambda number: frames.KeysFetched(number, b"", REFUSED)
    with pytest.raises(OperatorError) as caught:
        await node.engine.fetch_keys("https://issuer/keys")
    assert caught.value.code == "address_refused"


async def test_documents_are_checked_and_connections_tried_by_a_worker(
    node: AttendedEngine, worker: Answering
) -> None:
    worker.answer = lambda number: frames.Checked(number, [FAULT])
    assert await node.engine.check_document("test", {"name": "x"}) == [FAULT]
    await node.store.catalog.ensure_workspace("test")
    worker.answer = lambda number: frames.Probed(number, REFUSED)
    assert await node.engine.probe("test", "crm") == REFUSED
    worker.answer = lambda number: frames.Probed(number, None)
    assert await node.engine.probe("test", "crm") is None
    assert worker.asked[-1].connection == "crm"


async def test_a_node_alone_tells_of_itself_and_one_of_several_of_all(
    node: AttendedEngine, worker: Answering
) -> None:
    (alone,) = await node.engine.nodes()
    assert (node.engine.gateways, alone.name) == (1, socket.gethostname())
    assert (alone.name, alone.role) == (node.engine.name, node.engine.settings.role)
    assert (alone.running, alone.lease_s) == (2, math.inf)
    assert alone.since_us <= node.engine.now_us()
    assert node.engine.workers() == [{"pid": worker.pid, "running": 2, "ready": True}]
    known = [LivingNode("n1", "all", "1", 1, 10.0, 0), LivingNode("n2", "worker", "1", 1, 9.0, 4)]

    class Several:
        async def living(self) -> list[LivingNode]:
            return known

    other = AttendedEngine(node.store, nodes=Several(), folder=node.folder)
    assert await other.engine.nodes() == known


@pytest.mark.parametrize("role", ["all", "gateway"])
async def test_how_long_no_worker_takes_attempts_is_told_where_attempts_are_run(
    node: AttendedEngine, role: Literal["all", "gateway"]
) -> None:
    pool = Pool(node.dispatcher, token="token", slots=4)
    began_s = pool._monotonic()
    pool._monotonic = lambda: began_s + 7.0
    settings = dataclasses.replace(node.parts.settings, role=role)
    engine = Engine(dataclasses.replace(node.parts, pool=pool, settings=settings))
    if role == "gateway":
        assert engine.without_workers_s == 0.0
    else:
        assert engine.without_workers_s >= 7.0
    assert engine.pool_figures() == PoolFigures(slots=0, queued=0, joined=0, lost=0)


async def test_a_node_uses_the_data_keys_by_which_its_routes_are_looked_up(tmp_path: Path) -> None:
    """As when another node has renewed them."""
    keys = DataKeys.derived(bytes(32))

    async def latest() -> DataKeys:
        return keys

    async with attended_engine(tmp_path, keyring=Keyring(keys, latest)) as node:
        before = node.engine.keyring
        keys = keys.renewed(1)
        await node.engine.refresh_routes()
        assert node.engine.keyring.keys == keys
        assert node.parts.keyring.digest("key") == node.engine.keyring.digest("key")
        assert node.engine.keyring.digest("key") != before.digest("key")


async def test_an_earlier_run_is_replayed_where_it_is_named(node: AttendedEngine) -> None:
    await node.publish(workflow={})
    acceptance = await node.accepted()
    node.end(await node.pool.next())
    for number in (2, 3):
        await node.dispatcher.flush()
        _, execution = await node.engine.replay(acceptance.message_id, 1, ADA)
        assert execution == f"{acceptance.message_id}-{number}"
        node.end(await node.pool.next())


async def test_calls_are_refused_for_one_reason_at_a_time(node: AttendedEngine) -> None:
    engine = node.engine
    assert engine.accepting
    assert not engine.refuse_while("disk_full", reason=False)
    assert engine.refuse_while("disk_full", reason=True)
    assert (engine.accepting, engine.refusal) == (False, "disk_full")
    assert not engine.refuse_while("disk_full", reason=True)
    assert not engine.refuse_while("node_stopping", reason=True)
    assert not engine.refuse_while("node_stopping", reason=False)
    assert engine.refusal == "disk_full"
    assert engine.refuse_while("disk_full", reason=False)
    assert engine.accepting


async def test_what_is_erased_is_gone_and_what_has_not_ended_is_not_erased(
    node: AttendedEngine,
) -> None:
    await node.publish(workflow={"retry": {"attempts": 1}})
    acceptance = await node.accepted(body=b"secret")
    work = await node.pool.next()
    with pytest.raises(CallerError) as caught:
        await node.engine.erase("test", acceptance.message_id, ADA)
    assert caught.value.code == "not_terminal"
    node.end(work)
    await node.dispatcher.flush()
    listener = node.engine.feed.listen(lambda _trigger_no: True)
    await node.engine.erase("test", acceptance.message_id, ADA)
    news = await listener.news(60)
    assert news is not None
    assert news.numbers == {acceptance.execution_no}
    assert await node.state(acceptance) is State.SUCCEEDED
    (detail,) = await node.store.history.executions(acceptance.message_id)
    assert detail.message is None or detail.message.body == b""
    with pytest.raises(CallerError) as caught:
        await node.engine.replay(acceptance.message_id, None, ADA)
    assert caught.value.code == "payload_purged"


async def test_p22_a_duplicate_of_a_call_that_runs_is_answered_when_that_ends(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.publish(workflow={}, trigger={"idempotency": {"window": "1h"}})
    await node.accepted(idempotency_key="k")
    again = await node.accepted(idempotency_key="k")
    assert (again.duplicate, again.stored) == (True, True)
    looked = asyncio.Event()
    response = type(node.engine.history).response

    async def seen(self: Any, execution_no: int) -> Response | None:
        found = await response(self, execution_no)
        looked.set()
        return found

    monkeypatch.setattr(type(node.engine.history), "response", seen)
    caller = Told()
    node.engine.wait(again, 60, caller)
    async with asyncio.timeout(60):
        await looked.wait()
    await asyncio.sleep(0)
    assert caller.told == []
    node.end(await node.pool.next())
    assert await caller.something() == DONE
    assert caller.told == [DONE]
