"""P24: how many bytes of bodies run at once is bounded, and nobody starves behind others."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from firesteel.engine.commits import Commits
from firesteel.engine.link import Definition
from firesteel.engine.long_bodies import LongBodies, is_long, without_body
from firesteel.engine.pool import Work
from firesteel.errors import StoreUnavailable
from firesteel.model import frames
from firesteel.model.message import Message
from firesteel.store.journal import LEFT_FROM_BYTES, Claim, Journal

MIB = 1024 * 1024
DEFINITION = Definition(7, 1, "demo", b"{}")
CONNECTIONS = frames.Connections("demo", b"{}", 1, [])


def work(no: int, size_bytes: int, *, trigger_no: int = 1, left: bool = True) -> Work:
    message = Message(f"m{no}", no, 0, None, b"", b"" if left else bytes(size_bytes))
    left_bytes = size_bytes if left else 0
    claim = Claim(no, 1, f"m{no}-1", trigger_no, 7, 1, 1, 0, message, left_bytes=left_bytes)
    return Work(claim, DEFINITION, 60.0, CONNECTIONS)


class Hall:
    """The long bodies of a node, with a store and workers that are told of."""

    def __init__(self, limit_bytes: int) -> None:
        self.sizes: dict[int, int] = {}
        self.running: dict[int, int] = {}
        self.most_bytes = 0
        self.reading = 0
        self.most_read = 0
        self.lost = False
        self.unread: list[int] = []
        self.commits = Commits()
        journal = cast("Journal", self)
        self.long = LongBodies(journal, self.commits, self, limit_bytes=limit_bytes)
        self.long.use(self)

    def start(self, one: Work) -> None:
        self.sizes[one.claim.execution_no] = one.claim.left_bytes or len(one.claim.message.body)
        self.long.start(one)

    def end(self, no: int) -> None:
        del self.running[no]
        self.long.ended(no)

    # the journal's part

    async def body(self, execution_no: int) -> bytes:
        self.reading += 1
        self.most_read = max(self.most_read, self.reading)
        await asyncio.sleep(0)
        self.reading -= 1
        if self.lost:
            raise StoreUnavailable("gone")
        return bytes(self.sizes[execution_no])

    # the workers' part

    def assign(self, work: Work) -> None:
        claim = work.claim
        assert claim.left_bytes == 0
        self.running[claim.execution_no] = len(claim.message.body)
        self.most_bytes = max(self.most_bytes, sum(self.running.values()))

    async def sent(self, within_s: float) -> None:
        assert within_s > 0

    def unreadable(self, claim: Claim, error: Exception) -> None:
        self.unread.append(claim.execution_no)
        self.long.ended(claim.execution_no)

    async def settled(self) -> list[int]:
        """What runs when nothing more is read."""
        await self.commits.flush()
        return list(self.running)


async def test_so_many_bytes_run_at_once_and_each_begins_when_there_is_room() -> None:
    hall = Hall(10 * MIB)
    for no in range(1, 21):
        hall.start(work(no, 2 * MIB, trigger_no=no % 2))
    begun: list[int] = []
    while await hall.settled():
        for no in list(hall.running):
            begun.append(no)
            hall.end(no)
    assert sorted(begun) == list(range(1, 21))
    assert [no for no in begun if no % 2] == list(range(1, 21, 2))
    assert hall.most_bytes <= 10 * MIB
    assert hall.most_read == 1
    assert (hall.long.running_bytes, bool(hall.long.known)) == (0, False)


async def test_one_that_is_longer_than_the_bound_runs_alone() -> None:
    hall = Hall(10 * MIB)
    hall.start(work(1, 4 * MIB))
    hall.start(work(2, 50 * MIB, trigger_no=2))
    hall.start(work(3, 4 * MIB, trigger_no=3))  # it does not pass the long one
    assert await hall.settled() == [1]
    hall.end(1)
    assert 2 in await hall.settled()
    hall.end(2)
    assert await hall.settled() == [3]


async def test_what_is_in_memory_and_finds_room_is_not_read_again() -> None:
    hall = Hall(10 * MIB)
    hall.start(work(1, 6 * MIB, left=False))
    hall.start(work(2, 6 * MIB, left=False))
    assert list(hall.running) == [1]
    waiting = hall.long.claim_of(2)
    assert waiting is not None
    assert (waiting.message.body, waiting.left_bytes) == (b"", 6 * MIB)
    hall.end(1)
    assert await hall.settled() == [2]
    assert hall.most_read == 1


async def test_one_that_is_cancelled_while_it_waits_or_is_read_does_not_begin() -> None:
    hall = Hall(10 * MIB)
    for no in (1, 2, 3):
        hall.start(work(no, 8 * MIB))
    hall.long.drop(1)  # it is being read
    hall.long.drop(2)
    assert await hall.settled() == [3]
    hall.long.drop(3)  # a worker has it: whoever ends it says so
    assert hall.long.running_bytes > 0
    hall.end(3)
    assert hall.long.running_bytes == 0


async def test_a_store_that_gives_nothing_leaves_nothing_held() -> None:
    hall = Hall(10 * MIB)
    hall.lost = True
    hall.start(work(1, 8 * MIB))
    assert await hall.settled() == []
    assert hall.unread == [1]
    assert hall.long.running_bytes == 0


async def test_a_node_that_stops_takes_back_what_no_worker_has() -> None:
    hall = Hall(10 * MIB)
    hall.start(work(1, 8 * MIB, left=False))
    hall.start(work(2, 8 * MIB))
    hall.start(work(3, 1 * MIB, trigger_no=3))
    assert [claim.execution_no for claim in hall.long.withdraw()] == [2, 3]
    hall.end(1)
    assert await hall.settled() == []
    assert hall.long.running_bytes == 0


def test_a_body_that_a_claim_carries_is_left_behind() -> None:
    claim: Any = work(1, LEFT_FROM_BYTES + 1, left=False).claim
    assert is_long(claim)
    left = without_body(claim)
    assert (left.left_bytes, left.message.body) == (LEFT_FROM_BYTES + 1, b"")
    assert is_long(left)
    assert not is_long(work(1, LEFT_FROM_BYTES, left=False).claim)
