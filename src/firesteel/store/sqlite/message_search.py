"""Finding executions for a list: which numbers a page has, by the index that fits its filter.

A page is asked trigger by trigger and merged, so that every question has an index that yields its
rows in the order of the page, however many messages the store has. Payloads are never touched.

An execution is a message's first one, which has the message's number, or a replay, of which there
are few: so a question about messages (consumer, time, sequence, search value) is asked twice, along
the messages and along the replays.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, select

from firesteel.model.execution import State
from firesteel.store.history import MessageFilter
from firesteel.store.schema import (
    DUE_LATER,
    IN_LANE,
    READY,
    REPLAYS,
    RUNNING,
    UNSUCCESSFUL,
    WAITING,
    execution,
    integration,
    message,
    search,
    workspace,
)
from firesteel.store.sqlite.queries import Prepared, fetch_all

Condition = ColumnElement[bool]

# A wall clock that was set back by less than this hides no message from a list by time.
_CLOCK_SLACK_US = 3600 * 1_000_000

_e, _m, _s = execution.c, message.c, search.c
_TRIGGER: ColumnElement[int] = bindparam("trigger_no")
_FIRST: Condition = _e.run == literal_column("1")


@dataclass(frozen=True, slots=True)
class _Span:
    """Numbers that messages of the asked time may have; ``until_no`` exclusive."""

    from_no: int
    until_no: int


def numbers_of_page(connection: sqlite3.Connection, filter: MessageFilter) -> list[int]:
    """The execution numbers of the page, latest first."""
    questions = [Prepared.of(question) for question in _questions(connection, filter)]
    found = (
        row[0]
        for trigger_no in _triggers(connection, filter)
        for question in questions
        for row in question.run(connection, trigger_no=trigger_no)
    )
    return heapq.nlargest(filter.limit, found)


def questions_of(filter: MessageFilter, span: tuple[int, int] | None = None) -> list[Prepared]:
    """The statements that a page asks of each trigger, for looking at their plans."""
    bounds = None if span is None else _Span(*span)
    return [Prepared.of(question) for question in _ordered(filter, bounds)]


def _questions(connection: sqlite3.Connection, filter: MessageFilter) -> list[Select[Any]]:
    if filter.received_from_us is None and filter.received_until_us is None:
        return list(_ordered(filter, None))
    return list(_ordered(filter, _span(connection, filter)))


def _triggers(connection: sqlite3.Connection, filter: MessageFilter) -> list[int]:
    """Triggers that the filter speaks of, removed ones too: their messages stay."""
    found = select(integration.c.no).join(workspace, integration.c.workspace_no == workspace.c.no)
    if filter.workspace is not None:
        found = found.where(workspace.c.name == filter.workspace)
    if filter.integration is not None:
        found = found.where(integration.c.name == filter.integration)
    return [row[0] for row in fetch_all(connection, found)]


def _ordered(filter: MessageFilter, span: _Span | None) -> Iterator[Select[Any]]:
    for question in _by_driver(filter, span):
        asked = question
        if filter.before_no is not None:
            asked = asked.where(_e.no < filter.before_no)
        yield asked.order_by(_e.no.desc()).limit(filter.limit)


def _by_driver(filter: MessageFilter, span: _Span | None) -> Iterator[Select[Any]]:
    """The questions of a page by what narrows it down best."""
    if filter.sequence is not None:
        yield from _of_messages(filter, span, _m.sequence == filter.sequence)
    elif filter.search is not None:
        yield from _of_search(filter, span, *filter.search)
    elif filter.state not in (None, State.SUCCEEDED):
        yield from _of_state(filter, span)
    elif filter.consumer is not None or span is not None:
        yield from _of_messages(filter, span)
    else:
        yield _executions(filter, span)


def _of_state(filter: MessageFilter, span: _Span | None) -> Iterator[Select[Any]]:
    asked = _executions(replace(filter, state=None), span)
    if filter.state is State.RUNNING:
        yield asked.where(RUNNING)
    elif filter.state is State.WAITING:
        # Three indexes hold what waits: alone and ready, alone and due later, in a lane.
        alone = _e.lane_key.is_(None)
        yield asked.where(READY, alone)
        yield asked.where(DUE_LATER, alone)
        yield asked.where(WAITING, IN_LANE)
    else:
        yield asked.where(UNSUCCESSFUL, _e.state == filter.state)


def _of_messages(
    filter: MessageFilter, span: _Span | None, *conditions: Condition
) -> Iterator[Select[Any]]:
    """First executions along the messages, and replays with their message."""
    wanted = (*_of_message(filter), *conditions, *_of_execution(filter))
    first = select(_e.no).select_from(message.join(execution, _e.no == _m.no))
    within = () if span is None else (_m.no >= span.from_no, _m.no < span.until_no)
    earlier = () if filter.before_no is None else (_m.no < filter.before_no,)
    yield first.where(_m.trigger_no == _TRIGGER, *within, *earlier, *wanted)
    yield _replays(span).where(*wanted)


def _of_search(
    filter: MessageFilter, span: _Span | None, name: str, value: str
) -> Iterator[Select[Any]]:
    """Along the search values of a name."""
    wanted = (*_of_message(filter), *_of_execution(filter))
    matching = (_s.trigger_no == _TRIGGER, _s.name == name, _s.value == value)
    found = search.join(execution, _e.no == _s.message_no).join(message, _m.no == _s.message_no)
    within = () if span is None else (_s.message_no >= span.from_no, _s.message_no < span.until_no)
    earlier = () if filter.before_no is None else (_s.message_no < filter.before_no,)
    yield select(_e.no).select_from(found).where(*matching, *within, *earlier, *wanted)
    has_value = select(_s.message_no).where(*matching, _s.message_no == _e.message_no).exists()
    yield _replays(span).where(has_value, *wanted)


def _replays(span: _Span | None) -> Select[Any]:
    replays = select(_e.no).select_from(execution.join(message, _m.no == _e.message_no))
    within = () if span is None else _within(span)
    return replays.where(REPLAYS, _e.trigger_no == _TRIGGER, *within)


def _executions(filter: MessageFilter, span: _Span | None) -> Select[Any]:
    """Along the executions; the message is looked at where the filter speaks of it."""
    asked = select(_e.no).where(_e.trigger_no == _TRIGGER, *_of_execution(filter))
    if span is not None:
        asked = asked.where(*_within(span))
    conditions = _of_message(filter)
    if not conditions:
        return asked
    return asked.join_from(execution, message, _m.no == _e.message_no).where(*conditions)


def _of_execution(filter: MessageFilter) -> list[Condition]:
    return [] if filter.state is None else [_e.state == filter.state]


def _of_message(filter: MessageFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if filter.consumer is not None:
        conditions.append(_m.consumer == filter.consumer)
    if filter.received_from_us is not None:
        conditions.append(_m.received_at_us >= filter.received_from_us)
    if filter.received_until_us is not None:
        conditions.append(_m.received_at_us < filter.received_until_us)
    return conditions


def _within(span: _Span) -> tuple[Condition, Condition]:
    return _e.message_no >= span.from_no, _e.message_no < span.until_no


def _span(connection: sqlite3.Connection, filter: MessageFilter) -> _Span:
    """Where to look for the asked time: numbers rise with the time of receipt, but for clocks that
    were set back, so a bisection of the numbers, with some slack, takes the place of an index."""
    (first, last) = connection.execute("SELECT min(no), max(no) FROM message").fetchone()
    if first is None:
        return _Span(0, 0)
    from_no, until_no = first, last + 1
    if filter.received_from_us is not None:
        earliest_us = filter.received_from_us - _CLOCK_SLACK_US
        from_no = _first_since(connection, earliest_us, _Span(first, last + 1))
    if filter.received_until_us is not None:
        latest_us = filter.received_until_us + _CLOCK_SLACK_US
        until_no = _first_since(connection, latest_us, _Span(first, last + 1))
    return _Span(from_no, until_no)


def _first_since(connection: sqlite3.Connection, since_us: int, span: _Span) -> int:
    """The lowest number whose message, or the next one after it, was received since then."""
    next_message = "SELECT received_at_us FROM message WHERE no >= ? ORDER BY no LIMIT 1"
    low, high = span.from_no, span.until_no
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(next_message, (middle,)).fetchone()
        if row is not None and row[0] < since_us:
            low = middle + 1
        else:
            high = middle
    return low
