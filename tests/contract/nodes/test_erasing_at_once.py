"""Erasing on one node while another replays the same messages: each is erased or replayed, never
both, and what accepted, ended and waits adds up (P07)."""

from __future__ import annotations

import asyncio

from firesteel.errors import CallerError
from firesteel.store.history import MessageFilter
from firesteel.store.journal import Actor
from firesteel.store.postgresql.store import PostgresqlStore
from tests.support.big_database import BigDatabase

ANNA = Actor("anna")
MESSAGES = 200
Nodes = tuple[PostgresqlStore, PostgresqlStore]


async def test_p07_what_is_replayed_meanwhile_is_not_erased(store_url: str, nodes: Nodes) -> None:
    a, b = nodes
    old = BigDatabase(store_url)
    trigger_no = old.begin("Orders", "succeeded")
    old.multiply(trigger_no, MESSAGES - 1)
    version_no = (await a.catalog.versions("shop", "Orders"))[0].version_no
    page = await a.history.messages(MessageFilter(workspace="shop", limit=500))
    assert len(page) == MESSAGES
    before = await a.journal.counts(trigger_no)
    replayed: set[str] = set()
    refused: set[str] = set()

    # Whichever is slow on a busy machine, neither is done before the other has begun.
    one_replayed, some_erased = asyncio.Event(), asyncio.Event()

    async def replay() -> None:
        # The latest first, while erasing begins with the first: they meet.
        for place, row in enumerate(page):
            if place == 10:
                await some_erased.wait()
            try:
                await b.journal.replay(row.execution_no, version_no, ANNA)
                replayed.add(row.message_id)
            except CallerError as error:
                refused.add(error.code)
            one_replayed.set()

    async def erase() -> set[str]:
        erased: set[str] = set()
        await one_replayed.wait()
        ids = [row.message_id for row in reversed(page)]
        for start in range(0, MESSAGES, 10):
            erased |= set(await a.history.erase(ids[start : start + 10]))
            some_erased.set()
        return erased

    async with asyncio.timeout(60):
        erased, _ = await asyncio.gather(erase(), replay())
    assert refused == {"payload_purged"}
    assert erased & replayed == set()
    assert len(erased) + len(replayed) == MESSAGES
    assert replayed
    counts = await a.journal.counts(trigger_no)
    assert (counts.accepted, counts.purged) == (before.accepted, before.purged)
    assert counts.replayed == before.replayed + len(replayed)
    assert counts.accepted + counts.replayed == counts.waiting + counts.running + counts.terminal
    for row in page[:5] + page[-5:]:
        (first, *_) = await a.history.executions(row.message_id)
        assert (first.message is None) == (row.message_id in erased)
