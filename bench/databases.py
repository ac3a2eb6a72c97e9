"""Measures the journal on SQLite and on PostgreSQL beside each other, in one run on one machine.

Run it with ``python -m bench.store --database postgresql``. Rates are by the wall clock: of
PostgreSQL's work most is done in the server's processes. The server is that of the tests.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from firesteel.model.execution import Response, State
from firesteel.model.message import Message, Request, encode_request
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Actor, Claim, NewMessage, Settlement
from firesteel.store.postgresql import store as postgresql_store
from firesteel.store.sqlite import store as sqlite_store
from firesteel.store.store import Store
from tests.support.postgres import Postgres

CALLERS = 64
SLOTS = 128
BODY = os.urandom(512).hex().encode()
REQUEST = encode_request(
    Request("POST", "/demo/ReceiveWorkOrder", b"", [(b"content-type", b"application/json")] * 6)
)
DONE = Response(200, [("content-type", "application/json")], b'{"ok":true}')
RULES = TriggerRules(1000, 10_000_000, "continue", None, None)

_BENCH = Actor("bench")

Figures = dict[str, float]


class Bench:
    """A store, callers, and an engine that settles every claim at once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.journal = store.journal
        self.settled = 0
        self.figures: Figures = {}
        self._expected = 0
        self._all = asyncio.Event()
        self._numbers = itertools.count(time.time_ns())
        self._names = itertools.count(1)
        store.journal.listen(self._claimed, self._lost)

    def _claimed(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            settlement = Settlement(claim.execution_no, claim.epoch, State.SUCCEEDED, DONE)
            self.journal.settle(settlement).then(self._told)

    def _told(self, _pending: object) -> None:
        self.settled += 1
        if self.settled >= self._expected:
            self._all.set()

    def _lost(self, error: BaseException) -> None:
        raise SystemExit(f"the store is lost: {error!r}")

    async def trigger(self) -> int:
        """A new one, so that each measurement has a line of its own."""
        published, _ = await self.store.catalog.publish(
            "bench",
            {"name": f"t{next(self._names)}"},
            rules=RULES,
            managed_by="files",
            actor="bench",
        )
        return published.trigger_no

    async def accept(
        self, trigger_no: int, count: int, lanes: int, callers: int = CALLERS
    ) -> float:
        """Messages a second, accepted by callers of whom each waits for its answer."""
        numbers = iter(range(count))

        async def call() -> None:
            for number in numbers:
                lane = f"k{number % lanes}" if lanes else None
                now_us = time.time_ns() // 1000
                name = f"{next(self._numbers):032x}"
                message = Message(name, 0, now_us, "shop", REQUEST, BODY)
                await self.journal.append(NewMessage(trigger_no, 1, message, lane))

        begun_s = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        return count / (time.perf_counter() - begun_s)

    async def drain(self, count: int) -> float:
        """Messages a second, claimed and settled, of those that wait."""
        self.settled, self._expected = 0, count
        self._all.clear()
        begun_s = time.perf_counter()
        self.journal.grant(SLOTS)
        await self._all.wait()
        seconds = time.perf_counter() - begun_s
        self.journal.grant(0)
        return count / seconds

    async def measure(self, many: int) -> None:
        """All figures."""
        await self.store.catalog.ensure_workspace("bench")
        figures = self.figures
        trigger = await self.trigger()
        figures["accept, 64 callers"] = await self.accept(trigger, 20_000, 0)
        await self.drain(20_000)
        figures["accept, 1 caller"] = await self.accept(await self.trigger(), 1000, 0, 1)
        self.journal.grant(SLOTS)
        figures["accept and settle, 64 callers"] = await self.accept(
            await self.trigger(), 20_000, 0
        )
        self.journal.grant(0)
        for lanes, count in ((1, 3000), (100, 20_000)):
            trigger = await self.trigger()
            await self.accept(trigger, count, lanes, 500)
            figures[f"drain of {lanes} lanes"] = await self.drain(count)
        for waiting in (1000, many):
            await self._with_backlog(waiting)

    async def _with_backlog(self, waiting: int) -> None:
        """What is behind a long line must cost no more than behind a short one."""
        for lanes in (1, 100):
            trigger = await self.trigger()
            await self.accept(trigger, waiting, lanes, 1000)
            accepted = await self.accept(trigger, 5000, lanes)
            self.figures[f"accept, {waiting:,} waiting in {lanes} lanes"] = accepted
            drained = await self.drain(2000)
            self.figures[f"drain, {waiting:,} waiting in {lanes} lanes"] = drained
            await self.journal.pause(trigger, None, _BENCH)


async def _measured(open_store: Callable[[], Awaitable[Store]], many: int) -> Figures:
    store = await open_store()
    bench = Bench(store)
    try:
        await bench.measure(many)
    finally:
        await store.close()
    return bench.figures


def compare(folder: Path, many: int) -> None:
    """Print a line for each figure: on SQLite, on PostgreSQL, and how they are to each other."""
    sqlite = asyncio.run(_measured(lambda: sqlite_store.open_store(folder / "store.db"), many))
    with Postgres.started() as server, server.database() as url:
        postgresql = asyncio.run(
            _measured(lambda: postgresql_store.open_store(url, node="bench"), many)
        )
    print(f"{'messages a second':45} {'SQLite':>9} {'PostgreSQL':>11} {'ratio':>6}")
    for name, rate in sqlite.items():
        other = postgresql[name]
        print(f"{name:45} {rate:9,.0f} {other:11,.0f} {other / rate:6.2f}")
