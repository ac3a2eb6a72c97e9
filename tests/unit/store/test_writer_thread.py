"""The writer's thread by itself: what it groups, whom it tells, and how it ends."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from firesteel.errors import CallerError, InternalError, OutcomeUnknown, StoreUnavailable
from firesteel.store.sqlite import connection as connection_module
from firesteel.store.sqlite import writer as module
from firesteel.store.sqlite.connection import SqliteConnection, open_reader
from firesteel.store.sqlite.sessions import Replaced
from firesteel.store.sqlite.writer import Writer

# Commits that cannot be made: SQLite looks at such a reference when the transaction ends.
REFERRING = (
    "CREATE TABLE owner (no INTEGER PRIMARY KEY)",
    "CREATE TABLE owned (no INTEGER REFERENCES owner DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO owned VALUES (1)",
)


class Noting:
    """A ledger that notes what is asked of it. ``fails``: what the next transactions begin with,
    None: they do not fail; ``claims``: those of the next commits; ``due_s``: as ``wake_in_s``."""

    def __init__(self) -> None:
        self.transactions: list[list[Any]] = []
        self.fails: list[Exception | None] = []
        self.claims: list[list[Any]] = []
        self.due_s: list[float | None] = []
        self.close_fails: Exception | None = None
        self.reload_fails: Exception | None = None
        self.reloads = 0

    def open(self, connection: SqliteConnection) -> None:
        self.connection = connection
        connection.execute("CREATE TABLE IF NOT EXISTS noted (value)")

    def begin(self) -> None:
        assert self.connection.in_transaction
        self.transactions.append([])
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error

    def note(self, value: Any) -> Any:
        self.transactions[-1].append(value)
        self.connection.execute("INSERT INTO noted VALUES (?)", (value,))
        return value

    def flush(self) -> None:
        pass

    def finish(self) -> Sequence[Any]:
        return self.claims.pop(0) if self.claims else ()

    def reload(self) -> None:
        self.reloads += 1
        if self.reload_fails is not None:
            raise self.reload_fails

    def wake_in_s(self) -> float | None:
        return self.due_s.pop(0) if self.due_s else None

    def close(self) -> None:
        if self.close_fails is not None:
            raise self.close_fails
        self.note("closed")


class Desk:
    """A writer with such a ledger, and what was told of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Noting()
        self.writer = Writer(path, self.ledger)
        self.claims: list[Any] = []
        self.lost: list[BaseException] = []
        self.was_given, self.was_lost = asyncio.Event(), asyncio.Event()

    def listen(self) -> None:
        self.writer.listen(self._given, self._lost)

    def _given(self, claims: Sequence[Any]) -> None:
        self.claims.append(claims)
        self.was_given.set()

    def _lost(self, error: BaseException) -> None:
        self.lost.append(error)
        self.was_lost.set()

    def busy(self) -> Callable[[], None]:
        """Let the thread be within a transaction until the one that is returned is called."""
        begun, go_on = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            begun.set()
            assert go_on.wait(60)

        self.writer.post(hold, None)
        self.writer._hand_over()
        assert begun.wait(60)
        return go_on.set

    def noted(self) -> list[Any]:
        """What stands in the file."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            return [value for (value,) in connection.execute("SELECT value FROM noted")]


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    made = Desk(folder / "store.db")
    made.listen()
    await made.writer.start()
    yield made
    await made.writer.close()


async def outcome(pending: Any) -> Any:
    """The result, or the error."""
    async with asyncio.timeout(60):
        (found,) = await asyncio.gather(pending, return_exceptions=True)
    return found


# --- groups -------------------------------------------------------------------------------------


async def test_what_comes_in_one_turn_is_one_transaction_and_is_counted_until_it_is_done(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as one:
        writer, ledger, began_s = one.writer, one.ledger, time.perf_counter()
        assert writer.waiting == 0
        pending = [writer.put(ledger.note, number) for number in range(3)]
        writer.post(ledger.note, 3)
        assert writer.waiting == 4
        assert [await outcome(each) for each in pending] == [0, 1, 2]
        assert writer.waiting == 0
        assert ledger.transactions == [[0, 1, 2, 3]]
        assert writer.meter.sizes.total == 4
        assert 0 < writer.meter.took_us.total <= (time.perf_counter() - began_s) * 1e6
        assert (writer.meter.failed, writer.meter.failing) == (0, False)


async def test_a_transaction_takes_so_many_commands_and_the_others_follow_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 4)
    async with desk(tmp_path) as one:
        go_on = one.busy()
        pending = [one.writer.put(one.ledger.note, number) for number in range(6)]
        await asyncio.sleep(0)  # another turn, another list in the queue
        pending += [one.writer.put(one.ledger.note, number) for number in range(6, 11)]
        one.writer._hand_over()
        go_on()
        assert [await outcome(each) for each in pending] == list(range(11))
        assert one.ledger.transactions[1:] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
        assert one.noted() == list(range(11))


async def test_claims_are_given_to_who_listens_and_only_where_there_are_some(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as one:
        one.ledger.claims = [[], ["claim"], []]
        for number in range(3):
            assert await outcome(one.writer.put(one.ledger.note, number)) == number
        assert one.claims == [["claim"]]


async def test_what_is_put_is_done_though_nobody_listens_for_its_claims(tmp_path: Path) -> None:
    made = Desk(tmp_path / "store.db")
    await made.writer.start()
    made.ledger.claims = [["claim"]]
    assert await outcome(made.writer.put(made.ledger.note, 1)) == 1
    await made.writer.close()
    assert not made.path.with_name("store.db-wal").exists()


async def test_what_is_due_is_claimed_though_no_command_comes(tmp_path: Path) -> None:
    made = Desk(tmp_path / "store.db")
    made.listen()
    made.ledger.due_s, made.ledger.claims = [0.001], [["due"]]
    await made.writer.start()
    async with asyncio.timeout(60):
        await made.was_given.wait()
    assert (made.claims, made.ledger.transactions) == ([["due"]], [[]])
    await made.writer.close()


# --- failures -----------------------------------------------------------------------------------


async def test_of_what_fails_alone_its_neighbours_are_done_each_alone(tmp_path: Path) -> None:
    def defect(_: object) -> None:
        raise ValueError("a defect")

    async with desk(tmp_path) as one:
        put, note = one.writer.put, one.ledger.note
        found = [await outcome(each) for each in [put(note, 1), put(defect, None), put(note, 2)]]
        assert (found[0], type(found[1]), found[2]) == (1, InternalError, 2)
        assert one.noted() == [1, 2]
        assert one.ledger.reloads == 2
        assert (one.writer.meter.failed, one.lost) == (2, [])


async def test_what_a_rule_refuses_undoes_nothing(tmp_path: Path) -> None:
    def refuse(_: object) -> None:
        raise CallerError("no", code="lane_full")

    async with desk(tmp_path) as one:
        put, note = one.writer.put, one.ledger.note
        found = [await outcome(each) for each in [put(note, 1), put(refuse, None), put(note, 2)]]
        assert (found[0], type(found[1]), found[2]) == (1, CallerError, 2)
        assert (one.ledger.transactions, one.ledger.reloads) == ([[1, 2]], 0)


@pytest.mark.parametrize("gone", [False, True])
async def test_who_waits_behind_a_store_that_is_lost_while_it_tries_singly_is_told(
    tmp_path: Path, gone: bool
) -> None:
    """``gone``: there are more commands than one transaction takes."""

    def defect(_: object) -> None:
        raise ValueError("a defect")

    async with desk(tmp_path) as one:
        go_on = one.busy()
        one.ledger.fails = [None, None, Replaced("another session")]
        put, note = one.writer.put, one.ledger.note
        pending = [put(defect, None), put(note, 1), put(note, 2)]
        if gone:
            one.writer._hand_over()
            pending += [put(note, number) for number in range(3, 2003)]
            one.writer._hand_over()
            pending += [put(note, number) for number in range(2003, 2006)]
        one.writer._hand_over()
        go_on()
        found = [await outcome(each) for each in pending]
        assert type(found[0]) is InternalError
        assert {type(each) for each in found[1:]} == {StoreUnavailable}
        assert [type(error) for error in one.lost] == [Replaced]
        await one.writer.close()
        assert not one.path.with_name("store.db-wal").exists()  # it is closed for its successor
        assert one.noted() == []
        assert one.writer.waiting == 0


async def test_p04_a_commit_that_fails_is_told_as_unknown_and_the_store_takes_no_more(
    tmp_path: Path,
) -> None:
    def refer(connection: SqliteConnection) -> None:
        for text in REFERRING:
            connection.execute(text)

    async with desk(tmp_path) as one:
        go_on = one.busy()
        first = [one.writer.submit(refer), one.writer.put(one.ledger.note, 1)]
        one.writer._hand_over()
        go_on()
        assert [type(await outcome(each)) for each in first] == [OutcomeUnknown] * 2
        assert [type(error) for error in one.lost] == [sqlite3.IntegrityError]
        assert isinstance(await outcome(one.writer.put(one.ledger.note, 2)), StoreUnavailable)
        assert (one.writer.meter.failed, one.writer.meter.failing) == (1, True)
        assert (one.ledger.reloads, one.writer.waiting) == (0, 0)


async def test_p04_a_commit_for_which_the_disk_has_no_room_is_undone_and_the_store_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    fails: list[Exception] = []

    class Full(SqliteConnection):
        def execute(self, sql: str, *values: Any) -> Any:
            if sql == "COMMIT" and fails:
                raise fails.pop()
            return super().execute(sql, *values)

    monkeypatch.setattr(connection_module, "SqliteConnection", Full)
    async with desk(tmp_path) as one:
        fails.append(full)
        assert type(await outcome(one.writer.put(one.ledger.note, 1))) is StoreUnavailable
        assert (one.ledger.reloads, one.lost) == (1, [])
        assert await outcome(one.writer.put(one.ledger.note, 2)) == 2
        assert one.noted() == [2]


async def test_a_store_that_cannot_be_believed_after_a_roll_back_is_lost(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        one.ledger.fails = [sqlite3.OperationalError("disk I/O error")]
        one.ledger.reload_fails = KeyError("no such trigger")
        assert type(await outcome(one.writer.put(one.ledger.note, 1))) is OutcomeUnknown
        assert [type(error) for error in one.lost] == [KeyError]


async def test_what_nobody_waits_for_is_done_when_the_store_takes_something_again(
    tmp_path: Path,
) -> None:
    """Slots that are granted while it takes nothing would be lost, with what could run."""
    async with desk(tmp_path) as one:
        writer, ledger = one.writer, one.ledger
        let_go = one.busy()
        ledger.fails = [sqlite3.OperationalError("the disk is full")] * 2
        writer.post(ledger.note, "granted")
        refused = writer.put(ledger.note, "refused")
        let_go()
        assert isinstance(await outcome(refused), StoreUnavailable)
        async with asyncio.timeout(60):
            while writer.waiting:  # noqa: ASYNC110  # nobody is told
                await asyncio.sleep(0.01)
        assert (one.noted(), ledger.fails) == (["granted"], [])


async def test_a_failure_of_the_store_fails_all_of_its_transaction_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        go_on = one.busy()
        one.ledger.fails = [sqlite3.OperationalError("database or disk is full")]
        pending = [one.writer.put(one.ledger.note, number) for number in range(3)]
        one.writer._hand_over()
        go_on()
        assert [type(await outcome(each)) for each in pending] == [StoreUnavailable] * 3
        assert len(one.ledger.transactions) == 2
        assert one.writer.meter.failing
        assert await outcome(one.writer.put(one.ledger.note, 4)) == 4
        assert not one.writer.meter.failing
        assert one.noted() == [4]


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database or disk is full"), ValueError("a defect")]
)
async def test_what_is_due_and_fails_comes_no_more_rarely_than_the_bound_and_at_once_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(module, "_FIRST_BACK_OFF_S", 0.001)
    monkeypatch.setattr(module, "_LONGEST_BACK_OFF_S", 0.003)
    made = Desk(tmp_path / "store.db")
    made.ledger.fails = [error] * 4
    made.ledger.due_s = [0.0] * 6
    waits: list[float | None] = []
    waited, enough = made.writer._wait_s, threading.Event()

    def noted() -> float | None:
        waits.append(waited())
        if len(waits) == 7:
            enough.set()
        return waits[-1]

    monkeypatch.setattr(made.writer, "_wait_s", noted)
    await made.writer.start()
    assert await asyncio.to_thread(enough.wait, 60)
    assert waits == [0.0, 0.001, 0.002, 0.003, 0.003, 0.0, None]
    await made.writer.close()


async def test_work_undoes_nothing_but_itself_unless_the_disk_fails_it(tmp_path: Path) -> None:
    class Broken(sqlite3.OperationalError):
        sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE

    def failing(error: Exception) -> Callable[[SqliteConnection], None]:
        def work(connection: SqliteConnection) -> None:
            connection.execute("INSERT INTO noted VALUES ('undone')")
            raise error

        return work

    async with desk(tmp_path) as one:
        put, note, submit = one.writer.put, one.ledger.note, one.writer.submit
        for error, told in (
            (sqlite3.IntegrityError("UNIQUE"), InternalError),
            (sqlite3.OperationalError("locked"), StoreUnavailable),
            (CallerError("no", code="label_taken"), CallerError),
        ):
            found = [await outcome(each) for each in [put(note, 1), submit(failing(error))]]
            assert (found[0], type(found[1])) == (1, told)
        assert one.ledger.reloads == 0
        found = [await outcome(each) for each in [put(note, 2), submit(failing(Broken("disk")))]]
        assert [type(each) for each in found] == [StoreUnavailable] * 2
        assert one.ledger.reloads == 1
        assert one.noted() == [1, 1, 1]


# --- beginning and end --------------------------------------------------------------------------


async def test_who_begins_is_told_that_the_file_cannot_be_opened(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(StoreUnavailable):
            await Writer(tmp_path / "gone" / "store.db", Noting()).start()


async def test_what_was_put_before_the_end_is_done_and_the_log_is_copied_into_the_file(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as one:
        last = one.writer.put(one.ledger.note, 1)
        reader = open_reader(one.path)  # else the last connection takes the log away
        await one.writer.close()
        await one.writer.close()
        assert await outcome(last) == 1
        assert (one.path.with_name("store.db-wal")).stat().st_size == 0
        assert [value for (value,) in reader.execute("SELECT value FROM noted")] == [1, "closed"]
        reader.close()
        assert isinstance(await outcome(one.writer.put(one.ledger.note, 2)), StoreUnavailable)


async def test_a_session_that_cannot_be_ended_is_told_of(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        one.ledger.close_fails = sqlite3.OperationalError("disk I/O error")
        await one.writer.close()
        async with asyncio.timeout(60):
            await one.was_lost.wait()
        assert one.lost == [one.ledger.close_fails]


def test_the_thread_ends_when_its_loop_has_gone(tmp_path: Path) -> None:
    made = Desk(tmp_path / "store.db")

    async def begin() -> Callable[[], None]:
        await made.writer.start()
        return made.busy()

    with asyncio.Runner() as runner:
        go_on = runner.run(begin())
        thread = made.writer._thread
    go_on()
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()


async def test_the_log_is_emptied_behind_a_commit_unless_somebody_reads(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        log = one.path.with_name("store.db-wal")
        await outcome(one.writer.put(one.ledger.note, 1))
        assert log.stat().st_size > 0
        assert await one.writer.empty_log() is True
        assert log.stat().st_size == 0
        await outcome(one.writer.put(one.ledger.note, 2))
        reader = open_reader(one.path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM noted").fetchone()
        await outcome(one.writer.put(one.ledger.note, 3))
        assert await one.writer.empty_log() is False
        reader.close()
