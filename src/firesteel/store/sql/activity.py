"""What a list of triggers shows of each: its latest message, how many executions have failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, literal_column, select

from firesteel.store.history import MOST_COUNTED, Activity
from firesteel.store.schema import UNSUCCESSFUL, execution, message
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import fetch_one


def of_triggers(connection: Connection, trigger_nos: Sequence[int]) -> dict[int, Activity]:
    """By number of the trigger; two looks into an index for each."""
    return {number: _of_trigger(connection, number) for number in trigger_nos}


def _of_trigger(connection: Connection, number: int) -> Activity:
    m, e = message.c, execution.c
    latest = select(m.received_at_us).where(m.trigger_no == number)
    row = fetch_one(connection, latest.order_by(m.sequence.desc()).limit(1))
    some: Select[Any] = (
        select(literal_column("1"))
        .where(e.trigger_no == number, e.state == "failed", UNSUCCESSFUL)
        .limit(MOST_COUNTED)
    )
    counted = fetch_one(connection, select(func.count()).select_from(some.subquery()))
    return Activity(None if row is None else row[0], 0 if counted is None else counted[0])
