"""Figures for charts in SQL: a row for each minute in which something happened to a trigger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, func, literal_column, select

from firesteel.store.figures import HOURS_KEPT, MINUTES_KEPT, Figure, Tally, Totals
from firesteel.store.schema import integration, paused_lane, traffic
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, Connection, Database
from firesteel.store.sql.dialects import Dialect
from firesteel.store.sql.queries import Prepared, Statement

_HOUR = 60
# Rows that one transaction takes at most, so that calls do not wait for it (P34).
_PIECE_ROWS = 200

_COLUMNS = [column for column in traffic.c if column.name not in ("minute", "trigger_no")]


@dataclass(frozen=True, slots=True)
class _Statements:
    """Compiled once. An hour's row stands at its first minute: what is old and stands elsewhere is
    not an hour yet."""

    totals: Prepared
    paused: Prepared
    one: Prepared
    put: Prepared
    range: Prepared
    old_minutes: Prepared
    delete: Prepared
    delete_old: Prepared

    @classmethod
    def compiled(cls, dialect: Dialect) -> _Statements:
        minute, trigger_no = traffic.c.minute, traffic.c.trigger_no
        this = and_(minute == bindparam("the_minute"), trigger_no == bindparam("the_trigger"))
        before = minute < bindparam("before")
        whole = select(minute, trigger_no, *_COLUMNS).order_by(minute, trigger_no)
        own = integration.c
        put = dialect.insert(traffic)
        changed = {column.name: put.excluded[column.name] for column in _COLUMNS}

        def prepared(statement: Statement) -> Prepared:
            return Prepared.of(statement, dialect)

        return cls(
            totals=prepared(
                select(
                    own.no, own.last_sequence, own.replayed, own.purged, own.waiting, own.running
                )
            ),
            paused=prepared(
                select(paused_lane.c.trigger_no, func.count())
                .group_by(paused_lane.c.trigger_no)
                .union_all(select(own.no, literal_column("1")).where(own.paused))
            ),
            one=prepared(select(*_COLUMNS).where(this)),
            put=prepared(
                put.on_conflict_do_update(index_elements=[minute, trigger_no], set_=changed)
            ),
            range=prepared(whole.where(minute >= bindparam("since"), before)),
            old_minutes=prepared(
                whole.where(before, minute % literal_column("60") != 0).limit(_PIECE_ROWS)
            ),
            delete=prepared(delete(traffic).where(this)),
            delete_old=prepared(delete(traffic).where(before)),
        )


@lru_cache(maxsize=2)
def _sql(dialect: Dialect) -> _Statements:
    return _Statements.compiled(dialect)


class SqlFigures:
    """The Figures port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def totals(self) -> dict[int, Totals]:
        def work(connection: Connection) -> dict[int, Totals]:
            rows = _sql(connection.dialect).totals.run(connection)
            return {number: Totals(*counts) for number, *counts in rows}

        return await self._database.read(work)

    async def paused_lanes(self) -> dict[int, int]:
        def work(connection: Connection) -> dict[int, int]:
            paused: Counter[int] = Counter()
            for trigger_no, count in _sql(connection.dialect).paused.run(connection):
                paused[trigger_no] += count
            return dict(paused)

        return await self._database.read(work)

    async def add(self, minute: int, tallies: dict[int, Tally]) -> None:
        rows = [(minute, trigger_no, tally) for trigger_no, tally in tallies.items()]
        await self._database.write(partial(_add, rows=rows))

    async def of_triggers(
        self, triggers: Sequence[int], *, from_minute: int, until_minute: int
    ) -> list[Figure]:
        wanted = frozenset(triggers)

        def work(connection: Connection) -> list[Figure]:
            sql = _sql(connection.dialect)
            rows = sql.range.run(connection, since=from_minute, before=until_minute)
            return [Figure(row[0], row[1], _tally(row[2:])) for row in rows if row[1] in wanted]

        return await self._database.read(work, timeout_s=LONG_READ_TIMEOUT_S)

    async def compact(self, minute: int) -> int:
        return await self._database.write(partial(_compact, minute=minute))


def _add(connection: Connection, rows: Sequence[tuple[int, int, Tally]]) -> None:
    sql = _sql(connection.dialect)
    for minute, trigger_no, new in rows:
        named = {"the_minute": minute, "the_trigger": trigger_no}
        row = sql.one.run(connection, **named).fetchone()
        whole = Tally() if row is None else _tally(row)
        whole.add(new)
        sql.put.run(connection, minute=minute, trigger_no=trigger_no, **_values(whole))


def _compact(connection: Connection, minute: int) -> int:
    sql = _sql(connection.dialect)
    gone = sql.delete_old.run(connection, before=minute - HOURS_KEPT * _HOUR).rowcount
    # Whole hours only: the row at an hour's first minute is a minute as long as its hour is new.
    newest = (minute - MINUTES_KEPT) // _HOUR * _HOUR
    rows = sql.old_minutes.run(connection, before=newest).fetchall()
    for old_minute, trigger_no, *values in rows:
        _add(connection, [(old_minute // _HOUR * _HOUR, trigger_no, _tally(values))])
        sql.delete.run(connection, the_minute=old_minute, the_trigger=trigger_no)
    return gone + len(rows)


def _values(tally: Tally) -> dict[str, int | str]:
    return {
        "accepted": tally.accepted,
        "refused": tally.refused,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
        "retried": tally.retried,
        "waiting": tally.waiting,
        "oldest_waiting_s": tally.oldest_waiting_s,
        "settle_histogram": _written(tally.settle),
        "answer_histogram": _written(tally.answer),
    }


def _tally(values: Sequence[Any]) -> Tally:
    """Of a row's columns, in the order of ``_COLUMNS``."""
    tally = Tally(*values[:-2])
    tally.settle, tally.answer = _read(values[-2]), _read(values[-1])
    return tally


def _written(histogram: dict[int, int]) -> str:
    return msgspec.json.encode(sorted(histogram.items())).decode()


def _read(text: str) -> dict[int, int]:
    return dict(msgspec.json.decode(text, type=list[tuple[int, int]]))
