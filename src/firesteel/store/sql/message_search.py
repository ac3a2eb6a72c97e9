"""Finding executions for a list: which numbers a page has, by the index that fits its filter.

A page is asked trigger by trigger and merged, so that every question has an index that yields its
rows in the order of the page, however many messages the store has. Payloads are never touched.

An execution is a message's first one, which has the message's number, or a replay, of which there
are few: what a filter says of messages is asked twice, along the messages and along the replays.
Within a trigger, numbers rise with the sequence.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)

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
from firesteel.store.sql.database import Connection
from firesteel.store.sql.dialects import Dialect
from firesteel.store.sql.queries import Prepared, fetch_all
from firesteel.store.sql.results import failure_beginnings

Condition = ColumnElement[bool]

# A wall clock that was set back by less than this hides no message from a list by time.
_CLOCK_SLACK_US = 3600 * 1_000_000

# Of a trigger's executions the first look for those that succeeded is at so many.
_LATEST = 1000

_e, _m, _s = execution.c, message.c, search.c
_OF_TRIGGER: Condition = _e.trigger_no == bindparam("trigger_no")
_HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Questions:
    """What a page asks: ``each`` of every trigger (binds ``trigger_no``, and those along messages
    ``from_sequence`` and ``until_sequence``, exclusive), ``once`` of all."""

    each: tuple[Prepared, ...]
    once: tuple[Prepared, ...]


def numbers_of_page(connection: Connection, filter: MessageFilter) -> list[int]:
    """The execution numbers of the page, latest first, or oldest first."""
    triggers = triggers_of(connection, filter)
    if filter.state is State.SUCCEEDED and not (_by_message(filter) or filter.oldest_first):
        return _latest_succeeded(connection, filter, triggers)
    asked = questions(filter, triggers, connection.dialect)
    first = heapq.nsmallest if filter.oldest_first else heapq.nlargest
    return first(filter.limit, _answers(connection, filter, triggers, asked))


def among(connection: Connection, filter: MessageFilter, numbers: Collection[int]) -> set[int]:
    """Those of the numbers that the filter finds, whatever page they are on."""
    found = select(_e.no).join_from(execution, message, _m.no == _e.message_no)
    conditions = [*_of_message(filter), *_of_execution(filter)]
    conditions.append(_e.trigger_no.in_(triggers_of(connection, filter)))
    if filter.sequence is not None:
        conditions.append(_m.sequence == filter.sequence)
    if filter.search is not None:
        name, value = filter.search
        its_message = (_s.trigger_no == _e.trigger_no, _s.message_no == _e.message_no)
        named = (_s.name == name, _s.value == value)
        conditions.append(exists().where(*its_message, *named))
    asked = found.where(_e.no.in_(numbers), *conditions)
    return {number for (number,) in fetch_all(connection, asked)}


def questions(filter: MessageFilter, triggers: list[int], dialect: Dialect) -> Questions:
    """The statements of a page over these triggers."""
    once = []
    if _by_message(filter) and filter.sequence is None and filter.search is None:
        once.append(_ordered(_replays(filter).where(_e.trigger_no.in_(triggers)), filter))
    prepare = partial(Prepared.of, dialect=dialect)
    return Questions(tuple(map(prepare, _each(filter))), tuple(map(prepare, once)))


def _answers(
    connection: Connection,
    filter: MessageFilter,
    triggers: list[int],
    asked: Questions,
) -> Iterator[int]:
    for question in asked.once:
        yield from (number for (number,) in question.run(connection))
    for trigger_no in triggers:
        bounds = {"from_sequence": 0, "until_sequence": _HIGHEST}
        if _by_message(filter):
            bounds = _bounds(connection, filter, trigger_no)
        for question in asked.each:
            rows = question.run(connection, trigger_no=trigger_no, **bounds)
            yield from (number for (number,) in rows)


def _latest_succeeded(
    connection: Connection, filter: MessageFilter, triggers: list[int]
) -> list[int]:
    """No index has them alone, as it would be written for each message; and of a trigger of which a
    million wait or have failed, a walk from its latest on may find none. So each is first asked
    about its latest few; then those that may have more, as far back as the page goes by now."""
    near, far = (
        Prepared.of(question, connection.dialect) for question in _succeeded_of_trigger(filter)
    )
    found: dict[int, None] = {}
    may_have_more = []
    for trigger_no in triggers:
        numbers = [number for (number,) in near.run(connection, trigger_no=trigger_no)]
        found.update(dict.fromkeys(numbers))
        if len(numbers) < filter.limit:
            may_have_more.append(trigger_no)
    page = heapq.nlargest(filter.limit, found)
    for trigger_no in may_have_more:
        above_no = page[-1] if len(page) == filter.limit else 0
        rows = far.run(connection, trigger_no=trigger_no, above_no=above_no)
        found.update(dict.fromkeys(number for (number,) in rows))
        page = heapq.nlargest(filter.limit, found)
    return page


def _succeeded_of_trigger(filter: MessageFilter) -> tuple[Select[Any], Select[Any]]:
    """Among the trigger's latest executions, and among all above ``above_no``."""
    latest = execution.alias("latest")
    before = (
        select(latest.c.no)
        .where(latest.c.trigger_no == bindparam("trigger_no"), *_keyset(filter, latest.c.no))
        .order_by(latest.c.no.desc())
        .limit(1)
        .offset(_LATEST)
    )
    found = select(_e.no).where(_OF_TRIGGER, *_of_execution(filter))
    near = found.where(_e.no > func.coalesce(before.scalar_subquery(), 0))
    return _ordered(near, filter), _ordered(found.where(_e.no > bindparam("above_no")), filter)


