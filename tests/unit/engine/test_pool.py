"""The pool of workers, driven by peers that speak the worker's side of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from firesteel.engine.link import Definition, Link
from firesteel.engine.pool import Blame, Pool, Work
from firesteel.model import frames
from firesteel.model.execution import Failure, JournalEntry, Response
from firesteel.model.message import Message
from firesteel.store.journal import Claim

F = TypeVar("F", bound=frames.Frame)

TOKEN = "token"
DONE = Response(204, [], b"")


def work(no: int, *, alone: bool = False, timeout_s: float = 60.0) -> Work:
    message = Message(f"m{no}", no, 0, None, b"", b"")
    claim = Claim(no, 1, f"m{no}-1", 1, 7, 1, 1, 0, message, [], alone)
    definition = Definition(7, 1, "demo", b"{}")
    return Work(claim, definition, timeout_s, frames.Connections("demo", b"{}", 1, []))


@dataclass
class Told:
    """What the pool said; ``news`` wakes who waits for it."""

    ended_nos: list[int] = field(default_factory=list)
    crashes: list[tuple[int, str, Blame]] = field(default_factory=list)
    slots: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def ended(self, claim: Claim, outcome: frames.Outcome) -> None:
        self.ended_nos.append(claim.execution_no)
        self.news.set()

    def recorded(self, link: Link, record: frames.Record) -> None:
        link.send(frames.Recorded(record.execution_no, record.epoch, record.entry.step, True))

    def crashed(self, claim: Claim, failure: Failure, blame: Blame) -> None:
        self.crashes.append((claim.execution_no, failure.code, blame))
        self.news.set()

    def capacity(self, slots: int) -> None:
        self.slots = slots
        self.news.set()

    def asked(self, link: Link, frame: frames.Frame) -> None:
        raise AssertionError(frame)

    async def until(self, count: int) -> None:
        """Until so many attempts have ended or crashed."""
        async with asyncio.timeout(60):
            while len(self.ended_nos) + len(self.crashes) < count:
                self.news.clear()
                await self.news.wait()


@dataclass
class Peer:
    """A worker's end of the socket; a real child process stands for its pid where it is killed."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames_read: list[frames.Frame] = field(default_factory=list)
    cutter: frames.FrameReader = field(default_factory=frames.worker_frames)

    async def next_run(self) -> frames.Run:
        return await self.next(frames.Run)

    async def next(self, kind: type[F]) -> F:
        async with asyncio.timeout(60):
            while True:
                for index, frame in enumerate(self.frames_read):
                    if isinstance(frame, kind):
                        del self.frames_read[index]
                        return frame
                data = await self.reader.read(65536)
                assert data, "the engine closed the link"
                self.frames_read += self.cutter.feed(data)

    def send(self, frame: frames.Frame) -> None:
        self.writer.write(frames.encode(frame))

    def finish(self, run: frames.Run) -> None:
        self.send(frames.Outcome(run.execution_no, run.epoch, DONE, None))


