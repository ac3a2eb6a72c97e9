"""Measures the store alone: what a message costs the writer's thread, and how fast lanes drain.

Run it with ``python -m bench.store``. Times of the thread are its CPU time, read in the thread
itself, so that neighbours on the machine do not enter; drains are wall-clock rates.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import databases
from firesteel.model.execution import Response, State
from firesteel.model.message import Message, Request, encode_request
from firesteel.store.catalog import TriggerRules
from firesteel.store.journal import Claim, NewMessage, Settlement
from firesteel.store.sql.catalog import SqlCatalog
from firesteel.store.sql.clock import Clocks
from firesteel.store.sqlite.database import SqliteDatabase
from firesteel.store.sqlite.journal import SqliteJournal, open_journal

BODY = os.urandom(768).hex()[:1024].encode()
REQUEST = encode_request(
    Request("POST", "/demo/ReceiveWorkOrder", b"", [(b"content-type", b"application/json")] * 6)
)
DONE = Response(200, [("content-type", "application/json")], b'{"ok":true}')
RULES = TriggerRules(1000, 10_000_000, "continue", None, None)


class Bench:
    """A store with triggers, an engine that settles every claim at once, and figures."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.journal = journal
        self.settled = 0
        self.settling = True
        self.all_settled = asyncio.Event()
        self.expected = 0
        self._count = 0
        journal.listen(self.claimed, self.lost)

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Settle at once, or, while a line is filled, leave what was claimed running."""
        if not self.settling:
            return
        for claim in claims:
            self.journal.settle(Settlement(claim.execution_no, claim.epoch, State.SUCCEEDED, DONE))
        self.settled += len(claims)
        if self.settled >= self.expected:
            self.all_settled.set()

    def lost(self, error: BaseException) -> None:
        """A benchmark of a broken disk measures nothing."""
        raise SystemExit(f"the store is lost: {error!r}")

    def message(self, trigger_no: int, lane_key: str | None = None) -> NewMessage:
        """A new message of about 1.5 KiB, headers included."""
        self._count += 1
        now_us = time.time_ns() // 1000
        name = f"{now_us:016x}{self._count:016x}"
        return NewMessage(trigger_no, 1, Message(name, 0, now_us, "shop", REQUEST, BODY), lane_key)

    async def thread_s(self) -> float:
        """CPU seconds that the writer's thread has used."""
        return await self.journal.writer.submit(lambda _connection: time.thread_time())

    async def fill(self, trigger_no: int, count: int, lanes: int) -> None:
        """Put ``count`` messages into a line of ``lanes`` lanes (0: unordered)."""
        for start in range(0, count, 1000):
            await asyncio.gather(
                *(
                    self.journal.append(
                        self.message(trigger_no, f"k{n % lanes}" if lanes else None)
                    )
                    for n in range(start, min(start + 1000, count))
                )
            )

    async def drain(self, count: int, slots: int) -> float:
        """Seconds until ``count`` more are settled."""
        self.settled, self.expected, self.settling = 0, count, True
        self.all_settled.clear()
        begun = time.perf_counter()
        self.journal.grant(slots)
        await self.all_settled.wait()
        return time.perf_counter() - begun


async def publish(journal: SqliteJournal, names: list[str]) -> list[int]:
    clocks = Clocks(lambda: time.time_ns() // 1000, time.monotonic)
    database = SqliteDatabase(journal.writer, journal.readers)
    catalog = SqlCatalog(database, clocks=clocks, rules_changed=journal.rules_changed)
    await catalog.ensure_workspace("bench")
    published = [
        await catalog.publish(
            "bench", {"name": name}, rules=RULES, managed_by="files", actor="bench"
        )
        for name in names
    ]
    return [integration.trigger_no for integration, _ in published]


async def accept(bench: Bench, trigger_no: int, batch: int, total: int, slots: int) -> float:
    """CPU of the thread in microseconds a message, accepted in groups of ``batch``; settled too
    where there are slots."""
    bench.settling, bench.expected = slots > 0, 1 << 60
    bench.journal.grant(slots)
    before = await bench.thread_s()
    for _ in range(total // batch):
        await asyncio.gather(
            *(bench.journal.append(bench.message(trigger_no)) for _ in range(batch))
        )
    return (await bench.thread_s() - before) / (total // batch * batch) * 1e6


async def measure(path: Path, many: int) -> None:
    journal = await open_journal(path)
    bench = Bench(journal)
    names = [f"t{n}" for n in range(12)]
    triggers = iter(await publish(journal, names))
    for batch, total in ((1, 2000), (10, 10_000), (64, 40_000)):
        kept = await accept(bench, next(triggers), batch, total, 0)
        done = await accept(bench, next(triggers), batch, total, 1000)
        print(f"groups of {batch:3}: accept {kept:6.1f} us, accept and settle {done:6.1f} us")
    bench.journal.grant(0)
    for lanes, count in ((1, 10_000), (100, 50_000), (0, 20_000)):
        trigger_no = next(triggers)
        bench.settling = False
        await bench.fill(trigger_no, count, lanes)
        # Executions of the first part still wait in their triggers: take them too.
        waiting = sum(journal.backlog(number)[0] for number in range(1, trigger_no + 1))
        seconds = await bench.drain(waiting, 128)
        print(f"drain of {waiting} over {lanes} lanes: {waiting / seconds:8.0f} a second")
        bench.journal.grant(0)
    for lanes in (1, 0):
        await with_backlog(bench, next(triggers), lanes, many)
    await journal.close()


async def with_backlog(bench: Bench, trigger_no: int, lanes: int, many: int) -> None:
    """What accepting and settling one more costs with a short and with a long line before it."""
    for waiting in (1000, many):
        bench.settling = False
        await bench.fill(trigger_no, waiting - bench.journal.backlog(trigger_no)[0], lanes)
        before = await bench.thread_s()
        await bench.fill(trigger_no, 5000, lanes)
        appended = (await bench.thread_s() - before) / 5000 * 1e6
        before = await bench.thread_s()
        await bench.drain(5000, 64)
        bench.journal.grant(0)
        drained = (await bench.thread_s() - before) / 5000 * 1e6
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{lanes} lane, {waiting} waiting: append {appended:5.1f} us, "
            f"claim and settle {drained:5.1f} us, peak {memory} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=1_000_000, help="messages in the long line")
    parser.add_argument("--dir", type=Path, default=None, help="where to make the store")
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="postgresql: the journal on both, beside each other",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        if options.database == "postgresql":
            databases.compare(Path(folder), options.many)
        else:
            asyncio.run(measure(Path(folder) / "store.db", options.many))


if __name__ == "__main__":
    main()
