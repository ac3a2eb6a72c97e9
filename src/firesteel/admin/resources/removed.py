"""What was accepted for integrations that have been removed since, and has not ended."""

from __future__ import annotations

from fastapi import APIRouter

from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import EngineGiven, Viewer, WorkspaceName
from firesteel.admin.shapes.pausing import RemovedIntegrationShape
from firesteel.admin.times import written
from firesteel.engine.connection_publishing import require_workspace

router = APIRouter(prefix="/workspaces/{workspace}", tags=["integrations"], route_class=JsonRoute)


@router.get("/removed-integrations", responses=responses("unknown_workspace"))
async def list_removed_integrations(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[RemovedIntegrationShape]:
    """Integrations that were removed, of which messages still wait or run: they go on as they were
    accepted, unless somebody cancels them."""
    await require_workspace(engine.catalog, workspace)
    return [
        RemovedIntegrationShape(
            integration=item.integration,
            waiting=item.waiting,
            running=item.running,
            oldest_received_at=written(item.oldest_received_at_us),
        )
        for item in await engine.history.unfinished(removed_of=workspace)
    ]
