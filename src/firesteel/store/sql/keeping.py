"""What is kept of triggers: a few looks into an index for each, however many messages it has.

Sequences rise with the time of receipt, so a time's place among them is found by halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from firesteel.store.kept import Asked, KeptOf
from firesteel.store.schema import entry, message, payload, result
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import fetch_all, fetch_one

_SAMPLE = 24
_m, _p, _r, _e = message.c, payload.c, result.c, entry.c


def kept(connection: Connection, asked: Sequence[Asked]) -> dict[int, KeptOf]:
    """By the trigger's number."""
    return {one.trigger_no: _kept(connection, one) for one in asked}


def _kept(connection: Connection, asked: Asked) -> KeptOf:
    first, last = _ends(connection, asked.trigger_no)
    if first is None or last is None:
        return KeptOf(0, None, 0, 0, 0)
    messages = last[0] - first[0] + 1
    per_message, per_payload = _sampled(connection, asked.trigger_no, first[0], last[0])
    bounds = (asked.trigger_no, first[0], last[0])
    going = _before(connection, bounds, asked.history_before_us)
    emptied = going
    if asked.payloads_before_us is not None:
        emptied = _before(connection, bounds, asked.payloads_before_us)
        # Of those in front the payload has gone already.
        emptied -= _without_payload(connection, bounds, emptied)
    return KeptOf(messages, first[1], per_message * messages, going, per_payload * emptied)


def _ends(connection: Connection, trigger_no: int) -> tuple[Any, Any]:
    """Sequence and time of receipt of the first and of the last message; None where there is
    none."""
    found = select(_m.sequence, _m.received_at_us).where(_m.trigger_no == trigger_no)
    first = fetch_one(connection, found.order_by(_m.sequence).limit(1))
    last = fetch_one(connection, found.order_by(_m.sequence.desc()).limit(1))
    return first, last


def _before(connection: Connection, bounds: tuple[int, int, int], before_us: int) -> int:
    """How many of the sequences stand in front of that time."""
    trigger_no, first, last = bounds
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        found = select(_m.sequence, _m.received_at_us).where(
            _m.trigger_no == trigger_no, _m.sequence >= middle
        )
        row = fetch_one(connection, found.order_by(_m.sequence).limit(1))
        if row is None or row[1] >= before_us:
            high = middle
        else:
            low = int(row[0]) + 1
    return low - first


def _without_payload(connection: Connection, bounds: tuple[int, int, int], among: int) -> int:
    """How many of the first ``among`` have lost their payloads: those go in order."""
    trigger_no, first, _ = bounds
    low, high = 0, among
    while low < high:
        middle = (low + high) // 2
        found = (
            select(_p.message_no)
            .select_from(message.outerjoin(payload, _p.message_no == _m.no))
            .where(_m.trigger_no == trigger_no, _m.sequence >= first + middle)
        )
        row = fetch_one(connection, found.order_by(_m.sequence).limit(1))
        if row is None or row[0] is not None:
            high = middle
        else:
            low = middle + 1
    return low


def _sampled(connection: Connection, trigger_no: int, first: int, last: int) -> tuple[int, int]:
    """Bytes of what was received and made of it: of a message, and of one that has them."""
    step = max((last - first) // _SAMPLE, 1)
    sequences = list(range(first, last + 1, step))[: _SAMPLE + 1]
    received = (
        select(_m.no, func.length(_p.request) + func.length(_p.body))
        .select_from(message.outerjoin(payload, _p.message_no == _m.no))
        .where(_m.trigger_no == trigger_no, _m.sequence.in_(sequences))
    )
    rows = fetch_all(connection, received)
    numbers = [row[0] for row in rows]
    made = [
        select(func.sum(func.length(_r.response) + func.length(_r.input) + func.length(_r.logs)))
        .select_from(result)
        .where(_r.execution_no.in_(numbers)),
        select(func.sum(func.length(_e.result) + func.length(_e.input)))
        .select_from(entry)
        .where(_e.execution_no.in_(numbers)),
    ]
    total = sum(row[1] or 0 for row in rows)
    for statement in made:
        row = fetch_one(connection, statement)
        total += int(row[0] or 0) if row is not None else 0
    have = sum(row[1] is not None for row in rows)
    return total // max(len(rows), 1), total // max(have, 1)
