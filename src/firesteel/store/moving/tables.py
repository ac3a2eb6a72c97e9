"""Which tables are moved, and how their rows stand in the target: as SELECTs on the source.

All rows go as they are, but for what belongs to the old file's one engine: its sessions and clock
stay behind, moments of its steady clock are told by the target's clock from then on, and what was
running waits again, exactly as the next engine on the file would have let it (``Journal.recover``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    Text,
    case,
    exists,
    literal,
    literal_column,
    null,
    select,
    tuple_,
)

from firesteel.store.moving.marker import MOVED_SETTING, MOVING_SETTING
from firesteel.store.schema import (
    RUNNING,
    WAITING,
    attempt,
    execution,
    idempotency,
    integration,
    metadata,
    paused_lane,
    session,
    setting,
)
from firesteel.store.sql.results import encode_failure
from firesteel.store.sql.statements import ONE, ZERO
from firesteel.store.sqlite.sessions import ALONE_AFTER, INTERRUPTED

# Each belongs to one database and says nothing of another.
OWN_SETTINGS = ("steady_clock", "compatible_from", MOVING_SETTING, MOVED_SETTING)

# Told by the steady clock; all other times are the wall clock's.
_STEADY: dict[Table, tuple[str, ...]] = {
    execution: ("due_at_us", "first_started_at_us"),
    idempotency: ("expires_at_us",),
}
# Kept by the journal on PostgreSQL alone, and set when everything else is there.
_KEPT_THERE: dict[Table, tuple[str, ...]] = {integration: ("waiting", "running", "touched_by")}

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MovedTable:
    """A table and those of its columns that are copied, in the order of the copied rows.

    ``key``: places of the primary key in such a row; ``blobs``: of what may be large.
    """

    table: Table
    columns: tuple[Column[Any], ...]
    key: tuple[int, ...]
    blobs: tuple[int, ...]

    @classmethod
    def of(cls, table: Table, there: Collection[str]) -> MovedTable:
        """``there``: the columns that the source has, which an older release may have made."""
        kept = _KEPT_THERE.get(table, ())
        columns = tuple(c for c in table.columns if c.name in there and c.name not in kept)
        return cls(
            table,
            columns,
            tuple(columns.index(c) for c in table.primary_key),
            tuple(i for i, c in enumerate(columns) if isinstance(c.type, LargeBinary)),
        )

    @property
    def name(self) -> str:
        """The table's."""
        return str(self.table.name)

    def key_of(self, row: Sequence[Any]) -> Key:
        """The primary key in a copied row."""
        return tuple(row[place] for place in self.key)

    def types(self) -> list[str]:
        """PostgreSQL's names of the columns' types."""
        return [_type_name(column) for column in self.columns]

    def rows(self, shift_us: int) -> Select[Any]:
        """What of the table is moved, as it shall stand in the target. ``shift_us``: from the
        source's steady clock to the target's clock."""
        changed = _changes(self.table, shift_us)
        return self._moved(select(*(changed.get(c.name, c).label(c.name) for c in self.columns)))

    def rows_there(self) -> Select[Any]:
        """What has been moved, as it stands in the target."""
        return self._moved(select(*self.columns))

    def _moved(self, rows: Select[Any]) -> Select[Any]:
        return rows.where(setting.c.name.not_in(OWN_SETTINGS)) if self.table is setting else rows

    def rows_after(self, shift_us: int, after: Key | None) -> Select[Any]:
        """Those behind the key ``after``, in the order of the key."""
        key = list(self.table.primary_key)
        rows = self.rows(shift_us).order_by(*key)
        if after is None:
            return rows
        if len(key) == 1:
            return rows.where(key[0] > literal(after[0]))
        return rows.where(tuple_(*key) > tuple_(*(literal(value) for value in after)))


def moved_tables() -> list[Table]:
    """Tables whose rows are moved; one comes behind those that its foreign keys name."""
    return [table for table in metadata.sorted_tables if table is not session]


def interrupted(after_no: int, until_no: int, moved_at_us: int) -> Select[Any]:
    """Rows of ``attempt``, columns in its order: of executions with such numbers that were running
    when the last engine ended."""
    e = execution.c
    failure = literal(encode_failure(INTERRUPTED))
    return select(
        e.no, e.attempt, e.started_at_us, literal(moved_at_us), failure, literal_column("''")
    ).where(RUNNING, e.no > literal(after_no), e.no <= literal(until_no))


ATTEMPTS = MovedTable.of(attempt, attempt.columns.keys())


def _changes(table: Table, shift_us: int) -> dict[str, ColumnElement[Any]]:
    """Columns that stand otherwise in the target."""
    changed: dict[str, ColumnElement[Any]] = {
        name: table.c[name] + literal(shift_us) for name in _STEADY.get(table, ())
    }
    return changed | _taken_over() if table is execution else changed


def _taken_over() -> dict[str, ColumnElement[Any]]:
    """As ``Journal.recover`` takes over from a session that ended: the attempt is not counted, its
    outcome would be refused by the epoch, and the lane's place is kept."""
    e = execution.c

    def if_running(then: Any, name: str) -> ColumnElement[Any]:
        return case((RUNNING, then), else_=e[name])

    lane_paused = exists().where(
        paused_lane.c.trigger_no == e.trigger_no, paused_lane.c.lane_key == e.lane_key
    )
    too_often = e.interruptions + ONE >= literal_column(str(ALONE_AFTER))
    return {
        "state": if_running(WAITING.right, "state"),
        "session_no": null(),
        "epoch": if_running(e.epoch + ONE, "epoch"),
        "counted": if_running(e.counted - ONE, "counted"),
        "interruptions": if_running(e.interruptions + ONE, "interruptions"),
        "alone": case((RUNNING & too_often, ONE), else_=e.alone),
        "turn": if_running(case((lane_paused, ZERO), else_=ONE), "turn"),
        "failure": if_running(literal(encode_failure(INTERRUPTED)), "failure"),
    }


def _type_name(column: Column[Any]) -> str:
    names = {BigInteger: "int8", Boolean: "bool", LargeBinary: "bytea", Text: "text"}
    found = [name for kind, name in names.items() if isinstance(column.type, kind)]
    return found[0] if found else "int4"
