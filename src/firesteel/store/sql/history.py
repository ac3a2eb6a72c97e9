"""The history in SQL: finding and showing messages, retention."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import insert, select, update

from firesteel.errors import CallerError, OperatorError
from firesteel.model.execution import MessageStatus, Response, State
from firesteel.store.copies import Copied, CopyProgress
from firesteel.store.history import (
    Activity,
    Archive,
    ExecutionDetail,
    FailureGroups,
    MessageFilter,
    MessageSummary,
    Target,
    TextScan,
)
from firesteel.store.journal import Actor
from firesteel.store.kept import Asked, KeptOf, Parts
from firesteel.store.pause import Interrupted, Unfinished
from firesteel.store.schema import result, setting
from firesteel.store.sql import (
    activity,
    archiving,
    erasing,
    keeping,
    message_rows,
    message_search,
    payload_scan,
    retention,
    unfinished,
)
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, Connection, Database, Reading
from firesteel.store.sql.failure_groups import failure_groups
from firesteel.store.sql.message_search import numbers_of_page
from firesteel.store.sql.queries import execute, fetch_all, fetch_one
from firesteel.store.sql.results import decode_response
from firesteel.store.sql.retention_clock import ClockState, RetentionClock

# One that looks and one that waits for it.
_SCANS = 2

# Idempotency keys that are deleted in one go.
_KEYS_AT_ONCE = 100

_CLOCK_SETTING = "retention_clock"
_US = 1_000_000

# The two questions of the public port, asked by callers that poll: fixed, so that the connection
# keeps them prepared.
_MESSAGE = "SELECT no, trigger_no, sequence, consumer, received_at_us FROM message WHERE id = ?"
_LATEST = (
    "SELECT no, state, settled_at_us, attempt FROM execution WHERE no = ? UNION ALL "
    "SELECT no, state, settled_at_us, attempt FROM execution WHERE run > 1 AND message_no = ? "
    "ORDER BY no DESC LIMIT 1"
)
_RESPONSE = "SELECT response FROM result WHERE execution_no = ?"


class Storage(Protocol):
    """What only the database itself can tell, as the History port says."""

    async def backup(
        self, target: Path, progress: CopyProgress | None = None, reserve_bytes: int = 0
    ) -> Copied: ...
    async def size_bytes(self) -> int: ...
    async def parts(self) -> Parts | None: ...
    async def reusable_bytes(self) -> int: ...
    async def empty_log(self) -> bool: ...


class SqlHistory:
    """The History port. ``scans``: the same database by a way of its own, for long searches."""

    def __init__(
        self,
        database: Database,
        scans: Reading,
        storage: Storage,
        *,
        clocks: Clocks,
        steady_us: Callable[[], int],
    ) -> None:
        """``steady_us``: the journal's clock, by which keys end; retention has another one."""
        self._database = database
        self._scans = scans
        self._scanning = 0
        self.backup = storage.backup
        self.size_bytes = storage.size_bytes
        self.parts = storage.parts
        self.reusable_bytes = storage.reusable_bytes
        self._empty_log = storage.empty_log
        self._wall_us = clocks.wall_us
        self._clock = RetentionClock(clocks)
        self._steady_us = steady_us
        self._progress = retention.Progress()

    async def begin(self) -> None:
        """Let retention's clock go on from the last life; to be called once, before all else. In
        the first life it is kept from the start, lest a jump go unseen that nobody was asked
        about before the next."""
        saved = await self._database.read(_saved_clock)
        if saved is not None:
            self._clock.go_on_from(saved)
        else:
            await self._database.write(partial(_save_clock, state=self._clock.state(0)))

    async def status(self, message_id: str) -> MessageStatus | None:
        return await self._database.read(partial(_status, message_id=message_id))

    async def response(self, execution_no: int) -> Response | None:
        def work(connection: Connection) -> Response | None:
            row = connection.execute(_RESPONSE, (execution_no,)).fetchone()
            return None if row is None else decode_response(row[0])

        return await self._database.read(work)

    async def responses(self, execution_nos: Collection[int]) -> dict[int, Response]:
        r = result.c
        stored = select(r.execution_no, r.response).where(r.execution_no.in_(execution_nos))

        def work(connection: Connection) -> dict[int, Response]:
            return {no: decode_response(kept) for no, kept in fetch_all(connection, stored)}

        return await self._database.read(work)

    async def messages(self, filter: MessageFilter) -> list[MessageSummary]:
        def work(connection: Connection) -> list[MessageSummary]:
            return message_rows.summaries(connection, numbers_of_page(connection, filter))

        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def activity(self, trigger_nos: Sequence[int]) -> dict[int, Activity]:
        return await self._database.read(partial(activity.of_triggers, trigger_nos=trigger_nos))

    async def changed(
        self, filter: MessageFilter, numbers: Collection[int]
    ) -> list[tuple[MessageSummary, bool]]:
        def work(connection: Connection) -> list[tuple[MessageSummary, bool]]:
            among = message_search.among(connection, filter, numbers)
            return [
                (summary, summary.execution_no in among)
                for summary in message_rows.summaries(connection, list(numbers))
                if filter.workspace in (None, summary.workspace)
            ]

        return await self._database.read(work)

    async def count(self, filter: MessageFilter, most: int) -> tuple[int, int]:
        counted = replace(filter, limit=most + 1)

        def work(connection: Connection) -> tuple[int, int]:
            numbers = numbers_of_page(connection, counted)
            return len(numbers), max(numbers, default=0)

        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def targets(self, filter: MessageFilter) -> list[Target]:
        def work(connection: Connection) -> list[Target]:
            return message_rows.targets(connection, numbers_of_page(connection, filter))

        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def failures(self, filter: MessageFilter, most: int) -> FailureGroups:
        work = partial(failure_groups, filter=filter, most=most)
        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def scan(
        self, filter: MessageFilter, text: str, *, rows: int, seconds: float
    ) -> TextScan:
        if self._scanning >= _SCANS:
            raise CallerError("two searches are under way already", code="search_busy")

        def work(connection: Connection) -> TextScan:
            until = time.monotonic() + seconds
            bounds = payload_scan.Bounds(rows, lambda: time.monotonic() >= until)
            return payload_scan.scan(connection, filter, text, bounds)

        self._scanning += 1
        try:
            return await self._scans.read(work, timeout_s=LONG_READ_TIMEOUT_S)
        finally:
            self._scanning -= 1

    async def executions(self, message_id: str) -> list[ExecutionDetail]:
        return await self._database.read(partial(message_rows.details, message_id=message_id))

    async def kept(self, asked: Sequence[Asked]) -> dict[int, KeptOf]:
        work = partial(keeping.kept, asked=asked)
        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def unfinished(self, *, removed_of: str | None = None) -> list[Unfinished]:
        work = partial(unfinished.unfinished, removed_of=removed_of)
        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def interrupted(self) -> tuple[int, list[Interrupted]]:
        return await self._database.read(unfinished.interrupted, timeout_s=LONG_READ_TIMEOUT_S)

    async def archives(self, *, by_default: bool) -> bool:
        return await self._database.read(partial(retention.archives, by_default=by_default))

    async def purge(
        self, *, default_history_s: float, batch: int = 500, archive: Archive | None = None
    ) -> int:
        default_us = int(default_history_s * _US)
        longest_us = await self._database.read(
            partial(retention.longest_retention_us, default_history_us=default_us),
            timeout_s=LONG_READ_TIMEOUT_S,
        )
        now_us = await self._retention_us(longest_us)
        defaults = retention.Defaults(default_us, archive is not None and archive.by_default)

        def find(connection: Connection) -> list[retention.Expired]:
            rules = retention.rules(connection, now_us, defaults)
            return retention.find(connection, rules, self._progress, batch)

        expired = await self._database.read(find, timeout_s=LONG_READ_TIMEOUT_S)
        going, failed = expired, None
        if archive is not None:
            going, failed = await self._archived(expired, archive)
        gone = 0
        for piece in retention.pieces(going):
            gone += await self._database.write(partial(retention.delete_piece, piece=piece))
        gone += await self._database.write(
            partial(retention.delete_idempotency, now_us=self._steady_us(), most=batch)
        )
        if failed is not None:
            self._progress = retention.Progress()  # what stayed must be found again
            raise failed
        if len(expired) < batch:
            self._progress.end_round()
        return gone

    async def _archived(
        self, expired: list[retention.Expired], archive: Archive
    ) -> tuple[list[retention.Expired], OperatorError | None]:
        """Those that may go now, and why the others may not."""
        # Once, also where both the message and its payload may go.
        wanted = list({one.message_no: one for one in expired if one.rule.archive}.values())
        try:
            for piece in retention.pieces(wanted):
                work = partial(archiving.going, message_nos=[one.message_no for one in piece])
                read = self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)
                await archive.add(await read)
            if wanted:
                await archive.finish()
        except OperatorError as error:
            archive.drop()
            if error.code != "archive_failed":
                raise
            return [one for one in expired if not one.rule.archive], error
        return expired, None

    async def erase(self, message_ids: Sequence[str], actor: Actor | None = None) -> dict[str, int]:
        going = await self._database.read(partial(erasing.measure, message_ids=message_ids))
        now_us, erased = self._wall_us(), dict[str, int]()
        for piece in retention.pieces(going):
            ids = [one.message_id for one in piece]
            work = partial(erasing.erase, message_ids=ids, now_us=now_us, actor=actor)
            erased |= await self._database.write(work)
        return erased

    async def forget(self, workspace: str, consumer: str | None) -> bool:
        triggers = await self._database.read(partial(erasing.triggers_of, name=workspace))
        for trigger_no in triggers:
            after: erasing.Key | None = None
            more = True
            while more:
                look = partial(
                    erasing.keys_to_forget, trigger_no=trigger_no, consumer=consumer, after=after
                )
                gone, after = await self._database.read(look, timeout_s=LONG_READ_TIMEOUT_S)
                for start in range(0, len(gone), _KEYS_AT_ONCE):
                    some = gone[start : start + _KEYS_AT_ONCE]
                    await self._database.write(partial(erasing.forget_keys, keys=some))
                more = after is not None
        return await self._empty_log()

    async def _retention_us(self, longest_us: int) -> int:
        """Retention's time; what the next life must know of it is kept in the store."""
        state = self._clock.state(longest_us)
        await self._database.write(partial(_save_clock, state=state))
        return state.retention_us


def _status(connection: Connection, message_id: str) -> MessageStatus | None:
    row = connection.execute(_MESSAGE, (message_id,)).fetchone()
    if row is None:
        return None
    number, trigger_no, sequence, consumer, received_at_us = row
    latest = connection.execute(_LATEST, (number, number)).fetchone()
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


def _saved_clock(connection: Connection) -> ClockState | None:
    row = fetch_one(connection, select(setting.c.value).where(setting.c.name == _CLOCK_SETTING))
    return None if row is None else msgspec.json.decode(row[0], type=ClockState)


def _save_clock(connection: Connection, state: ClockState) -> None:
    value = msgspec.json.encode(state).decode()
    kept = update(setting).where(setting.c.name == _CLOCK_SETTING).values(value=value)
    if not execute(connection, kept).rowcount:
        execute(connection, insert(setting).values(name=_CLOCK_SETTING, value=value))
