"""Connections and secrets of a workspace on SQLite: what runs inside a transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import ManagedBy, StoredConnection
from firesteel.store.schema import connection as connection_table
from firesteel.store.schema import secret, workspace
from firesteel.store.sql.catalog_rows import Change, to_text, workspace_no
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What ``Catalog.put_connection`` was called with."""

    workspace: str
    name: str
    document: dict[str, Any]
    managed_by: ManagedBy


def connections(connection: Connection, workspace_name: str) -> list[StoredConnection]:
    """The connections of a workspace by name; none where there is no such workspace."""
    c = connection_table.c
    found = (
        select(workspace.c.name, c.name, c.document, c.managed_by, c.changed_at_us)
        .join(workspace, c.workspace_no == workspace.c.no)
        .where(workspace.c.name == workspace_name)
        .order_by(c.name)
    )
    return [
        StoredConnection(owner, name, json.loads(document), managed_by, changed_at_us)
        for owner, name, document, managed_by, changed_at_us in fetch_all(connection, found)
    ]


def put_connection(change: Change, new: NewConnection) -> bool:
    """True if it changed."""
    c = connection_table.c
    own = workspace_no(change.connection, new.workspace)
    place = and_(c.workspace_no == own, c.name == new.name)
    row = {"document": to_text(new.document), "managed_by": new.managed_by}
    current = fetch_one(change.connection, select(c.document, c.managed_by).where(place))
    if current == tuple(row.values()):
        return False
    row_at = {**row, "changed_at_us": change.now_us}
    if current is None:
        named = insert(connection_table).values(workspace_no=own, name=new.name, **row_at)
        execute(change.connection, named)
    else:
        execute(change.connection, update(connection_table).where(place).values(**row_at))
    change.note("connection.put", f"{new.workspace}/{new.name}")
    return True


def delete_connection(change: Change, workspace_name: str, name: str) -> None:
    """Raises CallerError ``unknown_connection``."""
    c = connection_table.c
    own = workspace_no(change.connection, workspace_name)
    gone = delete(connection_table).where(c.workspace_no == own, c.name == name)
    if not execute(change.connection, gone).rowcount:
        raise CallerError("the workspace has no connection of that name", code="unknown_connection")
    change.note("connection.delete", f"{workspace_name}/{name}")


def secrets(connection: Connection, workspace_name: str) -> dict[str, bytes]:
    """Name -> sealed value."""
    found = (
        select(secret.c.name, secret.c.sealed)
        .join(workspace, secret.c.workspace_no == workspace.c.no)
        .where(workspace.c.name == workspace_name)
        .order_by(secret.c.name)
    )
    return dict(fetch_all(connection, found))


def put_secret(change: Change, workspace_name: str, name: str, sealed: bytes) -> None:
    """Write or replace a secret. Sealing is random, so every call is a change."""
    own = workspace_no(change.connection, workspace_name)
    place = _secret_at(own, name)
    row = {"sealed": sealed, "changed_at_us": change.now_us}
    if not execute(change.connection, update(secret).where(place).values(**row)).rowcount:
        execute(change.connection, insert(secret).values(workspace_no=own, name=name, **row))
    change.note("secret.put", f"{workspace_name}/{name}")


def delete_secret(change: Change, workspace_name: str, name: str) -> None:
    """Raises CallerError ``unknown_secret``."""
    own = workspace_no(change.connection, workspace_name)
    if not execute(change.connection, delete(secret).where(_secret_at(own, name))).rowcount:
        raise CallerError("the workspace has no secret of that name", code="unknown_secret")
    change.note("secret.delete", f"{workspace_name}/{name}")


def _secret_at(own: int, name: str) -> ColumnElement[bool]:
    return and_(secret.c.workspace_no == own, secret.c.name == name)
