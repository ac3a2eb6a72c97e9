"""Workspaces: how long they keep their messages. What runs inside a transaction."""

from __future__ import annotations

from sqlalchemy import select, update

from firesteel.errors import CallerError
from firesteel.store.catalog import Kept
from firesteel.store.schema import workspace
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_one

_w = workspace.c


def kept(connection: Connection, name: str) -> Kept:
    """Raises CallerError ``unknown_workspace``."""
    found = select(_w.history_s, _w.payloads_s, _w.archive).where(_w.name == name)
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError(f"there is no workspace {name}", code="unknown_workspace")
    history_s, payloads_s, archive = row
    return Kept(history_s, payloads_s, flag_or_none(archive))


def set_kept(change: Change, name: str, wanted: Kept) -> None:
    """Raises CallerError ``unknown_workspace``."""
    if kept(change.connection, name) == wanted:
        return
    values = {
        "history_s": wanted.history_s,
        "payloads_s": wanted.payloads_s,
        "archive": wanted.archive,
    }
    execute(change.connection, update(workspace).where(_w.name == name).values(**values))
    change.note("workspace.retention", name, _written(wanted))


def _written(wanted: Kept) -> str:
    """For the audit log."""
    given = {"history": wanted.history_s, "payloads": wanted.payloads_s}
    texts = [f"{key} {seconds} s" for key, seconds in given.items() if seconds is not None]
    if wanted.archive is not None:
        texts.append(f"archive {'on' if wanted.archive else 'off'}")
    return ", ".join(texts) or "as the node"


def flag_or_none(value: int | bool | None) -> bool | None:
    """SQLite keeps a flag as a number."""
    return None if value is None else bool(value)
