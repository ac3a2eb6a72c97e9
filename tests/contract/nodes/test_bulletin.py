"""The bulletin: what one node tells, the others hear, and nobody is told twice or hears himself."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from firesteel.store.bulletin import CancelAsked, CatalogChanged, Missed, News, Ready, Settled
from firesteel.store.catalog import NewApiKey, TriggerRules
from firesteel.store.postgresql import bulletin
from firesteel.store.postgresql.bulletin import payloads
from firesteel.store.postgresql.store import PostgresqlStore
from tests.contract.nodes.conftest import OpenNode, until
from tests.support.postgres import Postgres

RULES = TriggerRules(
    concurrency=1, max_waiting=10, on_failure="continue", history_s=None, payloads_s=None
)
Nodes = tuple[PostgresqlStore, PostgresqlStore]


def heard_by(node: PostgresqlStore) -> list[News]:
    heard: list[News] = []
    node.bulletin.listen(heard.append)
    return heard


async def test_the_others_hear_what_a_node_tells(nodes: Nodes, open_node: OpenNode) -> None:
    a, b = nodes
    told = [
        Ready((3,)),
        CancelAsked(7, "anna", "a mistake\0"),
        Settled(tuple(range(10**12, 10**12 + 1000))),
    ]
    of_a, of_b, of_c = heard_by(a), heard_by(b), heard_by(await open_node("c"))

    def numbers(heard: list[News]) -> list[int]:
        return [no for news in heard if isinstance(news, Settled) for no in news.numbers]

    def all_have_heard() -> bool:
        return all(len(numbers(heard)) == 1000 for heard in (of_b, of_c))

    def something_was_lost() -> bool:
        return any(Missed() in heard for heard in (of_a, of_b, of_c))

    while not all_have_heard():  # where a busy machine has lost a connection, once more
        for heard in (of_a, of_b, of_c):
            heard.clear()
        for news in told:
            a.bulletin.tell(news)
        await until(lambda: all_have_heard() or something_was_lost(), within_s=60.0)
    for heard in (of_b, of_c):
        assert numbers(heard) == [*told[2].numbers]  # type: ignore[union-attr]
        assert told[0] in heard
        assert told[1] in heard
    b.bulletin.tell(Ready((9,)))
    await until(lambda: Ready((9,)) in of_c and bool(of_a))
    assert of_a == [Ready((9,))]


async def test_what_comes_while_a_node_tells_is_heard_before_it_waits_again(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulletin, "_LOOK_S", 3600.0)  # nothing is looked for by the clock
    a, b = nodes
    of_a, of_b = heard_by(a), heard_by(b)
    for number in range(300):
        a.bulletin.tell(Ready((number,)))
        b.bulletin.tell(Ready((number,)))
        for heard in (of_a, of_b):
            await until(lambda heard=heard, no=number: Ready((no,)) in heard)  # type: ignore[misc]


async def test_a_change_of_the_catalog_is_told_whoever_makes_it(nodes: Nodes) -> None:
    a, b = nodes
    of_a, of_b = heard_by(a), heard_by(b)

    async def is_told() -> None:
        await until(lambda: bool(of_b))
        assert set(of_b) == {CatalogChanged()}
        of_b.clear()

    await a.catalog.ensure_workspace("shop")
    published, _ = await a.catalog.publish(
        "shop", {"name": "Orders"}, rules=RULES, managed_by="console", actor="anna"
    )
    await is_told()
    await a.catalog.set_enabled("shop", "Orders", False, "anna")
    await is_told()
    key = NewApiKey(label="web", digest=b"d", prefix="p", sealed=b"s")
    added = await a.catalog.add_key(published.trigger_no, key, "anna")
    await is_told()
    await a.catalog.put_connection("shop", "erp", {"sql": "x"}, managed_by="console", actor="anna")
    await is_told()
    await a.catalog.put_secret("shop", "PASSWORD", b"sealed", "anna")
    await is_told()
    await a.catalog.remove("shop", "Orders", "anna")
    await is_told()
    # What changes with every call is not told.
    await a.catalog.touch_keys({added.key_no: 5})
    b.bulletin.tell(Ready((1,)))
    await until(lambda: Ready((1,)) in of_a)
    assert (of_a, of_b) == ([Ready((1,))], [])


async def test_after_an_outage_a_node_is_told_that_it_missed_something(
    postgres: Postgres, nodes: Nodes
) -> None:
    a, b = nodes
    of_b = heard_by(b)
    postgres.kill()
    a.bulletin.tell(Ready((1,)))
    postgres.start()
    await until(lambda: Missed() in of_b)
    of_a = heard_by(a)
    await until(lambda: _told(b, of_a))


async def test_a_node_whose_process_has_more_than_1024_files_open_hears_the_others(
    open_node: OpenNode,
) -> None:
    a = await open_node("a")
    with many_files_open():
        b = await open_node("b")
    of_b = heard_by(b)
    await until(lambda: _told(a, of_b))
    connection = b.bulletin._connection
    assert connection is not None
    assert connection.raw.fileno() >= 1024


@contextmanager
def many_files_open() -> Iterator[None]:
    """What is opened meanwhile has a number that ``select()`` does not take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    held = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while held[-1] < 1024:
            held.append(os.dup(held[0]))
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _told(node: PostgresqlStore, heard: list[News]) -> bool:
    """Tell until it is heard: the other one may not have come back yet."""
    node.bulletin.tell(Ready((2,)))
    return Ready((2,)) in heard


async def test_a_listener_that_fails_keeps_no_other_from_hearing(nodes: Nodes) -> None:
    a, b = nodes

    def fail(news: News) -> None:
        raise RuntimeError("a defect")

    b.bulletin.listen(fail)
    heard = heard_by(b)
    for trigger in (1, 2):
        a.bulletin.tell(Ready((trigger,)))
        await until(lambda trigger=trigger: Ready((trigger,)) in heard)  # type: ignore[misc]


def test_news_that_gathered_go_together_and_are_never_too_long() -> None:
    long = CancelAsked(1, "a" * 200, "because \U0010ffff" * 3000)
    told = [Settled((1, 2)), CatalogChanged(), Settled((2, 3)), CatalogChanged(), long]
    made = list(payloads("teller", told))
    assert len(made) == 3
    assert made[0] == 'teller {"type":"catalog"}'
    assert made[2] == 'teller {"type":"settled","numbers":[1,2,3]}'
    many = list(payloads("teller", [Settled(tuple(range(2**62, 2**62 + 5000)))]))
    assert all(len(one.encode()) < 8000 for one in (*made, *many))


@pytest.mark.parametrize("payload", ["", "x", 'x {"type":"unheard-of"}', "x not json"])
async def test_what_a_newer_release_tells_is_passed_over(nodes: Nodes, payload: str) -> None:
    a, b = nodes
    heard = heard_by(b)

    def notify(connection: object) -> None:
        connection.execute("SELECT pg_notify('firesteel', ?::TEXT)", (payload,))  # type: ignore[attr-defined]

    await a.catalog._database.write(notify)
    a.bulletin.tell(Ready((1,)))
    await until(lambda: bool(heard))
    assert heard == [Ready((1,))]
