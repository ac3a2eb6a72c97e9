"""``/w/{workspace}``: the overview."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from firesteel.admin.console.page import render
from firesteel.admin.resources.given import EngineGiven, Viewer, WorkspaceName
from firesteel.engine.connection_publishing import require_workspace

router = APIRouter(include_in_schema=False)


@router.get("/w/{workspace}")
async def show_overview(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> HTMLResponse:
    """How the workspace is."""
    await require_workspace(engine.catalog, workspace)
    return await render(request, "overview/overview.html")
