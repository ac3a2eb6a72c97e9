"""``/``: on to the workspace's overview."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from firesteel.admin.console.page import quoted
from firesteel.admin.resources.given import EngineGiven, Viewer

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(engine: EngineGiven, _access: Viewer) -> RedirectResponse:
    """The node's own workspace."""
    return RedirectResponse(f"/w/{quoted(engine.workspace)}", 303)
