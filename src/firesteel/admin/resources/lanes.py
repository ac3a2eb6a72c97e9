"""Lanes: what waits in them and why; pause and resume."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from firesteel.admin import shapes, views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    EngineGiven,
    Operator,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.connection_publishing import require_workspace

router = APIRouter(prefix="/workspaces/{workspace}/lanes", tags=["lanes"], route_class=JsonRoute)

_UNKNOWN = ("unknown_workspace", "unknown_integration")


@router.get("", responses=responses(*_UNKNOWN))
async def list_lanes(
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    _access: Viewer,
    integration: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[shapes.LaneShape]:
    """Lanes with waiting or running executions and paused ones, longest first."""
    await require_workspace(engine.catalog, workspace)
    if integration is not None:
        found = await publisher.find(workspace, integration)
        lanes = await engine.journal.lanes(found.trigger_no, limit)
        return [views.lane(item, workspace, integration) for item in lanes]
    names = {item.trigger_no: item.name for item in await engine.catalog.integrations(workspace)}
    lanes = await engine.journal.lanes(None, limit)
    own = [item for item in lanes if item.trigger_no in names]
    return [views.lane(item, workspace, names[item.trigger_no]) for item in own]


@router.post("/pause", status_code=204, responses=responses(*_UNKNOWN))
async def pause_lane(
    workspace: WorkspaceName,
    act: shapes.LaneActShape,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Operator,
) -> None:
    """Start nothing more of a lane, or of a whole trigger; what runs ends. Calls are accepted."""
    found = await publisher.find(workspace, act.integration)
    await engine.pause(found.trigger_no, act.key, access.actor(act.why))


@router.post("/resume", status_code=204, responses=responses(*_UNKNOWN))
async def resume_lane(
    workspace: WorkspaceName,
    act: shapes.LaneActShape,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Operator,
) -> None:
    """Go on; a lane paused at a failed message goes on behind it."""
    found = await publisher.find(workspace, act.integration)
    await engine.resume(found.trigger_no, act.key, access.actor(act.why))
