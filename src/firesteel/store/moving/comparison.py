"""Holding the target against the source: the same statements on both, and no difference allowed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Text,
    case,
    func,
    literal_column,
    select,
)

from firesteel.store.moving.source import Source
from firesteel.store.moving.tables import ATTEMPTS, MovedTable, interrupted
from firesteel.store.schema import attempt, execution, integration, message
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import Row, fetch_all, fetch_one

STATES = ("waiting", "succeeded", "failed", "cancelled", "skipped")

# Sums of microseconds since 1970 would leave 64 bits behind at some thousand rows.
_LOW_BITS: ColumnElement[int] = literal_column(str(0xFFFF_FFFF))

Rows = Callable[[MovedTable], FromClause]


@dataclass(frozen=True, slots=True)
class TableFigures:
    """One table on one side. ``checksum``: over sums of its numbers, flags and sizes of bytes, and
    how many of each column's values there are."""

    name: str
    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class TriggerFigures:
    """One trigger on one side. ``states``: executions by state; ``highest_no``: of executions."""

    no: int
    name: str
    last_sequence: int
    messages: int
    highest_sequence: int
    states: dict[str, int]
    highest_no: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All of one side."""

    tables: tuple[TableFigures, ...]
    triggers: tuple[TriggerFigures, ...]

    def differences(self, other: Figures) -> list[str]:
        """What of the other side is not the same, in words; this one is the source."""
        pairs: list[tuple[str, Any, Any]] = [
            (f"table {name}", ours, theirs)
            for name, ours, theirs in _paired(self.tables, other.tables, lambda t: t.name)
        ] + [
            (f"trigger {no}", ours, theirs)
            for no, ours, theirs in _paired(self.triggers, other.triggers, lambda t: t.no)
        ]
        return [
            f"{what}: {_written(ours)} in the source, {_written(theirs)} in the target"
            for what, ours, theirs in pairs
            if ours != theirs
        ]


def figures_of_source(source: Source, shift_us: int, moved_at_us: int) -> Figures:
    """As the target must be; what is shifted or taken over is so here too."""
    connection = source.connection

    def rows(moved: MovedTable) -> FromClause:
        if moved.table is attempt:
            more = interrupted(0, source.last_no(), moved_at_us)
            return moved.rows(shift_us).union_all(more).subquery()
        return moved.rows(shift_us).subquery()

    return _figures(connection, source.tables, rows)


def figures_of_target(connection: Connection, tables: Sequence[MovedTable]) -> Figures:
    """As it is. ``tables``: with the columns that the source has."""
    return _figures(connection, tables, lambda moved: moved.rows_there().subquery())


def _figures(connection: Connection, tables: Sequence[MovedTable], rows: Rows) -> Figures:
    by_table = {moved.table: moved for moved in (ATTEMPTS, *tables)}
    return Figures(
        tuple(_of_table(connection, moved, rows(moved)) for moved in tables),
        tuple(
            _of_triggers(
                connection,
                rows(by_table[integration]),
                messages=rows(by_table[message]),
                executions=rows(by_table[execution]),
            )
        ),
    )


def _of_table(connection: Connection, moved: MovedTable, rows: FromClause) -> TableFigures:
    sums = [_sum(column, rows.c[column.name]) for column in moved.columns]
    found = fetch_one(connection, select(func.count(), *sums).select_from(rows))
    count, *values = found or (0,)
    return TableFigures(moved.name, int(count), _checksum(values))


def _sum(column: Column[Any], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """What of a column goes into the checksum, the same on both databases."""
    if isinstance(column.type, Boolean):
        return func.count(case((value, literal_column("1"))))
    if isinstance(column.type, LargeBinary):
        return func.sum(func.length(value))
    if isinstance(column.type, Integer):
        return func.sum(value.op("&")(_LOW_BITS))
    assert isinstance(column.type, Text)
    return func.count(value)


def _of_triggers(
    connection: Connection,
    integrations: FromClause,
    *,
    messages: FromClause,
    executions: FromClause,
) -> Iterable[TriggerFigures]:
    i = integrations.c
    accepted = {row[0]: row[1:] for row in fetch_all(connection, _messages(messages))}
    runs: dict[int, dict[str, Row]] = {}
    for no, state, *figures in fetch_all(connection, _executions(executions)):
        runs.setdefault(no, {})[state] = tuple(figures)
    for no, name, last, *rest in fetch_all(
        connection, select(i.no, i.name, i.last_sequence, i.replayed, i.purged).order_by(i.no)
    ):
        states = runs.get(no, {})
        count, highest, *sums = accepted.get(no, (0, 0))
        yield TriggerFigures(
            no,
            name,
            last_sequence=last,
            messages=count,
            highest_sequence=highest,
            states={state: states[state][0] for state in STATES if state in states},
            highest_no=max((figures[1] for figures in states.values()), default=0),
            checksum=_checksum(
                [*rest, *sums, *(v for state in sorted(states) for v in states[state])]
            ),
        )


def _messages(rows: FromClause) -> Select[Any]:
    m = rows.c
    return select(
        m.trigger_no,
        func.count(),
        func.max(m.sequence),
        func.sum(m.sequence),
        func.sum(m.no),
        func.count(m.lane_key),
    ).group_by(m.trigger_no)


def _executions(rows: FromClause) -> Select[Any]:
    e = rows.c
    return select(
        e.trigger_no,
        e.state,
        func.count(),
        func.max(e.no),
        func.sum(e.no),
        func.sum(e.position),
        func.sum(e.epoch),
        func.sum(e.attempt),
        func.count(e.lane_key),
        func.count(e.due_at_us),
    ).group_by(e.trigger_no, e.state)


def _checksum(values: Iterable[Any]) -> str:
    """Eight hexadecimal digits. Databases differ in the type of a sum."""
    text = ",".join("" if value is None else str(int(value)) for value in values)
    return f"{zlib.crc32(text.encode()):08x}"


def _paired(ours: Iterable[Any], theirs: Iterable[Any], key: Callable[[Any], Any]) -> list[Any]:
    left, right = ({key(one): one for one in side} for side in (ours, theirs))
    return [(name, left.get(name), right.get(name)) for name in {**left, **right}]


def _written(figures: TableFigures | TriggerFigures | None) -> str:
    if figures is None:
        return "nothing"
    if isinstance(figures, TableFigures):
        return f"{figures.rows} rows ({figures.checksum})"
    states = ", ".join(f"{count} {state}" for state, count in figures.states.items()) or "none"
    return (
        f"last sequence {figures.last_sequence}, {figures.messages} messages, "
        f"executions: {states}, highest number {figures.highest_no} ({figures.checksum})"
    )
