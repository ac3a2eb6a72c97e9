"""The history on SQLite: finding and showing messages, retention, back-up.

Everything but deleting runs on read-only connections beside the writer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import insert, select, update

from firesteel.errors import CallerError
from firesteel.model.execution import MessageStatus, Response, State
from firesteel.store.history import (
    Activity,
    ExecutionDetail,
    FailureGroups,
    MessageFilter,
    MessageSummary,
    Target,
    TextScan,
)
from firesteel.store.schema import setting
from firesteel.store.sqlite import activity, message_rows, message_search, payload_scan, retention
from firesteel.store.sqlite.backup import back_up
from firesteel.store.sqlite.clock import Clocks
from firesteel.store.sqlite.failure_groups import failure_groups
from firesteel.store.sqlite.message_search import numbers_of_page
from firesteel.store.sqlite.queries import execute, fetch_one
from firesteel.store.sqlite.readers import LONG_READ_TIMEOUT_S, Readers
from firesteel.store.sqlite.results import decode_response
from firesteel.store.sqlite.retention_clock import ClockState, RetentionClock
from firesteel.store.sqlite.writer import Writer

# One that looks and one that waits for it.
_SCANS = 2

_CLOCK_SETTING = "retention_clock"
_US = 1_000_000

# The two questions of the public port, asked by callers that poll: fixed, so that the connection
# keeps them prepared.
_MESSAGE = "SELECT no, trigger_no, sequence, consumer, received_at_us FROM message WHERE id = ?"
_LATEST = (
    "SELECT no, state, settled_at_us, attempt FROM execution WHERE no = ?1 UNION ALL "
    "SELECT no, state, settled_at_us, attempt FROM execution WHERE run > 1 AND message_no = ?1 "
    "ORDER BY no DESC LIMIT 1"
)
_RESPONSE = "SELECT response FROM result WHERE execution_no = ?"


class SqliteHistory:
    """The History port for the file at ``path``, whose writer and readers are given."""

    def __init__(
        self,
        path: Path,
        writer: Writer,
        readers: Readers,
        *,
        clocks: Clocks,
        steady_us: Callable[[], int],
    ) -> None:
        """``steady_us``: the journal's clock, by which keys end; retention has another one."""
        self._path = path
        self._writer = writer
        self._read = readers.read
        self._scans = Readers(path, threads=1)
        self._scanning = 0
        self._clock = RetentionClock(clocks)
        self._steady_us = steady_us
        self._progress = retention.Progress()

    async def close(self) -> None:
        """End the readers that are this port's own. Safe to repeat."""
        await self._scans.close()

    async def begin(self) -> None:
        """Let retention's clock go on from the last life; to be called once, before all else. In
        the first life it is kept from the start, lest a jump go unseen that nobody was asked
        about before the next."""
        saved = await self._read(_saved_clock)
        if saved is not None:
            self._clock.go_on_from(saved)
        else:
            await self._writer.submit(partial(_save_clock, state=self._clock.state(0)))

    async def status(self, message_id: str) -> MessageStatus | None:
        return await self._read(partial(_status, message_id=message_id))

    async def response(self, execution_no: int) -> Response | None:
        def work(connection: sqlite3.Connection) -> Response | None:
            row = connection.execute(_RESPONSE, (execution_no,)).fetchone()
            return None if row is None else decode_response(row[0])

        return await self._read(work)

    async def messages(self, filter: MessageFilter) -> list[MessageSummary]:
        def work(connection: sqlite3.Connection) -> list[MessageSummary]:
            return message_rows.summaries(connection, numbers_of_page(connection, filter))

        return await self._read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def activity(self, trigger_nos: Sequence[int]) -> dict[int, Activity]:
        return await self._read(partial(activity.of_triggers, trigger_nos=trigger_nos))

    async def changed(
        self, filter: MessageFilter, numbers: Collection[int]
    ) -> list[tuple[MessageSummary, bool]]:
        def work(connection: sqlite3.Connection) -> list[tuple[MessageSummary, bool]]:
            among = message_search.among(connection, filter, numbers)
            return [
                (summary, summary.execution_no in among)
                for summary in message_rows.summaries(connection, list(numbers))
                if filter.workspace in (None, summary.workspace)
            ]

        return await self._read(work)

    async def count(self, filter: MessageFilter, most: int) -> tuple[int, int]:
        counted = replace(filter, limit=most + 1)

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            numbers = numbers_of_page(connection, counted)
            return len(numbers), max(numbers, default=0)

        return await self._read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def targets(self, filter: MessageFilter) -> list[Target]:
        def work(connection: sqlite3.Connection) -> list[Target]:
            return message_rows.targets(connection, numbers_of_page(connection, filter))

        return await self._read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def failures(self, filter: MessageFilter, most: int) -> FailureGroups:
        work = partial(failure_groups, filter=filter, most=most)
        return await self._read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def scan(
        self, filter: MessageFilter, text: str, *, rows: int, seconds: float
    ) -> TextScan:
        if self._scanning >= _SCANS:
            raise CallerError("two searches are under way already", code="search_busy")

        def work(connection: sqlite3.Connection) -> TextScan:
            until = time.monotonic() + seconds
            bounds = payload_scan.Bounds(rows, lambda: time.monotonic() >= until)
            return payload_scan.scan(connection, filter, text, bounds)

        self._scanning += 1
        try:
            return await self._scans.read(work, timeout_s=LONG_READ_TIMEOUT_S)
        finally:
            self._scanning -= 1

    async def executions(self, message_id: str) -> list[ExecutionDetail]:
        return await self._read(partial(message_rows.details, message_id=message_id))

    async def purge(self, *, default_history_s: float, batch: int = 500) -> int:
        default_us = int(default_history_s * _US)
        longest_us = await self._read(
            partial(retention.longest_retention_us, default_history_us=default_us),
            timeout_s=LONG_READ_TIMEOUT_S,
        )
        now_us = await self._retention_us(longest_us)

        def find(connection: sqlite3.Connection) -> list[retention.Expired]:
            rules = retention.rules(connection, now_us, default_us)
            return retention.find(connection, rules, self._progress, batch)

        expired = await self._read(find, timeout_s=LONG_READ_TIMEOUT_S)
        gone = 0
        for piece in retention.pieces(expired):
            gone += await self._writer.submit(partial(retention.delete_piece, piece=piece))
        gone += await self._writer.submit(
            partial(retention.delete_idempotency, now_us=self._steady_us(), most=batch)
        )
        if len(expired) < batch:
            self._progress.end_round()
        return gone

    async def backup(self, target: Path) -> None:
        await asyncio.to_thread(back_up, self._path, target)

    async def size_bytes(self) -> int:
        return await asyncio.to_thread(_size_bytes, self._path)

    async def reusable_bytes(self) -> int:
        return await self._read(_reusable_bytes)

    async def _retention_us(self, longest_us: int) -> int:
        """Retention's time; what the next life must know of it is kept in the store."""
        state = self._clock.state(longest_us)
        await self._writer.submit(partial(_save_clock, state=state))
        return state.retention_us


