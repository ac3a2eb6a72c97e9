"""``/w/{workspace}/consumers``: who holds keys, of which triggers, and when they were used last."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from firesteel.admin.console.page import render
from firesteel.admin.resources.consumers import list_consumers
from firesteel.admin.resources.given import EngineGiven, Viewer, WorkspaceName

router = APIRouter(include_in_schema=False)


@router.get("/w/{workspace}/consumers")
async def show_consumers(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Viewer
) -> HTMLResponse:
    """By label."""
    found = await list_consumers(workspace, engine, access)
    today = datetime.fromtimestamp(engine.now_us() / 1e6, UTC).date()
    return await render(request, "consumers/consumers.html", consumers=found, today=today)
