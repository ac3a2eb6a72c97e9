"""What watchers of lists are told, and that nothing is kept while there are none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.engine.live import GATHERED, LISTENERS, Feed, Listener, News
from firesteel.errors import OperatorError
from firesteel.model.execution import Failure
from firesteel.store.journal import Actor
from tests.support.attended_engine import AttendedEngine, attended_engine

PATIENCE_S = 60.0
ADA = Actor("ada")
BROKEN = Failure("permanent", "permanent_error", "no such customer")
BUSY = Failure("transient", "http_503", "the peer is busy")


def every(_trigger_no: int) -> bool:
    return True


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[AttendedEngine]:
    async with attended_engine(tmp_path) as made:
        await made.publish(workflow={"retry": {"attempts": 2, "first_delay": "1h"}})
        yield made


async def told(listener: Listener) -> News:
    news = await listener.news(PATIENCE_S)
    assert news is not None
    return news


async def numbers(node: AttendedEngine, listener: Listener) -> set[int]:
    """Everything that is told of what has been committed."""
    await node.dispatcher.flush()
    return set((await told(listener)).numbers)


async def test_a_watcher_is_told_of_acceptance_attempt_retry_and_end(node: AttendedEngine) -> None:
    listener = node.engine.feed.listen(every)
    accepted = await node.accepted()
    work = await node.pool.next()
    no = accepted.execution_no
    assert await numbers(node, listener) == {no}
    node.end(work, BUSY)
    assert await numbers(node, listener) == {no}
    await node.engine.retry_now(accepted.message_id, None, ADA)
    node.end(await node.pool.next(), BROKEN)
    assert await numbers(node, listener) == {no}
    replay, _ = await node.engine.replay(accepted.message_id, None, ADA)
    assert replay in await numbers(node, listener)
    await node.engine.cancel(accepted.message_id, None, ADA)
    assert replay in await numbers(node, listener)


async def test_a_watcher_is_told_that_what_has_waited_runs(node: AttendedEngine) -> None:
    node.dispatcher.capacity(0)
    accepted = await node.accepted()
    await node.dispatcher.flush()
    listener = node.engine.feed.listen(every)
    node.dispatcher.capacity(1)
    work = await node.pool.next()
    assert (await told(listener)).numbers == {accepted.execution_no}
    node.end(work)


async def test_a_pause_lets_watchers_load_their_list_anew(node: AttendedEngine) -> None:
    trigger_no = (await node.store.catalog.integrations("test"))[0].trigger_no
    listener = node.engine.feed.listen(every)
    await node.engine.pause(trigger_no, None, ADA)
    assert (await told(listener)).reload
    await node.engine.resume(trigger_no, None, ADA)
    assert (await told(listener)).reload


async def test_a_watcher_is_told_of_its_own_triggers_only(node: AttendedEngine) -> None:
    listener = node.engine.feed.listen(lambda _trigger_no: False)
    await node.accepted()
    node.end(await node.pool.next())
    await node.dispatcher.flush()
    assert await listener.news(0) is None


async def test_what_is_too_much_for_a_slow_watcher_becomes_one_reload() -> None:
    feed = Feed()
    listener = feed.listen(every)
    for number in range(GATHERED):
        feed.changed(1, number)
    assert len((await told(listener)).numbers) == GATHERED
    for number in range(GATHERED + 1):
        feed.changed(1, number)
    assert await told(listener) == News(reload=True)
    feed.changed(1, 7)
    assert await told(listener) == News(frozenset({7}))


async def test_the_number_of_watchers_is_bounded_and_one_that_goes_makes_room() -> None:
    feed = Feed()
    listeners = [feed.listen(every) for _ in range(LISTENERS)]
    with pytest.raises(OperatorError) as caught:
        feed.listen(every)
    assert caught.value.code == "too_many_listeners"
    listeners[0].close()
    listeners[0].close()
    feed.listen(every)


async def test_nothing_is_open_when_the_last_watcher_has_gone() -> None:
    feed = Feed()
    assert not feed.open
    first, second = feed.listen(every), feed.listen(every)
    first.close()
    assert feed.open
    second.close()
    assert not feed.open


async def test_a_node_that_stops_ends_all_watching_now_and_later() -> None:
    feed = Feed()
    listener = feed.listen(every)
    feed.stop()
    assert (await told(listener)).over
    assert (await told(feed.listen(every))).over


async def test_a_watcher_is_told_of_acts_of_people_though_nothing_starts(
    node: AttendedEngine,
) -> None:
    node.dispatcher.capacity(0)
    listener = node.engine.feed.listen(every)
    accepted = await node.accepted()
    no = accepted.execution_no
    assert await numbers(node, listener) == {no}
    node.dispatcher.capacity(1)
    node.end(await node.pool.next(), BUSY)
    node.dispatcher.capacity(0)
    assert await numbers(node, listener) == {no}
    await node.engine.retry_now(accepted.message_id, None, ADA)
    assert await numbers(node, listener) == {no}
    await node.engine.skip(accepted.message_id, None, ADA)
    assert await numbers(node, listener) == {no}
    replay, _ = await node.engine.replay(accepted.message_id, None, ADA)
    assert await numbers(node, listener) == {replay}
