"""The audit log on SQLite: what runs inside a transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select

from firesteel.store.catalog import AuditEntry, AuditFilter
from firesteel.store.schema import audit
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import fetch_all


def entries(connection: Connection, wanted: AuditFilter) -> list[AuditEntry]:
    """Latest first."""
    c = audit.c
    found = select(c.no, c.at_us, c.actor, c.action, c.subject, c.detail)
    found = found.where(*_conditions(wanted)).order_by(c.no.desc()).limit(wanted.limit)
    return [AuditEntry(*row) for row in fetch_all(connection, found)]


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
    if wanted.from_us is not None:
        found.append(c.at_us >= wanted.from_us)
    if wanted.until_us is not None:
        found.append(c.at_us < wanted.until_us)
    return found
