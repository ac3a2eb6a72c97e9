"""All API keys of a workspace that expire soon, of triggers and of consumers."""

from __future__ import annotations

from fastapi import APIRouter

from firesteel.admin import shapes, views_keys
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.callers.parties import parties
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import EngineGiven, Viewer, WorkspaceName
from firesteel.engine.connection_publishing import require_workspace

router = APIRouter(prefix="/workspaces/{workspace}", tags=["consumers"], route_class=JsonRoute)


@router.get("/expiring-keys", responses=responses("unknown_workspace"))
async def list_expiring_keys(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.ExpiringKeyShape]:
    """API keys of triggers and consumers that expire within the days of the setting
    ``key_warning_days``, or have expired; the first to expire first."""
    await require_workspace(engine.catalog, workspace)
    found: list[shapes.ExpiringKeyShape | None] = []
    for item in await parties(engine.catalog, workspace):
        of_consumer = [views_keys.expiring(k, engine, ("consumer", item.name)) for k in item.keys]
        of_triggers = [
            views_keys.expiring(key, engine, ("integration", trigger.name))
            for trigger, key in item.labelled
        ]
        found += [*of_consumer, *of_triggers]
    return sorted((key for key in found if key is not None), key=lambda key: key.expires_at)
