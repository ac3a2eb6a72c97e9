"""The audit log: what runs inside a transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select

from firesteel.errors import CallerError
from firesteel.store.catalog import AuditEntry, AuditFilter
from firesteel.store.schema import audit
from firesteel.store.sql.catalog_rows import Change
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import fetch_all, fetch_one


def entries(connection: Connection, wanted: AuditFilter) -> list[AuditEntry]:
    """Latest first."""
    c = audit.c
    found = select(c.no, c.at_us, c.actor, c.action, c.subject, c.detail)
    found = found.where(*_conditions(wanted)).order_by(c.no.desc()).limit(wanted.limit)
    return [AuditEntry(*row) for row in fetch_all(connection, found)]


def refuse_changed_since(change: Change, since: int | None, kind: str, subject: str) -> None:
    """Where anybody else than who changes it now has done something of that kind to the subject
    behind that entry: what was decided before is to be decided anew. Raises CallerError
    ``changed_meanwhile``."""
    if since is None:
        return
    c = audit.c
    others = select(c.actor).where(
        c.no > since,
        c.action.startswith(kind + ".", autoescape=True),
        c.subject == subject,
        c.actor != change.actor,
    )
    row = fetch_one(change.connection, others.limit(1))
    if row is not None:
        raise CallerError(f"{row[0]} has changed it meanwhile", code="changed_meanwhile")


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    c, found = audit.c, []
    if wanted.before_no is not None:
        found.append(c.no < wanted.before_no)
    if wanted.actor is not None:
        found.append(c.actor == wanted.actor)
    if wanted.action is not None:
        kind = c.action.startswith(wanted.action + ".", autoescape=True)
        found.append(or_(c.action == wanted.action, kind))
    if wanted.subject is not None:
        found.append(c.subject.contains(wanted.subject, autoescape=True))
    if wanted.exact_subject is not None:
        found.append(c.subject == wanted.exact_subject)
    if wanted.from_us is not None:
        found.append(c.at_us >= wanted.from_us)
    if wanted.until_us is not None:
        found.append(c.at_us < wanted.until_us)
    return found
