"""``/pause``: whether anything is run, what would be, and the button that lets it go on."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from firesteel.admin.console.page import redirect, render
from firesteel.admin.console.selected import shaped
from firesteel.admin.resources.given import EngineGiven, Operator, Viewer
from firesteel.admin.resources.pausing import pause_everything, resume_everything, show_pause
from firesteel.admin.shapes.pausing import WhyShape

router = APIRouter(prefix="/pause", include_in_schema=False)


@router.get("")
async def show(request: Request, engine: EngineGiven, access: Viewer) -> HTMLResponse:
    """How it stands."""
    return await render(request, "node/pause.html", pause=await show_pause(engine, access))


@router.post("/begin")
async def begin(request: Request, engine: EngineGiven, access: Operator) -> Response:
    """Run nothing more."""
    await pause_everything(await _given(request), engine, access)
    return redirect(request, "/pause", note="Everything is paused: calls are accepted and wait.")


@router.post("/end")
async def end(request: Request, engine: EngineGiven, access: Operator) -> Response:
    """Let it go on."""
    await resume_everything(await _given(request), engine, access)
    return redirect(request, "/pause", note="Everything goes on.")


async def _given(request: Request) -> WhyShape:
    return shaped(WhyShape, why=str((await request.form()).get("why") or "")[:1000])
