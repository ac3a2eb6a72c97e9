"""Looking for a text in what messages hold: a bounded walk, latest first, on a reader of its own.

There is no index of payloads: keeping one would cost every call, and most payloads are never looked
for. So one piece of the search looks at so many executions and for so long, and says where the next
one goes on. SQLite does the looking, outside of Python's lock.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from firesteel.store.history import MessageFilter, Place, TextMatch, TextScan
from firesteel.store.schema import execution, message, payload, replay_edit, result
from firesteel.store.sql import message_rows
from firesteel.store.sql.database import Connection
from firesteel.store.sql.functions import has_bytes
from firesteel.store.sql.message_search import numbers_of_page, triggers_of
from firesteel.store.sql.queries import Prepared

# Of a body over this size only so much is read: one of 100 MiB would fill the engine's memory.
LOOKED_AT_BYTES: Final = 4 * 1024 * 1024

_AT_ONCE = 200
_PLACES: tuple[Place, ...] = ("request", "body", "input", "response")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one piece: executions looked at, and whether the time is over."""

    rows: int
    is_over: Callable[[], bool]


def scan(connection: Connection, filter: MessageFilter, text: str, bounds: Bounds) -> TextScan:
    """As ``History.scan``."""
    needles = spellings(text)
    statement = Prepared.of(_statement(needles), connection.dialect)
    found: dict[int, list[Place]] = {}
    looked_at, last_no, reached_us = 0, filter.before_no, None
    for number in _numbers(connection, filter, bounds.rows):
        received_at_us, places = _look(connection, statement, number, needles)
        looked_at, last_no, reached_us = looked_at + 1, number, received_at_us
        if places:
            found[number] = places
        if bounds.is_over() or looked_at == bounds.rows or len(found) == filter.limit:
            break
    else:
        last_no = None
    summaries = message_rows.summaries(connection, list(found))
    return TextScan(
        [TextMatch(summary, found[summary.execution_no]) for summary in summaries],
        looked_at,
        last_no,
        1.0 if last_no is None else _progress(connection, filter, last_no),
        reached_us,
    )


def spellings(text: str) -> list[bytes]:
    """The text as it may stand in what is stored: as it is, inside JSON with and without escaped
    letters, and inside a URL."""
    as_json = (json.dumps(text, ensure_ascii=escaped)[1:-1] for escaped in (False, True))
    spelt = (text, *as_json, urllib.parse.quote(text), urllib.parse.quote_plus(text))
    return [one.encode("utf-8", "surrogatepass") for one in dict.fromkeys(spelt)]


def _numbers(connection: Connection, filter: MessageFilter, rows: int) -> Iterator[int]:
    before_no, left = filter.before_no, rows
    while left > 0:
        page = replace(filter, before_no=before_no, limit=min(_AT_ONCE, left))
        numbers = numbers_of_page(connection, page)
        yield from numbers
        if len(numbers) < page.limit:
            return
        before_no, left = numbers[-1], left - len(numbers)


def _statement(needles: list[bytes]) -> Select[Any]:
    """When the message of an execution was received, for each place whether it has the text, and
    whether the body must be opened to know."""
    e, r, edit = execution.c, result.c, replay_edit.c
    joined = (
        execution.join(message, message.c.no == e.message_no)
        .outerjoin(payload, payload.c.message_no == e.message_no)
        .outerjoin(replay_edit, and_(e.run > literal_column("1"), edit.execution_no == e.no))
        .outerjoin(result, r.execution_no == e.no)
    )
    large = func.length(payload.c.body) > literal_column(str(LOOKED_AT_BYTES))
    body = case(
        (large, false()), else_=or_(_has(payload.c.body, needles), _has(edit.body, needles))
    )
    return (
        select(
            message.c.received_at_us,
            or_(_has(payload.c.request, needles), _has(edit.request, needles)),
            body,
            or_(_has(r.input, needles), _has(edit.input, needles)),
            _has(r.response, needles),
            large,
        )
        .select_from(joined)
        .where(e.no == bindparam("number"))
    )


def _has(column: ColumnElement[Any], needles: list[bytes]) -> ColumnElement[bool]:
    held = func.coalesce(column, literal(b""))
    return or_(*(has_bytes(held, literal(needle)) for needle in needles))


def _look(
    connection: Connection, statement: Prepared, number: int, needles: list[bytes]
) -> tuple[int, list[Place]]:
    received_at_us, *has, large = statement.run(connection, number=number).fetchone()
    if large:
        has[1] = _large_body_has(connection, number, needles)
    return received_at_us, [place for place, yes in zip(_PLACES, has, strict=True) if yes]


def _large_body_has(connection: Connection, number: int, needles: list[bytes]) -> bool:
    (message_no,) = connection.execute(
        "SELECT message_no FROM execution WHERE no = ?", (number,)
    ).fetchone()
    beginning = connection.beginning_of_body(message_no, LOOKED_AT_BYTES)
    return any(needle in beginning for needle in needles)


def _progress(connection: Connection, filter: MessageFilter, at_no: int) -> float:
    """What part of the numbers lies behind; the ends of each trigger stand in its index."""
    lowest, highest = at_no, at_no
    for trigger_no in triggers_of(connection, filter):
        for order in ("ASC", "DESC"):
            row = connection.execute(
                f"SELECT no FROM execution WHERE trigger_no = ? ORDER BY no {order} LIMIT 1",  # noqa: S608
                (trigger_no,),
            ).fetchone()
            if row is not None:
                lowest, highest = min(lowest, row[0]), max(highest, row[0])
    return (highest - at_no + 1) / (highest - lowest + 1)
