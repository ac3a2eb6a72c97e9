"""Alerts in SQL: settings, silences and what rules have gathered."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Select, and_, delete, func, insert, select, update
from sqlalchemy.sql.expression import true

from firesteel.errors import CallerError
from firesteel.store.alerts import (
    Advance,
    Delivery,
    DeliveryState,
    NewDelivery,
    Paused,
    RuleState,
    Silence,
    StoredAlerts,
    UntoldFailure,
)
from firesteel.store.catalog import ManagedBy
from firesteel.store.schema import (
    NOT_REMOVED,
    UNTOLD,
    alert_silence,
    alert_state,
    alerting,
    execution,
    integration,
    message,
    paused_lane,
    setting,
    workspace,
)
from firesteel.store.sql import alert_deliveries
from firesteel.store.sql.catalog_rows import Change, to_text, workspace_no
from firesteel.store.sql.changes import Changes
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, Connection, Database
from firesteel.store.sql.queries import execute, fetch_all, fetch_one
from firesteel.store.sql.results import decode_failure

SINCE_SETTING: Final = "alerts_since"
"""The moment (wall clock, in microseconds) from which on failures are told."""

_a, _q, _s, _w = alerting.c, alert_silence.c, alert_state.c, workspace.c


class _OthersDidIt(CallerError):
    """Another node has told some of it already; undoes what the transaction wrote."""

    code = "changed_meanwhile"


@dataclass(frozen=True, slots=True)
class _New:
    workspace: str
    document: dict[str, Any]
    rules: Collection[str]
    managed_by: ManagedBy
    expect_changed_at_us: int | None


class SqlAlerts:
    """Implements ``store.alerts.Alerts`` on a database."""

    def __init__(self, database: Database, *, clocks: Clocks) -> None:
        self._database = database
        self._clocks = clocks
        self._changes = Changes(database, clocks)

    async def all(self) -> list[StoredAlerts]:
        return await self._database.read(_stored)

    async def find(self, workspace: str) -> StoredAlerts | None:
        found = await self._database.read(partial(_stored, name=workspace))
        return found[0] if found else None

    async def put(  # noqa: PLR0913  # all but two are named at the call
        self,
        workspace: str,
        document: dict[str, Any],
        *,
        rules: Collection[str],
        managed_by: ManagedBy,
        actor: str,
        expect_changed_at_us: int | None = None,
    ) -> bool:
        new = _New(workspace, document, rules, managed_by, expect_changed_at_us)
        return await self._changes.run(actor, partial(_put, new=new))

    async def delete(self, workspace: str, actor: str) -> bool:
        return await self._changes.run(actor, partial(_delete, name=workspace))

    async def silences(self) -> list[Silence]:
        return await self._database.read(_silences)

    async def silence(self, silence: Silence, actor: str) -> None:
        await self._changes.run(actor, partial(_silence, silence=silence))

    async def end_silence(self, workspace: str, rule: str, actor: str) -> bool:
        return await self._changes.run(actor, partial(_end_silence, name=workspace, rule=rule))

    async def untold(self, limit: int) -> list[UntoldFailure]:
        found = await self._database.read(partial(_untold, limit=limit))
        now_us = self._clocks.wall_us()
        if found.since_us is not None and found.since_us > now_us:
            # The wall clock was set back: what fails from now on is later than nothing.
            await self._database.write(partial(_set_since, since_us=now_us))
        return found.failures

    async def paused(self) -> list[Paused]:
        return await self._database.read(_paused, timeout_s=LONG_READ_TIMEOUT_S)

    async def states(self) -> list[RuleState]:
        return await self._database.read(_states)

    async def advance(self, done: Advance) -> bool:
        now_us = self._clocks.wall_us()
        try:
            await self._database.write(partial(_advance, done=done, now_us=now_us))
        except _OthersDidIt:
            return False
        return True

    async def due(self, limit: int) -> list[Delivery]:
        now_us = self._clocks.wall_us()
        return await self._database.read(partial(alert_deliveries.due, now_us=now_us, limit=limit))

    async def attempted(
        self, no: int, *, state: DeliveryState, error: str = "", again_in_s: float = 0.0
    ) -> None:
        attempt = alert_deliveries.Attempt(no, state, error, again_in_s, self._clocks.wall_us())
        await self._database.write(partial(alert_deliveries.attempted, attempt=attempt))

    async def record(self, delivery: NewDelivery, *, error: str) -> None:
        now_us = self._clocks.wall_us()
        await self._database.write(
            partial(alert_deliveries.record, new=delivery, error=error, now_us=now_us)
        )

    async def deliveries(self, workspace: str, limit: int) -> list[Delivery]:
        return await self._database.read(
            partial(alert_deliveries.latest, name=workspace, limit=limit)
        )


# --- settings and silences ---------------------------------------------------------------------


def _stored(connection: Connection, name: str | None = None) -> list[StoredAlerts]:
    found = select(_w.name, _a.document, _a.managed_by, _a.changed_at_us)
    found = found.join_from(alerting, workspace, _w.no == _a.workspace_no).order_by(_w.name)
    if name is not None:
        found = found.where(_w.name == name)
    return [
        StoredAlerts(owner, json.loads(document), managed_by, changed_at_us)
        for owner, document, managed_by, changed_at_us in fetch_all(connection, found)
    ]


def _put(change: Change, new: _New) -> bool:
    connection = change.connection
    own = workspace_no(connection, new.workspace)
    place = _a.workspace_no == own
    row = {"document": to_text(new.document), "managed_by": new.managed_by}
    found = select(_a.document, _a.managed_by, _a.changed_at_us).where(place)
    current = fetch_one(connection, found)
    if new.expect_changed_at_us not in (None, 0 if current is None else current[2]):
        raise CallerError("somebody else has changed it", code="changed_meanwhile")
    if current is not None and current[:2] == tuple(row.values()):
        return False
    # Two changes within a microsecond, or under a clock that was set back, are two all the same.
    at_us = change.now_us if current is None else max(change.now_us, current[2] + 1)
    if current is None:
        if fetch_one(connection, select(_a.workspace_no).limit(1)) is None:
            _set_since(connection, change.now_us)
        execute(connection, insert(alerting).values(workspace_no=own, changed_at_us=at_us, **row))
    else:
        execute(connection, update(alerting).where(place).values(changed_at_us=at_us, **row))
    gone = delete(alert_state).where(_s.workspace_no == own, _s.rule.not_in(list(new.rules)))
    execute(connection, gone)
    channels = list(new.document.get("channels", {}))
    alert_deliveries.channels_changed(connection, own, channels, change.now_us)
    change.note("alerts.put", new.workspace)
    return True


def _delete(change: Change, name: str) -> bool:
    connection = change.connection
    own = workspace_no(connection, name)
    if not execute(connection, delete(alerting).where(_a.workspace_no == own)).rowcount:
        return False
    execute(connection, delete(alert_state).where(_s.workspace_no == own))
    execute(connection, delete(alert_silence).where(_q.workspace_no == own))
    alert_deliveries.channels_changed(connection, own, [], change.now_us)
    change.note("alerts.delete", name)
    return True


def _set_since(connection: Connection, since_us: int) -> None:
    row = connection.dialect.insert(setting).values(name=SINCE_SETTING, value=str(since_us))
    changed = {"value": row.excluded.value}
    execute(connection, row.on_conflict_do_update(index_elements=["name"], set_=changed))


def _silences(connection: Connection) -> list[Silence]:
    columns = (_w.name, _q.rule, _q.until_us, _q.silenced_by, _q.why, _q.silenced_at_us)
    found = select(*columns).join_from(alert_silence, workspace, _w.no == _q.workspace_no)
    return [Silence(*row) for row in fetch_all(connection, found.order_by(_w.name, _q.rule))]


def _silence(change: Change, silence: Silence) -> None:
    own = workspace_no(change.connection, silence.workspace)
    row = change.connection.dialect.insert(alert_silence).values(
        workspace_no=own,
        rule=silence.rule,
        until_us=silence.until_us,
        silenced_at_us=change.now_us,
        silenced_by=silence.silenced_by,
        why=silence.why,
    )
    names = ("until_us", "silenced_at_us", "silenced_by", "why")
    changed = {name: row.excluded[name] for name in names}
    upsert = row.on_conflict_do_update(index_elements=["workspace_no", "rule"], set_=changed)
    execute(change.connection, upsert)
    change.note("alerts.silence", _named(silence.workspace, silence.rule), silence.why)


def _end_silence(change: Change, name: str, rule: str) -> bool:
    own = workspace_no(change.connection, name)
    gone = delete(alert_silence).where(_q.workspace_no == own, _q.rule == rule)
    if not execute(change.connection, gone).rowcount:
        return False
    change.note("alerts.end_silence", _named(name, rule))
    return True


def _named(name: str, rule: str) -> str:
    return f"{name}/{rule}" if rule else name


# --- what there is to tell, and what was made of it ----------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """``since_us`` None: alerts were never set up."""

    since_us: int | None
    failures: list[UntoldFailure]


def _untold(connection: Connection, limit: int) -> _Found:
    since = fetch_one(connection, select(setting.c.value).where(setting.c.name == SINCE_SETTING))
    if since is None:
        return _Found(None, [])
    failures = []
    rows = fetch_all(connection, untold_since(int(since[0]), limit))
    for no, owner, name, message_id, settled_at_us, encoded in rows:
        failure = decode_failure(encoded)
        code, step = ("", None) if failure is None else (failure.code, failure.step)
        failures.append(UntoldFailure(no, owner, name, message_id, settled_at_us, code, step))
    return _Found(int(since[0]), failures)


def untold_since(since_us: int, limit: int) -> Select[Any]:
    """Failures that nobody was told of; a look at an index that holds no others."""
    e, i = execution.c, integration.c
    return (
        select(e.no, _w.name, i.name, message.c.id, e.settled_at_us, e.failure)
        .join_from(execution, message, message.c.no == e.message_no)
        .join(integration, i.no == e.trigger_no)
        .join(workspace, _w.no == i.workspace_no)
        .where(UNTOLD, e.settled_at_us >= since_us)
        .order_by(e.settled_at_us)
        .limit(limit)
    )


def _paused(connection: Connection) -> list[Paused]:
    i, p = integration.c, paused_lane.c
    lanes = (
        select(p.trigger_no, func.count().label("lanes"), func.count(p.stopped_at_no).label("at"))
        .group_by(p.trigger_no)
        .subquery()
    )
    found = (
        select(_w.name, i.name, i.paused, lanes.c.lanes, lanes.c["at"])
        .join_from(integration, workspace, _w.no == i.workspace_no)
        .outerjoin(lanes, lanes.c.trigger_no == i.no)
        .where(NOT_REMOVED, (i.paused == true()) | lanes.c.lanes.is_not(None))
        .order_by(_w.name, i.name)
    )
    return [
        Paused(owner, name, bool(whole), lanes or 0, stopped or 0)
        for owner, name, whole, lanes, stopped in fetch_all(connection, found)
    ]


def _states(connection: Connection) -> list[RuleState]:
    found = select(_w.name, _s.rule, _s.state, _s.revision)
    found = found.join_from(alert_state, workspace, _w.no == _s.workspace_no)
    return [RuleState(*row) for row in fetch_all(connection, found)]


def _advance(connection: Connection, done: Advance, now_us: int) -> None:
    if done.told:
        e = execution.c
        of_these = and_(e.no.in_(list(done.told)), UNTOLD)
        told = execute(connection, update(execution).where(of_these).values(told=true()))
        if told.rowcount != len(done.told):
            raise _OthersDidIt
    for state in done.states:
        _put_state(connection, state)
    alert_deliveries.add(connection, done.deliveries, now_us)


def _put_state(connection: Connection, state: RuleState) -> None:
    own = workspace_no(connection, state.workspace)
    if state.revision == 0:
        row = connection.dialect.insert(alert_state).values(
            workspace_no=own, rule=state.rule, state=state.state, revision=1
        )
        written = execute(connection, row.on_conflict_do_nothing())
    else:
        place = and_(_s.workspace_no == own, _s.rule == state.rule, _s.revision == state.revision)
        row_after = {"state": state.state, "revision": state.revision + 1}
        written = execute(connection, update(alert_state).where(place).values(**row_after))
    if written.rowcount != 1:
        raise _OthersDidIt
