"""The audit log: who changed what, and when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import Administrator, EngineGiven
from firesteel.admin.shapes import people as shapes
from firesteel.admin.times import read, written
from firesteel.store.catalog import AuditFilter

router = APIRouter(tags=["audit"], route_class=JsonRoute)


@router.get("/audit", responses=responses())
async def list_audit(
    engine: EngineGiven,
    _access: Administrator,
    query: Annotated[shapes.AuditQuery, Query()],
) -> shapes.AuditPage:
    """Who changed what, latest first."""
    entries = await engine.catalog.audit(
        AuditFilter(
            actor=query.actor,
            action=query.action,
            subject=query.subject,
            from_us=read(query.at_from) if query.at_from else None,
            until_us=read(query.at_until) if query.at_until else None,
            before_no=query.before,
            limit=query.limit,
        )
    )
    items = [
        shapes.AuditShape(
            number=entry.no,
            at=written(entry.at_us),
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
        )
        for entry in entries
    ]
    more = len(items) == query.limit
    return shapes.AuditPage(items=items, next=items[-1].number if more else None)
