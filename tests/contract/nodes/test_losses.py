"""A database that goes, stands still, or is cut off: whoever asks is told in time, and it heals."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from firesteel.errors import InternalError, OutcomeUnknown, StoreUnavailable
from firesteel.store.postgresql import database as rooms
from firesteel.store.postgresql.connection import (
    Address,
    PostgresqlConnection,
    Session,
    connect,
)
from firesteel.store.postgresql.database import (
    CHANGERS,
    READERS,
    PostgresqlDatabase,
    PostgresqlReading,
)
from firesteel.store.sql.database import Connection
from tests.contract.nodes.conftest import until
from tests.support.postgres import Postgres

ADD = "INSERT INTO setting (name, value) VALUES (?, 'x')"
# Far more than what is waited for in vain: nothing waits until the server goes on.
IN_TIME_S = 20.0


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[PostgresqlDatabase]:
    opened = PostgresqlDatabase(Address(store_url))
    yield opened
    await opened.close()


@pytest.fixture
def server(postgres: Postgres, store_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that looks at the others."""
    plain = store_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def one(connection: Connection) -> int:
    return int(connection.execute("SELECT 1").fetchone()[0])


def names(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM setting")} - {
        "compatible_from"
    }


def at_leisure(connection: Connection) -> None:
    """Let the test linger in its transaction, which a node must not."""
    connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def add(name: str) -> Any:
    return lambda connection: connection.execute(ADD, (name,))


async def test_after_a_crash_of_the_server_reads_and_changes_go_on(
    postgres: Postgres, database: PostgresqlDatabase
) -> None:
    """Every idle connection of the pools is lost, and none of them costs anybody an error."""
    together = [database.read(lambda c: c.execute("SELECT pg_sleep(0.1)")) for _ in range(READERS)]
    await asyncio.gather(*together, *(database.write(add(f"b{n}")) for n in range(4)))
    postgres.kill()
    with pytest.raises(StoreUnavailable):
        await database.read(one)
    with pytest.raises(StoreUnavailable):
        await database.write(add("lost"))
    postgres.start()
    assert await asyncio.gather(*(database.read(one) for _ in range(20))) == [1] * 20
    await asyncio.gather(*(database.write(add(f"a{n}")) for n in range(4)))
    assert await database.read(names) == {f"{when}{n}" for when in "ab" for n in range(4)}


