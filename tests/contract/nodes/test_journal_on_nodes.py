"""Two nodes' journals on one database: what one node alone keeps, both keep together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from firesteel.errors import StoreUnavailable
from firesteel.model.execution import State
from firesteel.store.bulletin import News, Ready, Settled, Told
from firesteel.store.journal import Accepted, Claim, Duplicate, Ended, LaneFull
from firesteel.store.postgresql import ledger
from firesteel.store.postgresql.bulletin import PostgresqlBulletin
from firesteel.store.postgresql.connection import PostgresqlConnection
from firesteel.store.postgresql.store import PostgresqlStore
from tests.contract.nodes.conftest import OpenNode, until
from tests.support.hand import ADA, GONE, Hand, step

Nodes = tuple[PostgresqlStore, PostgresqlStore]


@pytest.fixture
def hands(nodes: Nodes) -> tuple[Hand, Hand]:
    one, other = nodes
    return Hand(one.journal, one.catalog), Hand(other.journal, other.catalog)


@pytest.fixture
def server(store_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the test's own."""
    with psycopg.connect(store_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim, in which hand it is, and when it came among all."""

    claim: Claim
    hand: Hand


def takes_all(hands: tuple[Hand, Hand]) -> list[Taken]:
    """Both settle whatever they are given, and note it in one list."""
    taken: list[Taken] = []

    def listen(hand: Hand) -> None:
        def claimed(claims: Any) -> None:
            for claim in claims:
                taken.append(Taken(claim, hand))
                tasks.append(asyncio.ensure_future(hand.settle(claim)))

        hand.journal.listen(claimed, hand.lost.append)

    tasks: list[Any] = []
    for hand in hands:
        listen(hand)
    return taken


# --- order and concurrency ------------------------------------------------------------------------


async def test_p08_sequences_have_no_gaps_and_follow_the_answers_over_nodes(
    hands: tuple[Hand, Hand],
) -> None:
    trigger = await hands[0].trigger()
    last = 0
    for turn in range(20):
        hand = hands[turn % 2]
        accepted = await hand.accept_many(turn % 4 + 1, trigger)
        assert [one.sequence for one in accepted] == list(range(last + 1, last + turn % 4 + 2))
        last += len(accepted)
    at_once = await asyncio.gather(*(hand.accept_many(50, trigger) for hand in hands))
    assert sorted(one.sequence for both in at_once for one in both) == list(
        range(last + 1, last + 101)
    )
    for both in at_once:
        numbers = [(one.sequence, one.execution_no) for one in both]
        assert numbers == sorted(numbers)


async def test_p13_what_waits_is_claimed_once_over_nodes(hands: tuple[Hand, Hand]) -> None:
    trigger = await hands[0].trigger(concurrency=1000)
    for hand in hands:
        hand.journal.grant(0)
    accepted = [
        one
        for both in await asyncio.gather(*(h.accept_many(100, trigger) for h in hands))
        for one in both
    ]
    taken = takes_all(hands)
    for hand in hands:
        hand.journal.grant(8)
    await until(lambda: len(taken) >= len(accepted))
    await asyncio.gather(*(hand.journal.renew() for hand in hands))
    numbers = [one.claim.execution_no for one in taken]
    assert sorted(numbers) == sorted(one.execution_no for one in accepted)
    counts = await hands[0].journal.counts(trigger)
    assert (counts.waiting, counts.running, counts.terminal) == (0, 0, 200)


async def test_p09_a_lane_runs_in_order_whoever_runs_it(hands: tuple[Hand, Hand]) -> None:
    trigger = await hands[0].trigger(concurrency=10)
    running: dict[str | None, int] = {}
    order: dict[str | None, list[int]] = {}
    overlaps: list[Claim] = []
    ended: list[int] = []

    async def run(hand: Hand, claim: Claim) -> None:
        lane = claim.message.body.decode()
        if running.get(lane):
            overlaps.append(claim)
        running[lane] = running.get(lane, 0) + 1
        order.setdefault(lane, []).append(claim.message.sequence)
        await asyncio.sleep(0.001)
        running[lane] -= 1
        again = claim.attempt == 1 and claim.message.sequence % 5 == 0
        assert await (hand.postpone(claim) if again else hand.settle(claim))
        if not again:
            ended.append(claim.message.sequence)

    tasks = []
    for hand in hands:
        hand.journal.listen(
            lambda claims, hand=hand: tasks.extend(  # type: ignore[misc]
                asyncio.ensure_future(run(hand, claim)) for claim in claims
            ),
            hand.lost.append,
        )
        hand.journal.grant(4)
    for number in range(60):
        lane = "ab"[number % 2]
        await hands[number % 3 % 2].accept(trigger, lane, body=lane.encode())
    await until(lambda: len(ended) == 60)
    assert (await hands[0].journal.counts(trigger)).terminal == 60
    assert overlaps == []
    for lane, sequences in order.items():
        assert sequences == sorted(sequences), lane
    assert sorted({s for sequences in order.values() for s in sequences}) == list(range(1, 61))
    await asyncio.gather(*tasks)


async def test_p11_concurrency_holds_over_nodes(hands: tuple[Hand, Hand]) -> None:
    one, other = hands
    trigger = await one.trigger(concurrency=3)
    await one.accept_many(2, trigger)
    first = await one.taken(2)
    await other.accept_many(4, trigger)
    (third,) = await other.taken()
    assert (one.claims, other.claims) == ([], [])
    await one.settle(first[0])
    await until(lambda: len(one.claims) + len(other.claims) == 1)
    await other.settle(third)
    await until(lambda: len(one.claims) + len(other.claims) == 2)
    await asyncio.gather(*(hand.journal.renew() for hand in hands))
    counts = await one.journal.counts(trigger)
    assert (counts.waiting, counts.running) == (1, 3)


async def test_a_trigger_is_full_over_nodes(hands: tuple[Hand, Hand]) -> None:
    one, other = hands
    trigger = await one.trigger(concurrency=1, max_waiting=2)
    await one.accept_many(2, trigger)
    await other.accept(trigger)
    for hand in hands:
        assert await hand.journal.append(hand.new(trigger)) == LaneFull(2)


async def test_p22_a_key_makes_one_execution_over_nodes(hands: tuple[Hand, Hand]) -> None:
    trigger = await hands[0].trigger()
    calls = [
        hand.journal.append(hand.new(trigger, idempotency=hand.key(f"k{number % 5}")))
        for number in range(50)
        for hand in hands
    ]
    answers = [await call for call in calls]
    assert sum(isinstance(answer, Accepted) for answer in answers) == 5
    assert all(answer.same for answer in answers if isinstance(answer, Duplicate))


async def test_a_pause_holds_on_every_node(hands: tuple[Hand, Hand]) -> None:
    one, other = hands
    trigger = await one.trigger()
    await one.accept(trigger, "a")
    (head,) = await one.taken()
    await other.journal.pause(trigger, "a", ADA)
    await one.accept(trigger, "a")
    await one.settle(head)
    await other.accept(trigger, "b")
    assert [claim.message.sequence for claim in await other.taken()] == [3]
    assert one.claims == []
    await other.journal.resume(trigger, "a", ADA)
    await until(lambda: len(one.claims) + len(other.claims) == 1)


# --- dead, sleeping and replaced sessions ---------------------------------------------------------


async def test_p14_p15_a_session_whose_lease_lapsed_is_taken_over_from_and_writes_nothing_more(
    hands: tuple[Hand, Hand], server: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "GRACE_S", 0.0)
    sleeper, heir = hands
    heir.journal.grant(0)
    trigger = await sleeper.trigger()
    await sleeper.accept_many(2, trigger, "a")
    (old,) = await sleeper.taken()
    assert await heir.journal.recover() == 0
    server.execute("UPDATE session SET lease_until_us = 0 WHERE node = 'a'")
    assert await heir.journal.recover() == 1
    heir.journal.grant(10)
    (new,) = await heir.taken()
    assert (new.execution_no, new.epoch, new.attempt, new.counted) == (
        old.execution_no,
        old.epoch + 2,
        2,
        1,
    )
    for late in (
        lambda: sleeper.settle(old),
        lambda: sleeper.postpone(old),
        lambda: sleeper.journal.record(old.execution_no, old.epoch, step()),
        lambda: sleeper.journal.append(sleeper.new(trigger)),
    ):
        with pytest.raises(StoreUnavailable):
            await late()
    assert len(sleeper.lost) == 1
    assert await heir.settle(new)
    assert (await heir.taken())[0].message.sequence == 2
    assert (await heir.journal.counts(trigger)).accepted == 2


async def test_after_an_outage_those_who_live_renew_before_anything_is_taken_over(
    hands: tuple[Hand, Hand], server: psycopg.Connection[Any]
) -> None:
    one, other = hands
    trigger = await one.trigger()
    await one.accept(trigger)
    (claim,) = await one.taken()
    server.execute("UPDATE session SET lease_until_us = 0")
    assert await other.journal.recover() == 0
    assert await one.journal.renew()
    assert await one.settle(claim)


async def test_p15_a_node_that_starts_anew_takes_over_from_its_last_life_at_once(
    hands: tuple[Hand, Hand], open_node: OpenNode
) -> None:
    former, neighbour = hands
    neighbour.journal.grant(0)
    trigger = await former.trigger()
    await former.accept(trigger, "a")
    (old,) = await former.taken()
    again = await open_node("a")
    hand = Hand(again.journal, again.catalog)
    assert await again.journal.recover() == 1
    (new,) = await hand.taken()
    assert (new.execution_no, new.epoch) == (old.execution_no, old.epoch + 2)
    with pytest.raises(StoreUnavailable):
        await former.settle(old)
    assert await hand.settle(new)


async def test_of_sessions_that_have_ended_the_last_hundred_are_kept_and_those_that_left_work(
    open_node: OpenNode, server: psycopg.Connection[Any]
) -> None:
    ended = "INSERT INTO session (started_at_us, lease_until_us, node, ended_at_us)"
    gone = await open_node("gone")
    hand = Hand(gone.journal, gone.catalog)
    await hand.accept(await hand.trigger())
    await hand.taken()
    server.execute("UPDATE session SET ended_at_us = 1")
    server.execute(f"{ended} SELECT 1, 1, 'former', 1 FROM generate_series(1, 150)")
    await open_node("new")
    rows = server.execute("SELECT node, min(no), count(*) FROM session GROUP BY node").fetchall()
    kept = {node: (first, count) for node, first, count in rows}
    new = kept["new"][0]
    assert kept == {"gone": (1, 1), "former": (new - 100, 100), "new": (new, 1)}


async def test_p36_a_node_that_stands_still_in_a_transaction_holds_up_others_for_a_moment_only(
    hands: tuple[Hand, Hand], store_url: str
) -> None:
    hand = hands[0]
    trigger = await hand.trigger()
    address = store_url.replace("+psycopg", "")
    options = "-c idle_in_transaction_session_timeout=2000"
    still = psycopg.connect(address, autocommit=True, options=options)
    still.execute("BEGIN")
    still.execute("SELECT no FROM integration FOR NO KEY UPDATE")
    assert (await hand.accept(trigger)).sequence == 1
    still.close()


# --- telling each other ---------------------------------------------------------------------------


async def test_what_one_node_has_no_slot_for_another_starts(hands: tuple[Hand, Hand]) -> None:
    gateway, worker = hands
    gateway.journal.grant(0)
    trigger = await gateway.trigger()
    for lane in (None, "a", None):
        await gateway.accept(trigger, lane)
        (claim,) = await worker.taken()
        await worker.settle(claim)
    assert gateway.claims == []


async def test_news_of_what_may_run_cost_a_node_without_a_slot_no_transaction(
    nodes: Nodes, hands: tuple[Hand, Hand]
) -> None:
    one, gateway = hands
    gateway.journal.grant(0)
    one.journal.grant(0)
    assert await gateway.journal.renew()
    heard: list[News] = []
    nodes[1].bulletin.listen(heard.append)
    await until(lambda: nodes[0].journal._ledger.others)  # it tells nobody while it is alone
    sessions = nodes[1].journal._ledger.sessions
    before = sessions.transactions
    for turn in range(5):
        await one.accept(await one.trigger(f"t{turn}"))
        await until(lambda turn=turn: sum(isinstance(n, Ready) for n in heard) > turn)
    assert await gateway.journal.renew()
    assert sessions.transactions == before + 1


async def test_who_finds_nothing_to_run_waits_for_no_flush(
    nodes: Nodes, hands: tuple[Hand, Hand], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction changes nothing that must last; all others are flushed."""
    trigger = await hands[0].trigger()
    shown: list[psycopg.Cursor[Any]] = []
    committing, writer = PostgresqlConnection.committing, nodes[1].journal.writer

    def looked(self: PostgresqlConnection) -> psycopg.Cursor[Any]:
        if self is writer._connection:
            shown.append(self.raw.execute(b"SHOW synchronous_commit", prepare=False))
        return committing(self)

    monkeypatch.setattr(PostgresqlConnection, "committing", looked)
    writer.hint([trigger])
    await until(lambda: bool(shown))
    accepted = await hands[1].accept(trigger)
    (claim,) = await hands[1].taken()
    assert (claim.execution_no, await hands[1].settle(claim)) == (accepted.execution_no, True)
    flushed = [one.fetchall() for one in shown]
    assert flushed[0] == [("off",)]
    assert set(map(str, flushed[1:])) == {"[('on',)]"}


async def test_others_are_told_of_what_a_resumed_trigger_may_run(
    hands: tuple[Hand, Hand], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, worker = hands
    trigger = await gateway.trigger()
    gateway.journal.grant(0)
    await gateway.journal.pause(trigger, None, ADA)
    await gateway.accept(trigger)
    worker.journal.grant(4)
    await until(lambda: worker.journal.backlog(trigger) == (1, 0))
    monkeypatch.setattr(ledger, "_LOOK_EVERY_S", 3600.0)
    worker.journal._ledger._look_s = time.monotonic() + 3600.0  # that was the last look
    await worker.journal.renew()
    assert worker.claims == []
    await gateway.journal.resume(trigger, None, ADA)
    await until(lambda: len(worker.claims) == 1)


async def test_nobody_is_sent_to_a_resumed_trigger_that_has_nothing_to_run(
    hands: tuple[Hand, Hand], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Told] = []
    gateway, worker = hands
    gateway.journal.grant(0)
    worker.journal.grant(0)
    trigger = await gateway.trigger()
    await until(lambda: gateway.journal._ledger.others)  # it tells nobody while it is alone
    monkeypatch.setattr(PostgresqlBulletin, "tell", lambda _self, news: told.append(news))
    await gateway.journal.pause(trigger, None, ADA)
    await gateway.journal.resume(trigger, None, ADA)
    await gateway.journal.renew()
    assert told == []
    await gateway.accept(trigger)
    await until(lambda: told == [Ready((trigger,))])


async def test_what_comes_while_a_trigger_is_waited_for_goes_with_what_waits(
    hands: tuple[Hand, Hand], server: psycopg.Connection[Any]
) -> None:
    """And does not wait for the trigger again, in a transaction of its own."""
    hand, _ = hands
    trigger = await hand.trigger()
    hand.journal.grant(0)
    await hand.accept(trigger)

    def transactions() -> int:
        (number,) = server.execute("SELECT max(last_no) FROM session").fetchall()[0]
        return int(number)

    def is_waited_for() -> bool:
        return bool(server.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall())

    before = transactions()
    with server.transaction():
        server.execute("SELECT FROM integration WHERE no = %s FOR NO KEY UPDATE", (trigger,))
        first = asyncio.ensure_future(hand.accept(trigger))
        await until(is_waited_for)
        others = [asyncio.ensure_future(hand.accept(trigger)) for _ in range(5)]
        await until(lambda: len(hand.journal.writer._queue) == len(others))
    accepted = await asyncio.gather(first, *others)
    assert [one.sequence for one in accepted] == [2, 3, 4, 5, 6, 7]
    assert transactions() == before + 1


async def test_who_has_slots_for_just_what_may_run_sends_nobody_to_look_for_more(
    hands: tuple[Hand, Hand], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 9 slots a trigger may have 8, and with 7 running one more: the next head of the lane."""
    told: list[Ready] = []

    def tell(_self: PostgresqlBulletin, news: Told) -> None:
        if isinstance(news, Ready):
            told.append(news)

    gateway, worker = hands
    gateway.journal.grant(0)
    worker.journal.grant(0)
    trigger = await gateway.trigger(concurrency=100)
    for lane in range(8):
        await gateway.accept_many(3, trigger, f"lane {lane}")
    worker.journal.grant(9)
    claims = await worker.taken(8)
    assert await worker.settle(claims[0])
    (head,) = await worker.taken()
    monkeypatch.setattr(ledger, "_LOOK_EVERY_S", 3600.0)
    worker.journal._ledger._look_s = time.monotonic() + 3600.0  # that was the last look
    monkeypatch.setattr(PostgresqlBulletin, "tell", tell)
    for claim in (claims[1], claims[2], head):
        assert await worker.settle(claim)
        assert [one.message.sequence for one in await worker.taken()] != []
    await worker.journal.renew()
    assert told == []


async def test_what_nobody_was_told_of_is_found_by_looking(
    hands: tuple[Hand, Hand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresqlBulletin, "tell", lambda self, news: None)
    gateway, worker = hands
    gateway.journal.grant(0)
    trigger = await gateway.trigger()
    await gateway.accept(trigger)
    (claim,) = await worker.taken()
    await worker.postpone(claim, 0.05)
    (claim,) = await worker.taken()
    worker.journal.grant(0)
    await worker.postpone(claim, 0.05)
    gateway.journal.grant(1)
    assert (await gateway.taken())[0].attempt == 3


async def test_p07_every_node_shows_how_much_waits(hands: tuple[Hand, Hand]) -> None:
    one, other = hands
    for hand in hands:
        hand.journal.grant(0)
    trigger = await one.trigger()
    await one.accept_many(5, trigger)
    await until(lambda: other.journal.backlog(trigger) == (5, 0))


async def test_p07_every_node_shows_how_much_runs_on_the_others(hands: tuple[Hand, Hand]) -> None:
    gateway, worker = hands
    gateway.journal.grant(0)
    trigger = await gateway.trigger(concurrency=4)
    await gateway.accept_many(5, trigger)
    claims = await worker.taken(4)
    await until(lambda: gateway.journal.backlog(trigger) == (1, 4))
    assert worker.journal.backlog(trigger) == (1, 4)
    for claim in claims:
        await worker.settle(claim)
    await until(lambda: gateway.journal.backlog(trigger) == (0, 1))


async def test_whoever_waits_elsewhere_is_told_of_an_end(
    nodes: Nodes, hands: tuple[Hand, Hand]
) -> None:
    gateway, worker = hands
    heard: list[News] = []
    nodes[0].bulletin.listen(heard.append)
    gateway.journal.grant(0)
    trigger = await gateway.trigger()
    accepted = await gateway.accept_many(3, trigger)
    claims = await worker.taken(3)
    await worker.settle(claims[0])
    await worker.settle(claims[1], State.FAILED)
    await worker.journal.end_running(claims[2].execution_no, claims[2].epoch, ADA, GONE)

    def told() -> set[int]:
        return {no for news in heard if isinstance(news, Settled) for no in news.numbers}

    await until(lambda: told() == {one.execution_no for one in accepted})


async def test_a_cancel_finds_that_an_execution_runs_elsewhere(hands: tuple[Hand, Hand]) -> None:
    one, other = hands
    trigger = await one.trigger()
    await one.accept(trigger)
    (claim,) = await one.taken()
    ended = await other.journal.cancel(claim.execution_no, ADA, GONE)
    assert ended == Ended(claim.execution_no, State.RUNNING, False, elsewhere=True)
    assert await one.settle(claim)


async def test_rules_published_on_one_node_hold_on_the_other(hands: tuple[Hand, Hand]) -> None:
    one, other = hands
    trigger = await one.trigger(concurrency=1)
    await other.accept_many(3, trigger)
    await other.taken()
    assert await one.trigger(concurrency=2) == trigger
    await until(lambda: len(one.claims) + len(other.claims) == 1)


async def test_p33_a_lease_holds_until_a_little_before_its_end(hands: tuple[Hand, Hand]) -> None:
    before_s = time.monotonic()
    assert await hands[0].journal.renew()
    holds_until_s = hands[0].journal.holds_until_s()
    assert before_s + 13.0 < holds_until_s <= time.monotonic() + 14.0


async def test_a_node_does_not_ask_again_and_again_for_what_another_has_seen_to(
    open_node: OpenNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_LOOK_EVERY_S", 3600.0)
    one, other = (
        Hand(store.journal, store.catalog) for store in (await open_node("a"), await open_node("b"))
    )
    trigger = await one.trigger()
    other.journal.grant(0)
    accepted = await one.accept(trigger)
    (claim,) = await one.taken()
    await one.postpone(claim, 1.0)
    one.journal.grant(0)
    assert (await other.journal.retry_now(accepted.execution_no, ADA)).changed
    plans = 0
    plan = ledger.SharedLedger.plan

    def counted(self: ledger.SharedLedger, commands: Any) -> Any:
        nonlocal plans
        plans += 1
        return plan(self, commands)

    monkeypatch.setattr(ledger.SharedLedger, "plan", counted)
    # Behind the moment at which it was due.
    await asyncio.sleep(2.0)
    assert plans < 20
