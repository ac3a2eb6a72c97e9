"""Deliveries of alerts in SQL: what runs inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update

from firesteel.store.alerts import (
    DELIVERIES_KEPT,
    DELIVERIES_WAITING,
    Delivery,
    DeliveryState,
    NewDelivery,
)
from firesteel.store.schema import alert_delivery, workspace
from firesteel.store.schema_alerts import ON_ITS_WAY
from firesteel.store.sql.catalog_rows import workspace_no
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_all, fetch_one, insert_numbered

QUEUE_FULL = "too many alerts wait for this channel"
CHANNEL_GONE = "the channel is gone"

_d, _w = alert_delivery.c, workspace.c


@dataclass(frozen=True, slots=True)
class Attempt:
    """What ``Alerts.attempted`` was called with, and the time."""

    no: int
    state: DeliveryState
    error: str
    again_in_s: float
    now_us: int


def add(connection: Connection, new: Sequence[NewDelivery], now_us: int) -> None:
    """Let them wait for their turn; the oldest of a channel give way where too many do."""
    channels: dict[tuple[int, str], None] = {}
    for item in new:
        own = workspace_no(connection, item.workspace)
        row = _row(item, own, now_us)
        execute(connection, insert(alert_delivery).values(state="waiting", error="", **row))
        channels[own, item.channel] = None
    for own, channel in channels:
        _give_way(connection, own, channel, now_us)
    for own in {own for own, _ in channels}:
        _forget(connection, own)


def record(connection: Connection, new: NewDelivery, error: str, now_us: int) -> None:
    """One that has ended already."""
    own = workspace_no(connection, new.workspace)
    row = {**_row(new, own, now_us), "attempts": 1, "ended_at_us": now_us, "error": error}
    state = "failed" if error else "sent"
    insert_numbered(connection, insert(alert_delivery).values(state=state, **row))
    _forget(connection, own)


def due(connection: Connection, now_us: int, limit: int) -> list[Delivery]:
    """The first that waits of each channel, where its time has come."""
    first = (
        select(func.min(_d.no)).where(ON_ITS_WAY).group_by(_d.workspace_no, _d.channel)
    ).scalar_subquery()
    found = _deliveries().where(_d.no.in_(first), _d.next_at_us <= now_us)
    return _all(connection, found.order_by(_d.next_at_us, _d.no).limit(limit))


def attempted(connection: Connection, attempt: Attempt) -> None:
    """Of one that has ended already: nothing."""
    waits = attempt.state == "waiting"
    values = {
        "state": attempt.state,
        "attempts": _d.attempts + 1,
        "error": attempt.error,
        "next_at_us": attempt.now_us + int(attempt.again_in_s * 1e6),
        "ended_at_us": None if waits else attempt.now_us,
    }
    place = (_d.no == attempt.no, ON_ITS_WAY)
    execute(connection, update(alert_delivery).where(*place).values(**values))


def channels_changed(
    connection: Connection, own: int, channels: Sequence[str], now_us: int
) -> None:
    """What waits is tried at once; over channels that are gone it has failed."""
    waiting = (_d.workspace_no == own, ON_ITS_WAY)
    gone = update(alert_delivery).where(*waiting, _d.channel.not_in(list(channels)))
    execute(connection, gone.values(state="failed", ended_at_us=now_us, error=CHANNEL_GONE))
    execute(connection, update(alert_delivery).where(*waiting).values(next_at_us=now_us))


def latest(connection: Connection, name: str, limit: int) -> list[Delivery]:
    """Of a workspace, latest first."""
    found = _deliveries().where(_w.name == name).order_by(_d.no.desc()).limit(limit)
    return _all(connection, found)


def _row(item: NewDelivery, own: int, now_us: int) -> dict[str, Any]:
    return {
        "workspace_no": own,
        "channel": item.channel,
        "rule": item.rule,
        "content": item.content,
        "made_at_us": now_us,
        "next_at_us": now_us,
    }


def _give_way(connection: Connection, own: int, channel: str, now_us: int) -> None:
    of_channel = (_d.workspace_no == own, _d.channel == channel, ON_ITS_WAY)
    last = select(_d.no).where(*of_channel).order_by(_d.no.desc())
    row = fetch_one(connection, last.limit(1).offset(DELIVERIES_WAITING))
    if row is not None:
        over = update(alert_delivery).where(*of_channel, _d.no <= row[0])
        execute(connection, over.values(state="failed", ended_at_us=now_us, error=QUEUE_FULL))


def _forget(connection: Connection, own: int) -> None:
    """Of those that have ended, all but the latest."""
    last = select(_d.no).where(_d.workspace_no == own).order_by(_d.no.desc())
    row = fetch_one(connection, last.limit(1).offset(DELIVERIES_KEPT))
    if row is not None:
        old = (_d.workspace_no == own, _d.no <= row[0], _d.state != "waiting")
        execute(connection, delete(alert_delivery).where(*old))


def _deliveries() -> Select[Any]:
    times = (_d.made_at_us, _d.next_at_us, _d.ended_at_us)
    found = select(
        _d.no, _w.name, _d.channel, _d.rule, _d.content, _d.state, *times, _d.attempts, _d.error
    )
    return found.join_from(alert_delivery, workspace, _w.no == _d.workspace_no)


def _all(connection: Connection, found: Select[Any]) -> list[Delivery]:
    return [Delivery(*row) for row in fetch_all(connection, found)]