def _status(connection: sqlite3.Connection, message_id: str) -> MessageStatus | None:
    row = connection.execute(_MESSAGE, (message_id,)).fetchone()
    if row is None:
        return None
    number, trigger_no, sequence, consumer, received_at_us = row
    latest = connection.execute(_LATEST, (number,)).fetchone()
    return MessageStatus(
        message_id=message_id,
        trigger_no=trigger_no,
        sequence=sequence,
        consumer=consumer,
        state=State(latest[1]),
        received_at_us=received_at_us,
        settled_at_us=latest[2],
        attempts=latest[3],
        execution_no=latest[0],
    )


def _saved_clock(connection: sqlite3.Connection) -> ClockState | None:
    row = fetch_one(connection, select(setting.c.value).where(setting.c.name == _CLOCK_SETTING))
    return None if row is None else msgspec.json.decode(row[0], type=ClockState)


def _save_clock(connection: sqlite3.Connection, state: ClockState) -> None:
    value = msgspec.json.encode(state).decode()
    kept = update(setting).where(setting.c.name == _CLOCK_SETTING).values(value=value)
    if not execute(connection, kept).rowcount:
        execute(connection, insert(setting).values(name=_CLOCK_SETTING, value=value))


def _reusable_bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * page_bytes)


def _size_bytes(path: Path) -> int:
    """The file and its log; both may be cut back meanwhile."""
    sizes = []
    for part in (path, path.with_name(path.name + "-wal")):
        try:
            sizes.append(part.stat().st_size)
        except FileNotFoundError:
            sizes.append(0)
    return sum(sizes)