async def test_a_server_that_goes_in_the_middle_of_a_change_leaves_nothing_of_it(
    postgres: Postgres, database: PostgresqlDatabase
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def change(connection: Connection) -> None:
        at_leisure(connection)
        connection.execute(ADD, ("half",))
        begun.set()
        go_on.wait(timeout=60)
        connection.execute(ADD, ("done",))

    writing = asyncio.ensure_future(database.write(change))
    await asyncio.to_thread(begun.wait, 60)
    postgres.kill()
    go_on.set()
    with pytest.raises(StoreUnavailable):
        await writing
    postgres.start()
    assert await database.read(names) == set()


async def test_a_connection_lost_during_the_commit_leaves_it_unknown(
    database: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = PostgresqlConnection.commit

    def cut(connection: PostgresqlConnection) -> bool:
        connection.abort()
        return commit(connection)

    monkeypatch.setattr(PostgresqlConnection, "commit", cut)
    with pytest.raises(OutcomeUnknown):
        await database.write(add("who knows"))
    monkeypatch.undo()
    await database.write(add("known"))
    assert "known" in await database.read(names)


async def test_a_server_that_stands_still_is_not_waited_for(
    database: PostgresqlDatabase, server: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "WRITE_TIMEOUT_S", 1.0)
    assert await database.read(one) == 1
    await database.write(add("before"))
    stopped = [
        pid
        for (pid,) in server.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'firesteel/'"
        )
    ]
    assert len(stopped) == 2
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await database.read(one, timeout_s=1.0)
        with pytest.raises(StoreUnavailable):
            await database.write(add("never"))
        assert time.monotonic() - began < IN_TIME_S
        # The connections that stand still were given up: others take their places.
        assert await database.read(one) == 1
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    monkeypatch.undo()
    await database.write(add("after"))
    assert await database.read(names) == {"before", "after"}


async def test_a_commit_that_no_standby_confirms_is_not_called_done(
    postgres: Postgres, database: PostgresqlDatabase, server: psycopg.Connection[Any]
) -> None:
    """The server tells of a commit whose wait it broke off as of any other, with a warning."""
    await database.write(add("before"))
    postgres._administer("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    postgres._administer("SELECT pg_reload_conf()")
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    try:
        await until_synchronous(database)
        writing = asyncio.ensure_future(database.write(add("here only")))
        await until(lambda: server.execute(cancel).fetchall() == [(True,)])
        with pytest.raises(OutcomeUnknown) as caught:
            await writing
        assert "standby" in caught.value.detail
    finally:
        postgres._administer("ALTER SYSTEM RESET synchronous_standby_names")
        postgres._administer("SELECT pg_reload_conf()")
    await database.write(add("after"))


async def until_synchronous(database: PostgresqlDatabase) -> None:
    """Until the pool's connections have read the settings anew."""

    def waits_for(connection: Connection) -> str:
        return str(connection.execute("SHOW synchronous_standby_names").fetchone()[0])

    async with asyncio.timeout(60):
        while await database.read(waits_for) != "nobody":
            pass


def test_a_process_that_has_no_file_free_is_told_that_the_store_is_unavailable(
    store_url: str,
) -> None:
    """Any other error would end the thread that connects, and nobody would take its place."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    highest = max(int(one.name) for one in Path("/dev/fd").iterdir())
    try:
        while held[-1] <= highest:  # no number below is free then
            held.append(os.dup(held[0]))
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1] + 2, hard))  # the socket's alone is
        with pytest.raises(StoreUnavailable, match="file"):
            connect(Address(store_url), Session(1.0))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


async def test_a_query_that_takes_too_long_is_ended(
    database: PostgresqlDatabase, server: psycopg.Connection[Any]
) -> None:
    with pytest.raises(StoreUnavailable):
        await database.read(lambda c: c.execute("SELECT pg_sleep(30)"), timeout_s=0.3)
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%(30)' AND state = 'active'"
    await until(lambda: server.execute(asleep).fetchall() == [(0,)])


async def test_pools_are_bounded_and_who_finds_them_full_waits_no_longer_than_asked(
    database: PostgresqlDatabase, server: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    monkeypatch.setattr(rooms, "_MOST_WAITING", READERS + 2)

    def hold(connection: Connection) -> int:
        at_leisure(connection)
        free.wait(timeout=60)
        return one(connection)

    held = [asyncio.ensure_future(database.read(hold, timeout_s=60)) for _ in range(READERS)]
    changing = [asyncio.ensure_future(database.write(hold)) for _ in range(CHANGERS + 1)]
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'firesteel/'"
    await until(lambda: server.execute(ours).fetchall() == [(READERS + CHANGERS,)])
    with pytest.raises(StoreUnavailable):
        await database.read(one, timeout_s=0.2)
    waiting = [asyncio.ensure_future(database.read(one)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await database.read(one)
    free.set()
    assert await asyncio.gather(*held, *waiting, *changing) == [1] * (READERS + 2 + CHANGERS + 1)


async def test_a_read_sees_one_moment_and_writes_nothing(database: PostgresqlDatabase) -> None:
    seen, go_on = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[set[str], set[str]]:
        at_leisure(connection)
        before = names(connection)
        seen.set()
        go_on.wait(timeout=60)
        return before, names(connection)

    looking = asyncio.ensure_future(database.read(look_twice))
    await asyncio.to_thread(seen.wait, 60)
    await database.write(add("meanwhile"))
    go_on.set()
    assert await looking == (set(), set())
    with pytest.raises(StoreUnavailable):
        await database.read(add("by a reader"))
    assert await database.read(names) == {"meanwhile"}


async def test_a_change_that_fails_is_undone_and_keeps_nobody_waiting(
    database: PostgresqlDatabase,
) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(ADD, ("half",))
        raise ValueError("a defect")

    def refused(connection: Connection) -> None:
        connection.execute(ADD, ("half",))
        connection.execute("SELECT * FROM nowhere")

    def failed_before(connection: Connection) -> None:
        connection.execute(ADD, ("half",))
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT * FROM nowhere")

    for _ in range(CHANGERS + 1):
        with pytest.raises(ValueError, match="a defect"):
            await database.write(fail)
        with pytest.raises(InternalError):
            await database.write(refused)
        with pytest.raises(InternalError):
            await database.write(failed_before)
    await database.write(add("whole"))
    assert await database.read(names) == {"whole"}


async def test_a_change_that_met_a_deadlock_is_made_again(
    database: PostgresqlDatabase, server: psycopg.Connection[Any]
) -> None:
    await database.write(add("first"))
    await database.write(add("second"))
    tries = []
    take = "UPDATE setting SET value = 'y' WHERE name = %s"
    lock = "UPDATE setting SET value = 'z' WHERE name = ?"
    both = threading.Barrier(2)

    def change(connection: Connection) -> None:
        tries.append(1)
        at_leisure(connection)
        connection.execute("SET LOCAL deadlock_timeout = '50ms'")
        connection.execute(lock, ("first",))
        if len(tries) == 1:
            both.wait(timeout=60)
        connection.execute(lock, ("second",))

    def other() -> None:
        with server.transaction():
            server.execute("SET LOCAL deadlock_timeout = '10s'")
            server.execute(take, ("second",))
            both.wait(timeout=60)
            server.execute(take, ("first",))

    await asyncio.gather(database.write(change), asyncio.to_thread(other))
    assert len(tries) == 2


async def test_a_closed_database_says_so(store_url: str) -> None:
    database = PostgresqlDatabase(Address(store_url))
    assert await database.read(one) == 1
    await database.close()
    await database.close()
    with pytest.raises(StoreUnavailable):
        await database.read(one)


async def test_long_reads_hold_up_no_other(
    store_url: str, database: PostgresqlDatabase, server: psycopg.Connection[Any]
) -> None:
    scans = PostgresqlReading(Address(store_url), 1)
    try:
        long = [
            asyncio.ensure_future(
                scans.read(lambda c: c.execute("SELECT pg_sleep(60)"), timeout_s=60.0)
            )
            for _ in range(3)
        ]
        asleep = "FROM pg_stat_activity WHERE query LIKE '%(60)' AND state = 'active'"
        await until(lambda: server.execute(f"SELECT 1 {asleep}").fetchall() == [(1,)])
        assert await database.read(one) == 1
        await database.write(add("beside"))
        assert not any(read.done() for read in long)
        for read in long:
            read.cancel()
        await asyncio.wait(long)
        server.execute(f"SELECT pg_cancel_backend(pid) {asleep}")
    finally:
        await scans.close()
