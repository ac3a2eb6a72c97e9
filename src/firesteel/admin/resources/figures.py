"""Figures: traffic over time, storage, and the node's settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from firesteel.admin import shapes
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Administrator,
    EngineGiven,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.settings_shown import settings_shown
from firesteel.admin.storage import retention_of, set_retention, storage_of
from firesteel.admin.traffic import traffic_of
from firesteel.engine.connection_publishing import require_workspace

router = APIRouter(tags=["node"], route_class=JsonRoute)

Span = Annotated[shapes.SpanName, Query(description="The span of time, which ends now.")]


@router.get(
    "/workspaces/{workspace}/traffic",
    responses=responses("unknown_workspace", "unknown_integration"),
)
async def show_traffic(
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    _access: Viewer,
    span: Span = "1h",
    integration: Annotated[str | None, Query(examples=["ItemPrice"])] = None,
) -> shapes.TrafficShape:
    """What happened to the workspace's integrations, or to one, step by step: calls, failures,
    percentiles of durations, what waited. The last ten seconds may still be missing."""
    await require_workspace(engine.catalog, workspace)
    if integration is not None:
        await publisher.find(workspace, integration)
    return await traffic_of(engine, workspace, span, integration)


@router.get("/storage", responses=responses())
async def show_storage(engine: EngineGiven, _access: Viewer) -> shapes.StorageShape:
    """What the store takes on disk, and how long messages are kept."""
    return await storage_of(engine)


@router.get("/workspaces/{workspace}/retention", responses=responses("unknown_workspace"))
async def show_retention(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> shapes.RetentionShape:
    """How long the workspace keeps messages and payloads, where an integration says nothing
    else."""
    return await retention_of(engine, workspace)


@router.put("/workspaces/{workspace}/retention", responses=responses("unknown_workspace"))
async def put_retention(
    workspace: WorkspaceName,
    wanted: shapes.RetentionShape,
    engine: EngineGiven,
    access: Administrator,
) -> shapes.RetentionShape:
    """Change it. What is older than that goes within minutes, and does not come back."""
    await set_retention(engine, workspace, wanted, access.name)
    return await retention_of(engine, workspace)


@router.get("/settings", responses=responses())
async def list_settings(engine: EngineGiven, _access: Administrator) -> list[shapes.SettingShape]:
    """What the node was started with, without secrets. A change needs a restart."""
    return settings_shown(engine.settings)
