"""Drafts of integrations on SQLite: what runs inside a transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from firesteel.errors import CallerError
from firesteel.store.catalog import Draft
from firesteel.store.schema import draft, workspace
from firesteel.store.sql.catalog_rows import Change, to_text, workspace_no
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class NewDraft:
    """What ``Catalog.put_draft`` was called with."""

    workspace: str
    name: str
    document: dict[str, Any]
    base_version: int
    expect_revision: int | None


def drafts(connection: Connection, workspace_name: str, name: str | None = None) -> list[Draft]:
    """The drafts of a workspace by name, or the one of that name."""
    c = draft.c
    found = (
        select(workspace.c.name, c.name, c.document, c.base_version, c.revision)
        .add_columns(c.changed_at_us, c.changed_by)
        .join(workspace, c.workspace_no == workspace.c.no)
        .where(workspace.c.name == workspace_name)
        .order_by(c.name)
    )
    if name is not None:
        found = found.where(c.name == name)
    rows = fetch_all(connection, found)
    return [Draft(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]


def put(change: Change, new: NewDraft) -> Draft:
    """Raises CallerError ``unknown_workspace``, ``changed_meanwhile``."""
    own = workspace_no(change.connection, new.workspace)
    before = _revision(change, new.workspace, new.name)
    _check(before, new.expect_revision)
    drop(change, new.workspace, new.name)
    # A clock that was set back makes no revision that a reader has seen before.
    revision = max(change.now_us, before + 1)
    row = insert(draft).values(
        workspace_no=own,
        name=new.name,
        document=to_text(new.document),
        base_version=new.base_version,
        revision=revision,
        changed_at_us=change.now_us,
        changed_by=change.actor,
    )
    execute(change.connection, row)
    change.note("draft.save", f"{new.workspace}/{new.name}", f"based on version {new.base_version}")
    (written,) = drafts(change.connection, new.workspace, new.name)
    return written


def discard(change: Change, workspace_name: str, name: str, expect_revision: int | None) -> None:
    """Raises CallerError ``unknown_draft``, ``changed_meanwhile``."""
    if not _revision(change, workspace_name, name):
        raise CallerError("the integration has no draft", code="unknown_draft")
    check_revision(change, workspace_name, name, expect_revision)
    drop(change, workspace_name, name)
    change.note("draft.discard", f"{workspace_name}/{name}")


def check_revision(
    change: Change, workspace_name: str, name: str, expect_revision: int | None
) -> None:
    """Raises CallerError ``changed_meanwhile`` where the draft has another revision."""
    _check(_revision(change, workspace_name, name), expect_revision)


def drop(change: Change, workspace_name: str, name: str) -> None:
    """Delete the draft, where there is one."""
    own = select(workspace.c.no).where(workspace.c.name == workspace_name).scalar_subquery()
    gone = delete(draft).where(draft.c.workspace_no == own, draft.c.name == name)
    execute(change.connection, gone)


def _revision(change: Change, workspace_name: str, name: str) -> int:
    found = (
        select(draft.c.revision)
        .join(workspace, draft.c.workspace_no == workspace.c.no)
        .where(workspace.c.name == workspace_name, draft.c.name == name)
    )
    row = fetch_one(change.connection, found)
    return 0 if row is None else int(row[0])


def _check(revision: int, expected: int | None) -> None:
    if expected is not None and expected != revision:
        raise CallerError(
            "the draft was changed since, or there is none any more", code="changed_meanwhile"
        )
