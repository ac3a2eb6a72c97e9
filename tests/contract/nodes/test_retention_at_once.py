"""Retention on one node while others replay: a message goes as a whole, or is replayed, never both;
what accepted, waits, ended and went adds up (P07)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from firesteel.errors import CallerError
from firesteel.store.journal import Actor
from firesteel.store.postgresql.store import PostgresqlStore
from firesteel.store.sql import retention
from firesteel.store.sql.database import Connection
from tests.support.big_database import BigDatabase

ANNA = Actor("anna")
MESSAGES = 400
Nodes = tuple[PostgresqlStore, PostgresqlStore]


def orphans(connection: Connection) -> int:
    lost = "SELECT count(*) FROM execution e LEFT JOIN message m ON m.no = e.message_no"
    return int(connection.execute(f"{lost} WHERE m.no IS NULL").fetchone()[0])


def numbers(connection: Connection) -> list[int]:
    rows = connection.execute("SELECT no, version_no FROM execution ORDER BY no DESC")
    return [number for number, _ in rows]


async def test_p07_what_is_replayed_meanwhile_is_not_purged(store_url: str, nodes: Nodes) -> None:
    a, b = nodes
    old = BigDatabase(store_url)
    trigger_no = old.begin("Orders", "succeeded")
    old.multiply(trigger_no, MESSAGES - 1, older_days=40)
    version_no = (await a.catalog.versions("shop", "Orders"))[0].version_no
    # The last first, while retention begins with the first: they meet.
    wanted = await a.history._database.read(numbers)

    refused: list[str] = []
    # Whichever is slow on a busy machine, neither is done before the other has begun.
    one_made, some_gone = asyncio.Event(), asyncio.Event()

    async def replay() -> int:
        made = 0
        for place, number in enumerate(wanted):
            if place == 10:
                await some_gone.wait()
            try:
                await b.journal.replay(number, version_no, ANNA)
                made += 1
            except CallerError as error:
                refused.append(error.code)
            one_made.set()
        return made

    async def purge() -> int:
        gone = 0
        await one_made.wait()
        while some := await a.history.purge(default_history_s=86_400, batch=50):
            gone += some
            some_gone.set()
        return gone

    async with asyncio.timeout(60):
        made, gone = await asyncio.gather(replay(), purge())
    assert made + len(refused) == MESSAGES
    assert set(refused) <= {"unknown_execution", "payload_purged"}
    assert (gone > 0, made > 0) == (True, True)
    assert await a.history._database.read(orphans) == 0
    counts = await a.journal.counts(trigger_no)
    assert (counts.accepted, counts.replayed) == (MESSAGES, made)
    assert counts.purged == gone
    left = counts.waiting + counts.running + counts.terminal
    assert counts.accepted + counts.replayed == left + counts.purged


async def test_p07_a_message_cannot_be_replayed_once_retention_has_looked_at_it(
    store_url: str, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = nodes
    old = BigDatabase(store_url)
    trigger_no = old.begin("Orders", "succeeded")
    version_no = (await a.catalog.versions("shop", "Orders"))[0].version_no
    (number,) = await a.history._database.read(numbers)
    looked, tried = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    look = retention.executions_of

    def look_and_linger(connection: Connection, messages: Sequence[int]) -> object:
        found = look(connection, messages)
        loop.call_soon_threadsafe(looked.set)
        tried.wait(timeout=0.5)  # it waits for us: the time is over before it is done
        return found

    async def replay() -> str:
        await looked.wait()
        try:
            await b.journal.replay(number, version_no, ANNA)
        except CallerError as error:
            return error.code
        finally:
            tried.set()
        return "replayed"

    monkeypatch.setattr(retention, "executions_of", look_and_linger)
    answer, gone = await asyncio.gather(replay(), a.history.purge(default_history_s=1.0))
    assert (answer, gone) == ("unknown_execution", 1)
    assert (await a.journal.counts(trigger_no)).purged == 1


async def test_two_nodes_that_purge_at_once_count_each_message_once(
    store_url: str, nodes: Nodes
) -> None:
    """A node that lost its job may not have seen it yet."""
    old = BigDatabase(store_url)
    trigger_no = old.begin("Orders", "succeeded")
    old.multiply(trigger_no, MESSAGES - 1, older_days=40)

    async def purge(node: PostgresqlStore) -> int:
        gone = 0
        while some := await node.history.purge(default_history_s=86_400, batch=50):
            gone += some
        return gone

    assert sum(await asyncio.gather(*map(purge, nodes))) == MESSAGES
    assert (await nodes[0].journal.counts(trigger_no)).purged == MESSAGES


async def test_a_key_that_is_given_anew_is_not_taken_away(nodes: Nodes) -> None:
    """Its row is locked by who gives it: retention leaves it for the next time."""
    a, b = nodes
    row = "INSERT INTO idempotency VALUES (1, '', ?, 'm1', 1, 1, ?, ?)"
    await a.history._database.write(
        lambda c: c.executemany(row, [(key, b"f", 1) for key in ("old", "held")])
    )
    given, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    later_us = time.time_ns() // 1000 + 10**12

    def give_anew(connection: Connection) -> None:
        again = "UPDATE idempotency SET expires_at_us = ? WHERE key = 'held'"
        connection.execute(again, (later_us,))
        loop.call_soon_threadsafe(given.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(20)

    def keys(connection: Connection) -> list[str]:
        return [key for (key,) in connection.execute("SELECT key FROM idempotency ORDER BY key")]

    # As the journal does it: without the lock of changes.
    reading = b.history._database._changing  # type: ignore[attr-defined]

    def in_a_transaction(connection: object, _: object) -> None:
        connection.begin()  # type: ignore[attr-defined]
        give_anew(connection)  # type: ignore[arg-type]
        connection.commit()  # type: ignore[attr-defined]

    giving = asyncio.ensure_future(reading.run(in_a_transaction, 20.0))
    await given.wait()
    assert await a.history.purge(default_history_s=86_400) == 1
    go_on.set()
    await giving
    assert await a.history.purge(default_history_s=86_400) == 0
    assert await a.history._database.read(keys) == ["held"]
