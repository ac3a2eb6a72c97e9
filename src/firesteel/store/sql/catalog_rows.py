"""What all parts of the catalog on SQLite share: finding rows by name, writing the audit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from firesteel.errors import CallerError
from firesteel.store.schema import NOT_REMOVED, audit, integration, workspace
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_one


@dataclass(frozen=True, slots=True)
class Change:
    """One change in its transaction: the writer's connection, the time, and who does it."""

    connection: Connection
    now_us: int
    actor: str

    def note(self, action: str, subject: str, detail: str = "") -> None:
        """Write the audit entry."""
        row = {"actor": self.actor, "action": action, "subject": subject, "detail": detail}
        execute(self.connection, insert(audit).values(at_us=self.now_us, **row))


def workspace_no(connection: Connection, name: str) -> int:
    """Raises CallerError ``unknown_workspace``."""
    row = fetch_one(connection, select(workspace.c.no).where(workspace.c.name == name))
    if row is None:
        raise CallerError("there is no such workspace", code="unknown_workspace")
    return int(row[0])


def trigger_no(connection: Connection, workspace_name: str, name: str) -> int:
    """Raises CallerError ``unknown_integration``."""
    found = (
        select(integration.c.no)
        .join(workspace, integration.c.workspace_no == workspace.c.no)
        .where(workspace.c.name == workspace_name, integration.c.name == name, NOT_REMOVED)
    )
    row = fetch_one(connection, found)
    if row is None:
        raise CallerError(
            "the workspace has no integration of that name", code="unknown_integration"
        )
    return int(row[0])


def to_text(document: dict[str, Any]) -> str:
    """A document as it is stored and compared: JSON without spaces, keys in their order."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
