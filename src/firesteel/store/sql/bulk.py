"""Bulk acts in SQL."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Select, delete, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.bulk import Bulk, BulkState, NewBulk, Step
from firesteel.store.history import MessageFilter
from firesteel.store.journal import Actor
from firesteel.store.schema import audit, bulk, workspace
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.database import Connection, Database
from firesteel.store.sql.queries import Row, execute, fetch_all, fetch_one, insert_numbered

KEPT: Final = 100

_b = bulk.c


class SqlBulkActs:
    """Implements ``store.bulk.BulkActs`` on a database."""

    def __init__(self, database: Database, *, clocks: Clocks) -> None:
        self._database = database
        self._clocks = clocks

    async def begin(self, new: NewBulk, actor: Actor) -> Bulk:
        now_us = self._clocks.wall_us()
        return await self._database.write(partial(_begin, new=new, actor=actor, now_us=now_us))

    async def step(self, no: int, step: Step) -> bool:
        return await self._database.write(partial(_step, no=no, step=step))

    async def end(self, no: int, state: Literal["done", "cancelled"], actor: Actor) -> bool:
        now_us = self._clocks.wall_us()
        return await self._database.write(
            partial(_end, no=no, state=state, actor=actor, now_us=now_us)
        )

    async def show(self, workspace: str, no: int) -> Bulk | None:
        found = await self._all(_bulks().where(_b.no == no, _of(workspace)))
        return found[0] if found else None

    async def latest(self, workspace: str, limit: int = 20) -> list[Bulk]:
        return await self._all(_bulks().where(_of(workspace)).order_by(_b.no.desc()).limit(limit))

    async def running(self) -> list[Bulk]:
        return await self._all(_bulks().where(_b.state == "running").order_by(_b.no))

    async def _all(self, found: Select[Any]) -> list[Bulk]:
        def work(connection: Connection) -> list[Bulk]:
            return [_bulk(row) for row in fetch_all(connection, found)]

        return await self._database.read(work)


def _of(name: str) -> Any:
    return workspace.c.name == name


def _bulks() -> Select[Any]:
    columns = (_b.state, _b.started_by, _b.why, _b.started_at_us, _b.ended_at_us, _b.until_no)
    counts = (_b.at_no, _b.total, _b.done, _b.passed_over)
    found = select(_b.no, workspace.c.name, _b.act, _b.selection, *columns, *counts)
    return found.join_from(bulk, workspace, workspace.c.no == _b.workspace_no)


def _bulk(row: Row) -> Bulk:
    no, name, act, selection, *rest = row
    return Bulk(no, name, act, msgspec.json.decode(selection, type=MessageFilter), *rest)


def _begin(connection: Connection, new: NewBulk, actor: Actor, now_us: int) -> Bulk:
    name = new.filter.workspace or ""
    row = fetch_one(connection, select(workspace.c.no).where(_of(name)))
    if row is None:
        raise CallerError(f"there is no workspace {name}", code="unknown_workspace")
    of_workspace = _b.workspace_no == row[0]
    if fetch_one(connection, select(_b.no).where(of_workspace, _b.state == "running")):
        raise CallerError("another bulk act of the workspace is running", code="bulk_running")
    number = insert_numbered(
        connection,
        insert(bulk).values(
            workspace_no=row[0],
            act=new.act,
            selection=msgspec.json.encode(new.filter).decode(),
            state="running",
            started_by=actor.name,
            why=actor.why,
            started_at_us=now_us,
            until_no=new.until_no,
            total=new.total,
        ),
    )
    old = select(_b.no).where(of_workspace).order_by(_b.no.desc()).limit(1).offset(KEPT - 1)
    for (oldest,) in fetch_all(connection, old):
        execute(connection, delete(bulk).where(of_workspace, _b.no < oldest))
    _note(connection, actor, f"bulk.{new.act}", f"{name}/{number}", now_us)
    (made,) = fetch_all(connection, _bulks().where(_b.no == number))
    return _bulk(made)


def _step(connection: Connection, no: int, step: Step) -> bool:
    come = update(bulk).where(_b.no == no, _b.state == "running")
    counted = come.values(
        at_no=step.at_no,
        done=_b.done + step.done,
        passed_over=_b.passed_over + step.passed_over,
    )
    return execute(connection, counted).rowcount > 0


def _end(connection: Connection, no: int, state: BulkState, actor: Actor, now_us: int) -> bool:
    over = update(bulk).where(_b.no == no, _b.state == "running")
    ended = execute(connection, over.values(state=state, ended_at_us=now_us)).rowcount > 0
    if ended:
        _forget_names(connection, no)
    if ended and state == "cancelled":
        ((name,),) = fetch_all(
            connection,
            select(workspace.c.name)
            .join_from(bulk, workspace, workspace.c.no == _b.workspace_no)
            .where(_b.no == no),
        )
        _note(connection, actor, "bulk.cancel_job", f"{name}/{no}", now_us)
    return ended


def _forget_names(connection: Connection, no: int) -> None:
    """After an erasure: take out of the workspace's acts whom and what it was about."""
    found = select(_b.act, _b.selection, _b.workspace_no).where(_b.no == no)
    ((act, selection, workspace_no),) = fetch_all(connection, found)
    if act != "erase":
        return
    erased = msgspec.json.decode(selection, type=MessageFilter)
    others = select(_b.no, _b.selection).where(_b.workspace_no == workspace_no)
    for number, text in fetch_all(connection, others):
        filter = msgspec.json.decode(text, type=MessageFilter)
        consumer = None if filter.consumer == erased.consumer else filter.consumer
        search = None if filter.search == erased.search else filter.search
        kept = replace(filter, consumer=consumer, search=search)
        if kept != filter:
            values = {"selection": msgspec.json.encode(kept).decode()}
            execute(connection, update(bulk).where(_b.no == number).values(**values))


def _note(connection: Connection, actor: Actor, action: str, subject: str, now_us: int) -> None:
    entry = {"at_us": now_us, "actor": actor.name, "detail": actor.why}
    execute(connection, insert(audit).values(**entry, action=action, subject=subject))