def triggers_of(connection: Connection, filter: MessageFilter) -> list[int]:
    """Triggers that the filter speaks of, removed ones too: their messages stay."""
    found = select(integration.c.no).join(workspace, integration.c.workspace_no == workspace.c.no)
    if filter.workspace is not None:
        found = found.where(workspace.c.name == filter.workspace)
    if filter.integration is not None:
        found = found.where(integration.c.name == filter.integration)
    return [row[0] for row in fetch_all(connection, found)]


def _by_message(filter: MessageFilter) -> bool:
    """True where a page is asked along the messages."""
    about_messages = (filter.sequence, filter.search, filter.consumer)
    times = (filter.received_from_us, filter.received_until_us)
    if filter.sequence is None and filter.search is None and _by_state(filter):
        return False
    return any(condition is not None for condition in (*about_messages, *times))


def _by_state(filter: MessageFilter) -> bool:
    """True for the states that have an index of their own: all that few executions are in."""
    return filter.state not in (None, State.SUCCEEDED)


def _each(filter: MessageFilter) -> Iterator[Select[Any]]:
    """The questions to each trigger, by what narrows the page down best."""
    if filter.sequence is not None:
        found = _along_messages(filter).where(_m.sequence == filter.sequence)
        for one in (found, _with_replays(found)):
            yield _ordered(one, filter)
    elif filter.search is not None:
        yield from _along_search(filter, *filter.search)
    elif _by_state(filter):
        for one in _along_state(filter):
            yield _ordered(one, filter)
    elif _by_message(filter):
        in_order = _m.sequence if filter.oldest_first else _m.sequence.desc()
        latest = _along_messages(filter).order_by(in_order)
        if filter.consumer is not None:
            latest = latest.with_hint(message, "INDEXED BY ix_message_consumer", "sqlite")
        yield latest.limit(filter.limit)
    else:
        found = select(_e.no).where(_OF_TRIGGER, *_of_execution(filter))
        yield _ordered(found, filter)


def _along_messages(filter: MessageFilter) -> Select[Any]:
    """First executions, by their messages, within the bounds of their sequence."""
    bounds = (_m.sequence >= bindparam("from_sequence"), _m.sequence < bindparam("until_sequence"))
    conditions = (*_of_message(filter), *_of_execution(filter))
    return (
        select(_e.no)
        .select_from(message.join(execution, _e.no == _m.no))
        .where(_m.trigger_no == bindparam("trigger_no"), *bounds, *conditions)
    )


def _along_search(filter: MessageFilter, name: str, value: str) -> Iterator[Select[Any]]:
    conditions = (*_of_message(filter), *_of_execution(filter))
    matching = (_s.trigger_no == bindparam("trigger_no"), _s.name == name, _s.value == value)
    its_message = search.join(message, _m.no == _s.message_no)
    first = select(_e.no).select_from(its_message.join(execution, _e.no == _s.message_no))
    in_order = _s.message_no if filter.oldest_first else _s.message_no.desc()
    latest = first.where(*matching, *conditions, *_keyset(filter, _s.message_no)).order_by(in_order)
    yield latest.limit(filter.limit)
    replays = select(_e.no).select_from(its_message.join(execution, _e.message_no == _s.message_no))
    found = _hinted(replays, "uq_execution_replay").where(REPLAYS, *matching, *conditions)
    yield _ordered(found, filter)


def _with_replays(found: Select[Any]) -> Select[Any]:
    """The same question, about the replays of the messages."""
    conditions = found.whereclause
    replays = select(_e.no).select_from(message.join(execution, _e.message_no == _m.no))
    if conditions is not None:
        replays = replays.where(conditions)
    return _hinted(replays, "uq_execution_replay").where(REPLAYS)


def _along_state(filter: MessageFilter) -> Iterator[Select[Any]]:
    found = select(_e.no).where(*_beside_state(filter))
    about_message = _of_message(filter)
    if about_message:
        found = found.join_from(execution, message, _m.no == _e.message_no).where(*about_message)
    if filter.state is State.RUNNING:
        yield _hinted(found, "ix_execution_running").where(_OF_TRIGGER, RUNNING)
    elif filter.state is State.WAITING:
        # Three indexes hold what waits: alone and ready, alone and due later, in a lane.
        alone = _e.lane_key.is_(None)
        yield _hinted(found, "ix_execution_ready").where(_OF_TRIGGER, READY, alone)
        yield _hinted(found, "ix_execution_due").where(_OF_TRIGGER, DUE_LATER, alone)
        yield _hinted(found, "ix_execution_lane").where(_OF_TRIGGER, WAITING, IN_LANE)
    else:
        in_state = (UNSUCCESSFUL, _e.state == filter.state)
        yield _hinted(found, "ix_execution_unsuccessful").where(_OF_TRIGGER, *in_state)