@dataclass
class House:
    pool: Pool
    told: Told
    path: Path
    slots: int
    peers: list[Peer] = field(default_factory=list)

    async def join(self, pid: int = 0, *, ready: bool = True) -> Peer:
        """A worker; ``ready`` False: it will say itself that it has imported."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        peer = Peer(reader, writer)
        self.peers.append(peer)
        wanted = self.told.slots + (self.slots if ready else 0)
        peer.send(frames.Hello(pid or os.getpid(), TOKEN))
        async with asyncio.timeout(60):
            while self.told.slots < wanted:
                self.told.news.clear()
                await self.told.news.wait()
        return peer


@pytest.fixture
async def house() -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="fs") as folder:
        path = Path(folder) / "workers"
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(path))
        told = Told()
        pool = Pool(told, token=TOKEN, slots=4)
        await pool.start(bound)
        house = House(pool, told, path, 4)
        yield house
        await pool.stop()
        for peer in house.peers:
            peer.writer.close()
            with contextlib.suppress(ConnectionError):
                await peer.writer.wait_closed()


@contextlib.contextmanager
def victim() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_attempts_are_spread_and_a_version_is_defined_once(house: House) -> None:
    one, two = await house.join(), await house.join()
    for no in (1, 2, 3, 4):
        house.pool.assign(work(no))
    for peer in (one, two):
        peer.finish(await peer.next_run())
        peer.finish(await peer.next_run())
        defined = [frame for frame in peer.frames_read if isinstance(frame, frames.Define)]
        assert len(defined) == 1
    await house.told.until(4)
    assert sorted(house.told.ended_nos) == [1, 2, 3, 4]


async def test_attempts_wait_for_a_worker_and_go_to_the_one_that_joins(house: House) -> None:
    house.pool.assign(work(1))
    peer = await house.join()
    assert (await peer.next_run()).execution_no == 1


async def test_every_worker_imports_what_is_published_before_its_first_attempt(
    house: House,
) -> None:
    house.pool.import_functions(frozenset({"pricing:total", "orders:take"}))
    first = await house.join(ready=False)
    assert (await first.next(frames.Import)).references == ["orders:take", "pricing:total"]
    house.pool.import_functions(frozenset({"orders:take", "stock:count"}))
    assert (await first.next(frames.Import)).references == ["stock:count"]
    second = await house.join(ready=False)
    assert (await second.next(frames.Import)).references == ["orders:take", "stock:count"]


async def test_p16_a_worker_that_imports_what_is_published_gets_no_attempt_before(
    house: House,
) -> None:
    house.pool.import_functions(frozenset({"orders:take"}))
    house.pool.assign(work(1))
    importing = await house.join(ready=False)
    await importing.next(frames.Import)
    assert not any(isinstance(frame, frames.Run) for frame in importing.frames_read)
    assert house.pool.busy == 1
    importing.send(frames.Imported())
    assert (await importing.next_run()).execution_no == 1


async def test_p16_when_workers_die_importing_later_ones_import_nothing_ahead(
    house: House,
) -> None:
    house.pool.import_functions(frozenset({"deadly:work"}))
    for _ in range(3):
        peer = await house.join(ready=False)
        await peer.next(frames.Import)
        (link,) = house.pool.links
        peer.writer.close()
        async with asyncio.timeout(60):
            await link.gone
    peer = await house.join()
    house.pool.assign(work(1))
    await peer.next_run()
    assert not any(isinstance(frame, frames.Import) for frame in peer.frames_read)

    house.pool.import_functions(frozenset({"mended:work"}))
    assert (await peer.next(frames.Import)).references == ["mended:work"]


async def test_p16_a_worker_that_dies_while_it_imports_is_not_surely_its_attempts_fault(
    house: House,
) -> None:
    peer = await house.join()
    house.pool.assign(work(1))
    await peer.next_run()
    house.pool.import_functions(frozenset({"deadly:work"}))
    peer.writer.close()
    await house.told.until(1)
    assert house.told.crashes == [(1, "worker_crashed", "suspect")]


async def test_a_worker_without_the_token_gets_nothing(house: House) -> None:
    reader, writer = await asyncio.open_unix_connection(str(house.path))
    writer.write(frames.encode(frames.Hello(1, "guess")))
    assert await reader.read() == b""
    assert house.pool.links == ()
    writer.close()
    await writer.wait_closed()


async def test_a_single_attempt_in_a_dead_worker_is_to_blame(house: House) -> None:
    peer = await house.join()
    house.pool.assign(work(1))
    await peer.next_run()
    peer.writer.close()
    await house.told.until(1)
    assert house.told.crashes == [(1, "worker_crashed", "sure")]
    assert house.told.slots == 0


async def test_several_attempts_in_a_dead_worker_are_only_suspects(house: House) -> None:
    peer = await house.join()
    for no in (1, 2, 3):
        house.pool.assign(work(no))
    await peer.next_run()
    peer.writer.close()
    await house.told.until(3)
    assert house.told.crashes == [(no, "worker_crashed", "suspect") for no in (1, 2, 3)]


async def test_a_suspect_has_its_worker_for_itself(house: House) -> None:
    peer = await house.join()
    house.pool.assign(work(1))
    first = await peer.next_run()
    house.pool.assign(work(2, alone=True))
    house.pool.assign(work(3))
    peer.finish(first)
    suspect = await peer.next_run()
    assert suspect.execution_no == 2
    peer.finish(suspect)
    assert (await peer.next_run()).execution_no == 3


async def test_an_attempt_over_its_time_is_ended_with_its_worker(house: House) -> None:
    with victim() as process:
        peer = await house.join(process.pid)
        house.pool.assign(work(1, timeout_s=0.05))
        await peer.next_run()
        await house.told.until(1)
        assert house.told.crashes == [(1, "attempt_timeout", "sure")]
        assert process.wait(60) < 0


async def test_p16_an_attempt_over_its_time_counts_and_its_neighbours_lose_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firesteel.engine.pool.NEIGHBOUR_GRACE_S", 0.1)
    with victim() as process:
        peer = await house.join(process.pid)
        for no, timeout_s in ((1, 60.0), (2, 0.05), (3, 60.0)):
            house.pool.assign(work(no, timeout_s=timeout_s))
        await house.told.until(3)
        assert sorted(house.told.crashes) == [
            (1, "worker_ended", "none"),
            (2, "attempt_timeout", "sure"),
            (3, "worker_ended", "none"),
        ]
        assert process.wait(60) < 0
        peer.writer.close()


class Leaps:
    """A clock that leaps with each of the next ``leaps`` looks at it, as if the engine had been
    stopped; then it is as if nothing had been."""

    leaps = 0

    def __init__(self) -> None:
        self.now_s = self.then_s = asyncio.get_running_loop().time()
        self.over = asyncio.Event()

    def __call__(self) -> float:
        if not self.leaps:
            self.over.set()
            return self.then_s
        self.leaps -= 1
        self.now_s += 60.0
        return self.now_s


async def test_p16_an_engine_that_is_stopped_again_and_again_blames_no_worker(house: House) -> None:
    """What its workers have sent meanwhile is read first, each time."""
    clock = house.pool._monotonic = Leaps()
    with victim() as process:
        peer = await house.join(process.pid)
        house.pool.assign(work(1, timeout_s=10.0))
        run = await peer.next_run()
        clock.leaps = 7  # three rounds at least, two looks each
        clock.over.clear()
        async with asyncio.timeout(60):
            await clock.over.wait()
        peer.finish(run)
        await house.told.until(1)
        assert (house.told.ended_nos, house.told.crashes) == ([1], [])
        assert process.poll() is None


async def test_p16_an_engine_that_is_late_all_the_time_ends_what_runs_over_after_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firesteel.engine.pool.MOST_LEFT_OUT", 2)
    clock = house.pool._monotonic = Leaps()
    with victim() as process:
        peer = await house.join(process.pid)
        house.pool.assign(work(1, timeout_s=10.0))
        await peer.next_run()
        clock.leaps = 10_000
        await house.told.until(1)
        assert house.told.crashes == [(1, "attempt_timeout", "sure")]
        assert process.wait(60) < 0


async def test_p16_in_a_worker_that_dies_by_itself_the_overdue_one_counts_and_the_rest_are_suspects(
    house: House,
) -> None:
    with victim() as process:
        peer = await house.join(process.pid)
        house.pool.assign(work(1, timeout_s=-60.0))  # over its time before anybody looks
        house.pool.assign(work(2))
        house.pool.assign(work(3))
        await peer.next_run()
        peer.writer.close()
        await house.told.until(3)
    assert sorted(house.told.crashes) == [
        (1, "attempt_timeout", "sure"),
        (2, "worker_crashed", "suspect"),
        (3, "worker_crashed", "suspect"),
    ]


async def test_cancel_returns_when_the_attempt_has_ended_and_drops_its_outcome(
    house: House,
) -> None:
    peer = await house.join()
    house.pool.assign(work(1))
    run = await peer.next_run()
    cancelling = asyncio.ensure_future(house.pool.cancel(1))
    await asyncio.sleep(0)
    assert not cancelling.done()
    peer.finish(run)
    async with asyncio.timeout(60):
        await cancelling
    assert house.told.ended_nos == []


async def test_a_record_of_an_attempt_that_is_over_is_refused(house: House) -> None:
    peer = await house.join()
    house.pool.assign(work(1))
    run = await peer.next_run()
    (claim,) = house.pool.withdraw()
    assert claim.execution_no == 1
    peer.send(frames.Record(1, run.epoch, JournalEntry("a", "sql", 1, 0, 0, b"")))
    async with asyncio.timeout(60):
        while not any(isinstance(frame, frames.Recorded) for frame in peer.frames_read):
            peer.frames_read += peer.cutter.feed(await peer.reader.read(65536))
    (reply,) = [frame for frame in peer.frames_read if isinstance(frame, frames.Recorded)]
    assert reply.accepted is False


async def test_the_pool_is_idle_when_the_last_attempt_has_ended(house: House) -> None:
    peer = await house.join()
    house.pool.assign(work(1))
    run = await peer.next_run()
    idle = asyncio.ensure_future(house.pool.idle(15))
    await asyncio.sleep(0)
    assert not idle.done()
    peer.finish(run)
    await idle
    assert house.pool.busy == 0


async def test_a_worker_whose_overdue_attempt_ends_after_all_is_replaced(house: House) -> None:
    peer = await house.join()
    house.pool.assign(work(1, timeout_s=0.05))
    house.pool.assign(work(2))
    late, neighbour = await peer.next_run(), await peer.next_run()
    async with asyncio.timeout(60):
        while house.told.slots:  # overdue: it gets no more
            house.told.news.clear()
            await house.told.news.wait()
        while not any(isinstance(frame, frames.Drain) for frame in peer.frames_read):
            peer.frames_read += peer.cutter.feed(await peer.reader.read(65536))
    peer.finish(late)
    peer.finish(neighbour)
    await house.told.until(2)
    peer.writer.close()  # a drained worker ends by itself
    new = await house.join()
    house.pool.assign(work(3))
    assert (await new.next_run()).execution_no == 3
