"""P07, P11: what triggers' rows count as waiting and running never drifts from what there is.

Three nodes do whatever engines and people do, by chance; connections are lost in the middle of it,
sessions lapse, are taken over from, and begin anew on the same node. Each of their transactions
counts what it changes, so at any moment, quiet or not, the rows must be right.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from firesteel.errors import CallerError, OutcomeUnknown, StoreUnavailable
from firesteel.model.execution import State
from firesteel.store.journal import Claim
from firesteel.store.postgresql import ledger
from firesteel.store.postgresql import store as postgresql_store
from firesteel.store.postgresql.mirror import SharedTrigger
from firesteel.store.postgresql.sessions import Sessions
from firesteel.store.postgresql.store import PostgresqlStore
from tests.conftest import Size
from tests.fault.report import Report
from tests.support.counts import miscounted
from tests.support.hand import ADA, GONE, Hand

NODES = ("a", "b", "c")
MOVES = {"quick": 120, "full": 3_000, "soak": 30_000}
MOVES_OF_A_DEFECT = 400
SLOTS = 8
LANES = (None, None, "x", "y")
REST_S = 60.0
DEAD_KEPT = 2
MOST_WAITING = 60


@dataclass
class Member:
    """One node, and what its session runs."""

    store: PostgresqlStore
    hand: Hand
    held: list[Claim] = field(default_factory=list)

    def take(self) -> list[Claim]:
        """What it runs by now."""
        self.held += self.hand.claims
        self.hand.claims = []
        return self.held


@dataclass
class Play:
    """Moves by chance. ``strikes``: how often a node was struck."""

    url: str
    chance: random.Random
    server: psycopg.Connection[Any]
    members: dict[str, Member] = field(default_factory=dict)
    old: list[PostgresqlStore] = field(default_factory=list)
    triggers: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    strikes: int = 0

    async def begin(self) -> None:
        for node in NODES:
            await self.open(node)
        hand = self.members["a"].hand
        self.triggers = [
            await hand.trigger("first", concurrency=3),
            await hand.trigger("second", concurrency=2, on_failure="pause"),
        ]

    async def open(self, node: str) -> None:
        store = await postgresql_store.open_store(self.url, node=node)
        self.members[node] = Member(store, Hand(store.journal, store.catalog, slots=SLOTS))

    async def renew_lost(self) -> None:
        """Whoever lost its session begins another; of dead ones a few live on for a while."""
        while len(self.old) > DEAD_KEPT:
            await self.old.pop(0).close()
        for node, member in list(self.members.items()):
            if member.hand.lost:
                self.old.append(member.store)
                await self.open(node)

    async def move(self) -> None:
        """One of them, and what it leads to."""
        await self.renew_lost()
        moves: Sequence[tuple[int, Callable[[Member], Awaitable[object]]]] = (
            (30, self.accept),
            (40, self.end_some),
            (10, self.act),
            (4, self.cut),
            (4, self.lapse),
            (2, self.begin_anew),
            (4, self.recover),
        )
        weights, does = zip(*moves, strict=True)
        (do,) = self.chance.choices(does, weights)
        with contextlib.suppress(StoreUnavailable, OutcomeUnknown, CallerError):
            await do(self.chance.choice(list(self.members.values())))

    async def close(self) -> None:
        for store in [*self.old, *(member.store for member in self.members.values())]:
            await store.close()

    # --- moves ----------------------------------------------------------------------------------

    async def accept(self, member: Member) -> None:
        """Unless so much waits that the end would be far."""
        waiting = self.server.execute("SELECT sum(waiting) FROM integration").fetchone()
        if waiting is not None and waiting[0] > MOST_WAITING:
            return
        trigger, lane = self.chance.choice(self.triggers), self.chance.choice(LANES)
        count = self.chance.randint(1, 5)
        told = await member.hand.accept_many(count, trigger, lane)
        self.known += [one.execution_no for one in told]

    async def end_some(self, member: Member) -> None:
        hand = member.hand
        ends: Sequence[Callable[[Claim], Awaitable[object]]] = (
            hand.settle,
            hand.settle,
            lambda claim: hand.settle(claim, State.FAILED),
            lambda claim: hand.postpone(claim, self.chance.choice((0.0, 0.01))),
        )
        for claim in list(member.take())[: self.chance.randint(1, 4)]:
            await self.chance.choice(ends)(claim)
            member.held.remove(claim)  # or, where the store did not take it, it is tried again

    async def act(self, member: Member) -> None:
        journal, trigger = member.store.journal, self.chance.choice(self.triggers)
        no = self.chance.choice(self.known or [0])
        acts: Sequence[Callable[[], Awaitable[object]]] = (
            lambda: journal.cancel(no, ADA, GONE),
            lambda: journal.skip(no, ADA, GONE),
            lambda: journal.retry_now(no, ADA),
            lambda: journal.replay(no, 1, ADA),
            lambda: journal.pause(trigger, self.chance.choice(LANES), ADA),
            lambda: journal.resume(trigger, None, ADA),
            lambda: journal.resume(trigger, "x", ADA),
            lambda: journal.resume(trigger, "y", ADA),
        )
        await self.chance.choice(acts)()

    async def cut(self, member: Member) -> None:
        """Its connections are lost while it accepts and settles."""
        self.strikes += 1
        working = asyncio.gather(self.accept(member), self.end_some(member), return_exceptions=True)
        await asyncio.sleep(self.chance.uniform(0, 0.004))
        self.terminate(member)
        await working

    async def lapse(self, member: Member) -> None:
        """Its lease is over, and perhaps its connection too; another one takes over."""
        self.strikes += 1
        if self.chance.random() < 0.5:
            self.terminate(member)
        name = member.store.journal.writer._address.node
        self.server.execute("UPDATE session SET lease_until_us = 0 WHERE node = %s", (name,))
        await self.recover(self.chance.choice(list(self.members.values())))

    async def begin_anew(self, member: Member) -> None:
        """Killed, and started again on its data directory."""
        self.strikes += 1
        name = member.store.journal.writer._address.node
        self.old.append(member.store)
        await self.open(name)
        await self.recover(self.members[name])

    async def recover(self, member: Member) -> None:
        await member.store.journal.renew()
        await member.store.journal.recover()

    async def go_on(self, member: Member) -> None:
        """Everything that may run does, and succeeds."""
        await self.recover(member)
        for trigger in self.triggers:
            for lane in dict.fromkeys(LANES):
                await member.store.journal.resume(trigger, lane, ADA)
        for claim in list(member.take()):
            await member.hand.settle(claim)
            member.held.remove(claim)

    def terminate(self, member: Member) -> None:
        connection = member.store.journal.writer._connection
        if connection is not None:
            pid = connection.raw.info.backend_pid
            self.server.execute("SELECT pg_terminate_backend(%s)", (pid,))


@pytest.fixture
async def play(store_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Play]:
    monkeypatch.setattr(ledger, "GRACE_S", 0.0)
    address = store_url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as server:
        playing = Play(store_url, random.Random(), server)
        try:
            yield playing
        finally:
            await playing.close()


async def drifted(play: Play, moves: int, seed: int) -> list[Any]:
    """What is miscounted when it is first, within so many moves."""
    play.chance = random.Random(seed)
    print(f"seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    await play.begin()
    for _ in range(moves):
        await play.move()
        if found := miscounted(play.server):
            return found
    return []


async def test_p07_p11_rows_count_what_there_is_whatever_strikes_the_nodes(
    play: Play, size: Size, report: Report
) -> None:
    seed = 7 if size == "quick" else random.SystemRandom().randrange(2**32)
    found = await drifted(play, MOVES[size], seed)
    what = "three sessions cut, lapsed and begun anew, their counts looked at after each move"
    report.row("P07", what, cycles=play.strikes, note=f"{MOVES[size]:,} moves")
    assert found == []
    await at_rest(play)


async def at_rest(play: Play) -> None:
    """Everything that was accepted ends, and nothing is left counted."""
    counted = "SELECT max(waiting), max(running) FROM integration"
    async with asyncio.timeout(REST_S):
        while play.server.execute(counted).fetchone() != (0, 0):
            await play.renew_lost()
            for member in list(play.members.values()):
                with contextlib.suppress(StoreUnavailable, OutcomeUnknown):
                    await play.go_on(member)
    assert miscounted(play.server) == []


def taken_over_and_still_counted(patch: pytest.MonkeyPatch) -> None:
    """What is taken over goes on counting as running too."""
    recover = Sessions.recover

    def miscount(self: Sessions, *, lapsed: bool) -> int:
        before = {no: self._mirror.shared(no).elsewhere for no in self._mirror.triggers}
        lost = recover(self, lapsed=lapsed)
        for no, elsewhere in before.items():
            self._mirror.shared(no).elsewhere = elsewhere
        return lost

    patch.setattr(Sessions, "recover", miscount)


def only_its_own_are_counted(patch: pytest.MonkeyPatch) -> None:
    """A session writes what it runs itself, whatever others run."""

    def row(self: SharedTrigger) -> tuple[int, int, int]:
        return self.last_sequence, self.waiting, self.running

    patch.setattr(SharedTrigger, "row", row)


@pytest.mark.parametrize("plant", [taken_over_and_still_counted, only_its_own_are_counted])
async def test_it_fails_when(
    plant: Callable[[pytest.MonkeyPatch], None],
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
    report: Report,
) -> None:
    plant(monkeypatch)
    found = bool(await drifted(play, MOVES_OF_A_DEFECT, 7))
    report.defect("P07", plant.__name__, found=found)
    assert found