def _replays(filter: MessageFilter) -> Select[Any]:
    """All replays: a list that people started by hand, so a short one."""
    # The plus keeps the other order of the join, along all messages, from looking cheaper.
    its_message = _m.no == literal_column("+execution.message_no")
    found = select(_e.no).select_from(execution.join(message, its_message))
    conditions = (*_of_message(filter), *_of_execution(filter))
    return _hinted(found, "uq_execution_replay").where(REPLAYS, *conditions)


def _ordered(found: Select[Any], filter: MessageFilter) -> Select[Any]:
    in_order = _e.no if filter.oldest_first else _e.no.desc()
    return found.where(*_keyset(filter, _e.no)).order_by(in_order).limit(filter.limit)


def _keyset(filter: MessageFilter, number: Column[Any]) -> list[Condition]:
    conditions: list[Condition] = []
    if filter.before_no is not None:
        conditions.append(number < filter.before_no)
    if filter.after_no is not None:
        conditions.append(number > filter.after_no)
    return conditions


def _hinted(found: Select[Any], index: str) -> Select[Any]:
    """SQLite, which knows no counts here, would take the index that is equal in more columns; that
    one has the whole trigger. It refuses a hint that it cannot follow."""
    return found.with_hint(execution, f"INDEXED BY {index}", "sqlite")


def _of_execution(filter: MessageFilter) -> list[Condition]:
    conditions = _beside_state(filter)
    if filter.state is not None:
        conditions.append(_e.state == filter.state)
    return conditions


def _beside_state(filter: MessageFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if filter.failure_code is not None:
        beginnings = failure_beginnings(filter.failure_code)
        of_code = (func.substr(_e.failure, 1, len(one)) == one for one in beginnings)
        conditions.append(or_(*of_code))
    if filter.unrepeated:
        later = execution.alias("later")
        is_replay = later.c.run > literal_column("1")
        of_message = (later.c.message_no == _e.message_no, later.c.run > _e.run)
        conditions.append(not_(exists(later.c.no).where(is_replay, *of_message)))
    return conditions


def _of_message(filter: MessageFilter) -> list[Condition]:
    conditions: list[Condition] = []
    if filter.consumer is not None:
        conditions.append(_m.consumer == filter.consumer)
    if filter.received_from_us is not None:
        conditions.append(_m.received_at_us >= filter.received_from_us)
    if filter.received_until_us is not None:
        conditions.append(_m.received_at_us < filter.received_until_us)
    return conditions


def _bounds(connection: Connection, filter: MessageFilter, trigger_no: int) -> dict[str, int]:
    """Where a trigger's messages of the page stand. Its sequence rises with the numbers, and with
    the time of receipt but for clocks that were set back: a bisection, for times with some slack,
    takes the place of an index."""
    from_sequence, until_sequence = 0, _HIGHEST
    if filter.received_from_us is not None:
        earliest_us = filter.received_from_us - _CLOCK_SLACK_US
        from_sequence = _first_since(connection, trigger_no, "received_at_us", earliest_us)
    if filter.received_until_us is not None:
        latest_us = filter.received_until_us + _CLOCK_SLACK_US
        until_sequence = _first_since(connection, trigger_no, "received_at_us", latest_us)
    if filter.before_no is not None:
        before = _first_since(connection, trigger_no, "no", filter.before_no)
        until_sequence = min(until_sequence, before)
    if filter.after_no is not None:
        after = _first_since(connection, trigger_no, "no", filter.after_no + 1)
        from_sequence = max(from_sequence, after)
    return {"from_sequence": from_sequence, "until_sequence": until_sequence}


def _first_since(connection: Connection, trigger_no: int, column: str, since: int) -> int:
    """The lowest sequence from which on the column has at least that value; 0 where the trigger
    has no messages. A bisection in one statement: each of its steps would be a round trip."""
    middle = "(low + high) / 2"
    at_middle = (
        f"(SELECT {column} FROM message WHERE trigger_no = ? AND sequence >= {middle} "  # noqa: S608
        "ORDER BY sequence LIMIT 1)"
    )
    # Two minima and maxima: SQLite looks up each in a query of its own, but scans for both in one.
    found = connection.execute(
        "WITH RECURSIVE bisection(low, high) AS ("  # noqa: S608
        "SELECT (SELECT min(sequence) FROM message WHERE trigger_no = ?), "
        "(SELECT max(sequence) + 1 FROM message WHERE trigger_no = ?) UNION ALL "
        f"SELECT CASE WHEN {at_middle} < ? THEN {middle} + 1 ELSE low END, "
        f"CASE WHEN {at_middle} < ? THEN high ELSE {middle} END "
        "FROM bisection WHERE low < high) SELECT low FROM bisection WHERE low >= high",
        (*(trigger_no, trigger_no), *(trigger_no, since), *(trigger_no, since)),
    ).fetchone()
    return 0 if found is None else int(found[0])
