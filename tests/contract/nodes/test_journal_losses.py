"""A journal whose database goes, comes back, stands still, or loses the answer to a commit."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from firesteel.errors import OutcomeUnknown, StoreUnavailable
from firesteel.store.journal import Accepted, Appended
from firesteel.store.postgresql import connection, writer
from firesteel.store.postgresql.clock import CLOCK_SETTING, steady_us
from firesteel.store.postgresql.connection import PostgresqlConnection
from firesteel.store.postgresql.failures import is_refused
from firesteel.store.postgresql.sessions import Sessions
from firesteel.store.postgresql.store import PostgresqlStore
from tests.contract.nodes.conftest import OpenNode, until
from tests.support.hand import Hand, step
from tests.support.postgres import Postgres

# What callers are told within (P04, P36), and some for a busy machine; what shows that nothing
# waits until the server goes on.
PROMISED_S = 5.0
BUSY_S = 1.5
IN_TIME_S = 20.0


@pytest.fixture
async def node(open_node: OpenNode) -> PostgresqlStore:
    return await open_node("a")


@pytest.fixture
def hand(node: PostgresqlStore) -> Hand:
    return Hand(node.journal, node.catalog)


@pytest.fixture
def server(store_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the test's own."""
    with psycopg.connect(store_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def is_writers(connection: PostgresqlConnection, hand: Hand) -> bool:
    return connection is hand.journal.writer._connection  # type: ignore[attr-defined]


async def accept_again(hand: Hand, trigger: int) -> Accepted:
    """The first acceptance after an outage."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await hand.accept(trigger)
            except (StoreUnavailable, OutcomeUnknown):
                await asyncio.sleep(0.05)


async def settled_again(hand: Hand, claim: Any) -> bool:
    """As the engine does: tried until the store takes it."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await hand.settle(claim)
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def test_p37_after_a_crash_of_the_server_the_session_goes_on(
    postgres: Postgres, hand: Hand
) -> None:
    trigger = await hand.trigger()
    await hand.accept_many(3, trigger, "a")
    (claim,) = await hand.taken()
    postgres.kill()
    began_s = time.monotonic()
    for _ in range(3):
        with pytest.raises((StoreUnavailable, OutcomeUnknown)):
            await hand.accept(trigger)
    with pytest.raises(StoreUnavailable):
        await hand.settle(claim)
    assert time.monotonic() - began_s < IN_TIME_S
    postgres.start()
    assert await settled_again(hand, claim)
    assert (await hand.taken())[0].message.sequence == 2
    assert (await accept_again(hand, trigger)).sequence == 4
    assert hand.lost == []
    assert await hand.journal.renew()


@pytest.mark.parametrize(
    ("committed", "seems_alive"),
    [(True, False), (True, True), (False, False)],
    ids=["committed", "committed, by a connection that seems to live", "not committed"],
)
async def test_p02_a_commit_in_doubt_is_resolved_and_its_claims_are_given_once(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, committed: bool, seems_alive: bool
) -> None:
    """A connection may seem to live while its end is still on its way: the driver says only that
    it cannot end the pipeline while it is busy."""
    trigger = await hand.trigger(concurrency=3)
    await hand.accept_many(2, trigger, "a")
    (claim,) = await hand.taken()
    cut_once(monkeypatch, hand, committed=committed, seems_alive=seems_alive)
    new, again = hand.new(trigger), hand.new(trigger)

    async def append() -> Appended:
        """Put in the same turn of the loop as the settlement, and so in the same transaction."""
        return await hand.journal.append(new)

    results = await asyncio.gather(hand.settle(claim), append(), return_exceptions=True)
    if committed:
        assert results[0] is True
        assert isinstance(results[1], Accepted)
        claims = await hand.taken(2)
        assert sorted(one.message.sequence for one in claims) == [2, 3]
    else:
        assert all(isinstance(result, StoreUnavailable) for result in results)
        assert await settled_again(hand, claim)
        (following,) = await hand.taken()
        assert following.message.sequence == 2
    accepted = await hand.journal.append(again)
    assert isinstance(accepted, Accepted)
    assert accepted.sequence == (4 if committed else 3)
    assert (await hand.taken())[0].message.id == again.message.id
    counts = await hand.journal.counts(trigger)
    assert counts.accepted == counts.waiting + counts.running + counts.terminal
    assert hand.claims == []
    assert hand.lost == []


@pytest.mark.parametrize("seems_alive", [False, True])
async def test_a_commit_in_doubt_that_no_standby_confirms_later_either_is_not_called_done(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, seems_alive: bool
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    await hand.taken()
    cut_once(monkeypatch, hand, committed=True, seems_alive=seems_alive)
    commit = PostgresqlConnection.commit

    def unconfirmed(self: PostgresqlConnection) -> bool:
        return commit(self) and not is_writers(self, hand)

    monkeypatch.setattr(PostgresqlConnection, "commit", unconfirmed)
    with pytest.raises(OutcomeUnknown, match="standby"):
        await hand.accept(trigger)
    assert (await hand.taken())[0].message.sequence == 2


def test_only_an_error_of_the_server_that_leaves_the_connection_refuses_a_commit(
    server: psycopg.Connection[Any], store_url: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        server.execute("SELECT 1 / 0")
    assert is_refused(caught.value)
    with psycopg.connect(store_url.replace("+psycopg", ""), autocommit=True) as ended:
        server.execute("SELECT pg_terminate_backend(%s, 10000)", (ended.info.backend_pid,))
        with pytest.raises(psycopg.errors.AdminShutdown) as fatal:
            ended.execute("SELECT 1")
    assert not is_refused(fatal.value)
    assert not is_refused(psycopg.OperationalError("cannot exit pipeline mode while busy"))


def cut_once(
    monkeypatch: pytest.MonkeyPatch, hand: Hand, *, committed: bool, seems_alive: bool = False
) -> None:
    """The connection is lost around the next COMMIT of the writer."""
    done: list[bool] = []

    if committed:
        after = PostgresqlConnection.committed

        def cut_behind(self: PostgresqlConnection, commit: Any) -> bool:
            flushed = after(self, commit)
            if not done and is_writers(self, hand):
                done.append(True)
                if not seems_alive:
                    self.raw.close()
                raise psycopg.OperationalError("the connection is lost")
            return flushed

        monkeypatch.setattr(PostgresqlConnection, "committed", cut_behind)
    else:
        before = PostgresqlConnection.committing

        def cut_before(self: PostgresqlConnection) -> Any:
            if not done and is_writers(self, hand):
                done.append(True)
                self.abort()
            return before(self)

        monkeypatch.setattr(PostgresqlConnection, "committing", cut_before)


async def test_a_connection_that_is_lost_before_the_commit_leaves_nothing(
    hand: Hand, server: psycopg.Connection[Any]
) -> None:
    trigger = await hand.trigger()
    server.execute("BEGIN")
    server.execute("SELECT no FROM integration FOR NO KEY UPDATE")
    waiting = asyncio.ensure_future(hand.journal.append(hand.new(trigger)))
    find = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    pids: list[Any] = []
    async with asyncio.timeout(60):
        while not pids:
            await asyncio.sleep(0.01)
            pids = server.execute(find).fetchall()
    server.execute("SELECT pg_terminate_backend(%s)", pids[0])
    with pytest.raises(StoreUnavailable):
        await waiting
    server.execute("COMMIT")
    assert (await accept_again(hand, trigger)).sequence == 1


def test_p36_of_the_time_that_is_promised_enough_is_left_for_a_busy_machine() -> None:
    """And what the server or the kernel can say by itself, they say before the node gives up."""
    assert writer.LATE_S + writer.WATCH_S <= PROMISED_S - BUSY_S
    assert max(connection.LOCK_TIMEOUT_S, connection.SILENCE_S) < writer.LATE_S


def writers_process(hand: Hand) -> int:
    """The writer's process on the server."""
    connection = hand.journal.writer._connection  # type: ignore[attr-defined]
    return int(connection.raw.info.backend_pid)


async def test_p36_a_server_that_stands_still_is_not_waited_for(
    hand: Hand, server: psycopg.Connection[Any]
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    pid = writers_process(hand)
    os.kill(pid, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        with pytest.raises((OutcomeUnknown, StoreUnavailable)):
            await hand.accept(trigger)
        assert time.monotonic() - began_s < IN_TIME_S
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await settled_again(hand, claim)
    accepted = await accept_again(hand, trigger)
    counts = await hand.journal.counts(trigger)
    assert counts.accepted == accepted.sequence
    assert hand.lost == []


async def test_p36_a_server_that_stands_still_is_noticed_by_a_node_with_nothing_to_do(
    hand: Hand, server: psycopg.Connection[Any]
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    assert await hand.settle(claim)
    pid = writers_process(hand)
    # In a transaction it would keep its locks, from the writer's next connection too.
    idle = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'idle'"
    await until(lambda: server.execute(idle, (pid,)).fetchone() is not None)
    os.kill(pid, signal.SIGSTOP)
    try:
        # The writer looks around every second: it is the look that nobody answers.
        await asyncio.sleep(2.5)
        accepted = await accept_again(hand, trigger)
        assert (await hand.journal.counts(trigger)).accepted == accepted.sequence
        assert hand.lost == []
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_p14_a_session_that_was_ended_while_it_was_cut_off_writes_nothing(
    hand: Hand, server: psycopg.Connection[Any]
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    server.execute("UPDATE session SET ended_at_us = 1")
    server.execute("SELECT pg_terminate_backend(%s)", (writers_process(hand),))
    with pytest.raises(StoreUnavailable):
        await hand.settle(claim)
    await until(lambda: bool(hand.lost))
    with pytest.raises(StoreUnavailable):
        await hand.accept(trigger)
    assert (await hand.journal.counts(trigger)).accepted == 1


async def test_a_defect_in_reconnecting_ends_the_session_and_leaves_nobody_waiting(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any end of a session does, it has the engine started anew."""
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    cut_once(monkeypatch, hand, committed=True)

    def defect(*_: object) -> None:
        raise TypeError("a defect")

    monkeypatch.setattr(Sessions, "resume", defect)
    async with asyncio.timeout(60):
        with pytest.raises(OutcomeUnknown):
            await hand.settle(claim)
        await until(lambda: hand.lost != [])
        with pytest.raises(StoreUnavailable):
            await hand.accept(trigger)


async def test_one_commands_defect_fails_that_command_only(hand: Hand) -> None:
    trigger = await hand.trigger()
    first = hand.new(trigger)
    calls = [hand.journal.append(new) for new in (first, first, hand.new(trigger))]
    results: list[Any] = [await told(call) for call in calls]
    assert [r.sequence for r in results if isinstance(r, Accepted)] == [1, 2]
    assert not isinstance(results[1], StoreUnavailable | Accepted)
    assert len(await hand.taken(2)) == 2


async def told(call: Any) -> Any:
    try:
        return await call
    except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at
        return error


async def test_calls_are_refused_at_once_while_too_many_wait(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, server: psycopg.Connection[Any]
) -> None:
    trigger = await hand.trigger()
    monkeypatch.setattr(hand.journal.writer, "_queue_limit", 10)  # type: ignore[attr-defined]
    calls = [hand.journal.append(hand.new(trigger)) for _ in range(30)]
    results = [await told(call) for call in calls]
    assert 0 < sum(isinstance(result, Accepted) for result in results) <= 10
    codes = {r.code for r in results if isinstance(r, StoreUnavailable)}
    assert codes == {"overloaded"}


async def test_a_journal_closes_also_where_the_database_is_gone(
    postgres: Postgres, node: PostgresqlStore, hand: Hand
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    postgres.kill()
    try:
        async with asyncio.timeout(IN_TIME_S):
            await node.journal.close()
    finally:
        postgres.start()


async def test_p28_a_journal_closes_also_where_the_server_stands_still(
    node: PostgresqlStore, hand: Hand
) -> None:
    """Who waits for an acceptance then is told, too."""
    trigger = await hand.trigger()
    await hand.accept(trigger)
    pid = node.journal.writer._connection.raw.info.backend_pid  # type: ignore[union-attr]
    os.kill(pid, signal.SIGSTOP)
    try:
        appending = asyncio.ensure_future(hand.accept(trigger))
        await asyncio.sleep(0)
        async with asyncio.timeout(IN_TIME_S):
            await node.journal.close()
            with pytest.raises((StoreUnavailable, OutcomeUnknown)):
                await appending
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_slots_that_are_granted_while_the_database_is_gone_are_used_when_it_is_back(
    postgres: Postgres, node: PostgresqlStore
) -> None:
    """Or a node whose workers joined during an outage would never run anything."""
    hand = Hand(node.journal, node.catalog, slots=0)
    accepted = await hand.accept(await hand.trigger())
    postgres.kill()
    await until_gone(hand)
    hand.journal.grant(1)
    with pytest.raises(StoreUnavailable):
        await hand.journal.renew()
    postgres.start()
    (claim,) = await hand.taken()
    assert claim.execution_no == accepted.execution_no


async def until_gone(hand: Hand) -> None:
    """Until the writer has no connection."""
    await until(lambda: hand.journal.unwritten() == 0)
    with pytest.raises(StoreUnavailable):
        await hand.journal.renew()


@dataclass(slots=True)
class Jump:
    """How far the database's clock was set."""

    by_us: int = 0

    def told(self, told_us: int) -> int:
        return told_us + self.by_us


async def test_p32_a_jump_of_the_databases_clock_makes_nothing_due_and_no_lease_lapse(
    open_node: OpenNode, server: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes notice it, one of them says so, both agree, and so does whoever starts then."""
    jump = Jump()
    one, other = await open_node("a"), await open_node("b")
    for node in (one, other):
        mirror = node.journal._ledger.mirror
        monkeypatch.setattr(mirror, "database_us", jump.told)
    hand = Hand(one.journal, one.catalog)
    trigger = await hand.trigger()
    await hand.accept(trigger)
    await hand.postpone((await hand.taken())[0], 3600)
    for jump.by_us in (86_400_000_000, -86_400_000_000, 0):
        for node in (one, other):
            assert await node.journal.renew()
        assert abs(one.journal.steady_us() - other.journal.steady_us()) < 1_000_000
        assert abs(one.journal.steady_us() - time.time_ns() // 1000) < 60_000_000
        assert await other.journal.recover() == 0
        asked = server.execute("SELECT value FROM setting WHERE name = %s", (CLOCK_SETTING,))
        row = asked.fetchone()
        assert row is not None
        assert abs(steady_us(jump.by_us, row[0])) < 60_000_000
    assert hand.claims == []


async def test_a_step_that_was_journaled_before_an_outage_is_there_after_it(
    postgres: Postgres, hand: Hand
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    assert await hand.journal.record(claim.execution_no, claim.epoch, step())
    postgres.kill()
    postgres.start()
    async with asyncio.timeout(60):
        while True:
            try:
                assert await hand.postpone(claim)
                break
            except StoreUnavailable:
                await asyncio.sleep(0.05)
    assert (await hand.taken())[0].journal == [step()]


async def test_commands_in_doubt_are_told_so_in_time(
    postgres: Postgres, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is gone before it can be asked: the caller of an append is told within seconds,
    the settlement waits for the truth."""
    monkeypatch.setattr(writer, "LATE_S", 1.0)
    trigger = await hand.trigger()
    await hand.accept(trigger)
    (claim,) = await hand.taken()
    after = PostgresqlConnection.committed

    def killed(self: PostgresqlConnection, commit: Any) -> bool:
        flushed = after(self, commit)
        if is_writers(self, hand):
            monkeypatch.setattr(PostgresqlConnection, "committed", after)
            postgres.kill()
            self.raw.close()
            raise psycopg.OperationalError("the connection is lost")
        return flushed

    monkeypatch.setattr(PostgresqlConnection, "committed", killed)
    settling = asyncio.ensure_future(hand.settle(claim))
    appending = asyncio.ensure_future(hand.accept(trigger))
    with pytest.raises(OutcomeUnknown):
        await appending
    assert not settling.done()
    postgres.start()
    assert await settling
    (following,) = await hand.taken()
    assert following.message.sequence == 2


@pytest.mark.parametrize("reconnects", [False, True], ids=["connected", "on a new connection"])
async def test_p14_an_engine_that_was_copied_while_it_ran_stops_at_the_first_write_of_its_twin(
    hand: Hand, server: psycopg.Connection[Any], *, reconnects: bool
) -> None:
    """As when a virtual machine is cloned with its memory: both have the session and its epochs."""
    trigger = await hand.trigger()
    await hand.accept_many(2, trigger, "a")
    (claim,) = await hand.taken()
    twin = "UPDATE session SET last_no = last_no + %s WHERE ended_at_us IS NULL"
    server.execute(twin, (7,))
    if reconnects:
        hand.journal.writer._connection.abort()  # type: ignore[attr-defined]
    with pytest.raises((StoreUnavailable, OutcomeUnknown)):
        assert not await hand.settle(claim)
    await until(lambda: hand.lost != [])
    row = server.execute("SELECT count(*) FROM execution WHERE state = 'running'").fetchone()
    assert row == (1,)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_p35_nothing_is_written_on_a_server_that_came_back_unsafe_until_it_is_safe(
    postgres: Postgres, hand: Hand, node: PostgresqlStore, setting: str
) -> None:
    trigger = await hand.trigger()
    await hand.accept(trigger)
    postgres.stop()
    postgres.start(f"{setting}=off")
    try:
        await until(lambda: setting in node.journal.unsafe())
        for refused in (hand.accept(trigger), node.catalog.put_setting("x", "y")):
            with pytest.raises(StoreUnavailable) as caught:
                await refused
            assert caught.value.code == "store_unsafe"
        assert await node.catalog.setting("x") is None
    finally:
        postgres.stop()
        postgres.start()
    accepted = await accept_again(hand, trigger)
    assert (accepted.sequence, node.journal.unsafe()) == (2, "")
    await node.catalog.put_setting("x", "y")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_p35_a_reload_that_switches_flushing_off_is_seen_by_the_next_renewal(
    hand: Hand, node: PostgresqlStore, server: psycopg.Connection[Any], setting: str
) -> None:
    """The connection stays as it was; nothing else would tell of it."""
    trigger = await hand.trigger()
    await hand.accept(trigger)
    server.execute(f"ALTER SYSTEM SET {setting} = off".encode())
    try:
        server.execute("SELECT pg_reload_conf()")
        caught = await refused_renewal(node)
        assert (caught.code, setting in node.journal.unsafe()) == ("store_unsafe", True)
        for refused in (hand.accept(trigger), node.catalog.put_setting("x", "y")):
            with pytest.raises(StoreUnavailable) as raised:
                await refused
            assert raised.value.code == "store_unsafe"
        assert await node.catalog.setting("x") is None
    finally:
        server.execute(f"ALTER SYSTEM RESET {setting}".encode())
        server.execute("SELECT pg_reload_conf()")
    accepted = await accept_again(hand, trigger)
    assert (accepted.sequence, node.journal.unsafe()) == (2, "")
    assert await node.journal.renew()
    await node.catalog.put_setting("x", "y")


async def refused_renewal(node: PostgresqlStore) -> StoreUnavailable:
    """Of the lease; the server takes a moment to read its settings anew."""
    async with asyncio.timeout(60):
        while True:
            try:
                assert await node.journal.renew()
            except StoreUnavailable as error:
                return error
            await asyncio.sleep(0.01)
