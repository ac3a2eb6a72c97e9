"""Failed executions that failed alike, counted: what a person looks at before a bulk replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from firesteel.model.execution import State
from firesteel.store.history import FailureGroup, FailureGroups, MessageFilter
from firesteel.store.schema import execution, integration, message
from firesteel.store.sql.database import Connection
from firesteel.store.sql.message_search import numbers_of_page
from firesteel.store.sql.queries import Row, fetch_all
from firesteel.store.sql.results import decode_failure

_AT_ONCE = 500

_Key = tuple[str, str, str | None]


def failure_groups(connection: Connection, filter: MessageFilter, most: int) -> FailureGroups:
    """As ``History.failures``."""
    numbers = numbers_of_page(connection, replace(filter, state=State.FAILED, limit=most + 1))
    groups: dict[_Key, FailureGroup] = {}
    for row in _rows(connection, numbers[:most]):
        _count(groups, row)
    largest = sorted(groups.values(), key=lambda group: -group.count)
    return FailureGroups(largest, min(len(numbers), most), len(numbers) > most)


def _rows(connection: Connection, numbers: Sequence[int]) -> Iterator[Row]:
    """Latest first."""
    e, m = execution.c, message.c
    found: Any = (
        select(integration.c.name, e.failure, m.received_at_us, m.id)
        .select_from(execution)
        .join(message, m.no == e.message_no)
        .join(integration, integration.c.no == e.trigger_no)
        .order_by(e.no.desc())
    )
    for start in range(0, len(numbers), _AT_ONCE):
        yield from fetch_all(connection, found.where(e.no.in_(numbers[start : start + _AT_ONCE])))


def _count(groups: dict[_Key, FailureGroup], row: Row) -> None:
    name, encoded, received_at_us, message_id = row
    failure = decode_failure(encoded)
    if failure is None:
        return
    key = (name, failure.code, failure.step)
    known = groups.get(key)
    if known is None:
        times = (received_at_us, received_at_us)
        groups[key] = FailureGroup(
            *(name, failure.code, failure.kind, failure.step, failure.detail, 1),
            *times,
            message_id,
        )
    else:
        groups[key] = replace(
            known,
            count=known.count + 1,
            first_received_at_us=min(known.first_received_at_us, received_at_us),
            last_received_at_us=max(known.last_received_at_us, received_at_us),
        )
