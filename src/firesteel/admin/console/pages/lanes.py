"""``/w/{workspace}/lanes``: what waits in line, behind which message, and pausing it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from firesteel.admin import shapes
from firesteel.admin.console.page import fragment, from_htmx, quoted, redirect, render
from firesteel.admin.console.selected import address, shaped
from firesteel.admin.console.shown import mark_of, unchanged
from firesteel.admin.resources.given import (
    EngineGiven,
    Operator,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.lanes import list_lanes, pause_lane, resume_lane

router = APIRouter(prefix="/w/{workspace}/lanes", include_in_schema=False)


@router.get("")
async def show_lanes(
    request: Request,
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
) -> Response:
    """Lanes with something in them, the longest first; the table alone for htmx."""
    integration = request.query_params.get("integration") or None
    lanes = await list_lanes(workspace, engine, publisher, access, integration, 200)
    fields = {"integration": integration} if integration else {}
    path = f"/w/{quoted(workspace)}"
    values: dict[str, Any] = {
        "lanes": lanes,
        "integration": integration,
        "shown_mark": mark_of(lanes),
        "list_address": address(f"{path}/lanes", fields),
        "stream_address": address(f"{path}/messages/stream", fields),
    }
    if from_htmx(request):
        same = unchanged(request, values["shown_mark"])
        return same or fragment(request, "lanes/table.html", **values)
    published = await engine.catalog.integrations(workspace)
    ordered = [
        item.name
        for item in published
        if (item.document.get("trigger") or {}).get("ordered_delivery")
    ]
    return await render(
        request,
        "lanes/lanes.html",
        **values,
        ordered=ordered,
        integrations=[item.name for item in published],
    )


@router.post("/pause")
async def pause(
    request: Request,
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Operator,
) -> Response:
    """A lane, or all of a trigger."""
    act = await _act(request)
    await pause_lane(workspace, act, engine, publisher, access)
    what = "The trigger" if act.key is None else "The lane"
    note = f"{what} is paused: calls are accepted and wait."
    return redirect(request, f"/w/{quoted(workspace)}/lanes", note=note)


@router.post("/resume")
async def resume(
    request: Request,
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Operator,
) -> Response:
    """Go on."""
    act = await _act(request)
    await resume_lane(workspace, act, engine, publisher, access)
    what = "The trigger" if act.key is None else "The lane"
    return redirect(request, f"/w/{quoted(workspace)}/lanes", note=f"{what} goes on.")


async def _act(request: Request) -> shapes.LaneActShape:
    form = await request.form()
    return shaped(
        shapes.LaneActShape,
        integration=str(form.get("integration") or ""),
        key=None if form.get("whole") else str(form.get("key") or ""),
        why=str(form.get("why") or "")[:1000],
    )
