"""``/w/{workspace}``: how the workspace is, in figures and charts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from firesteel.admin import shapes
from firesteel.admin.console.charts import charts_of
from firesteel.admin.console.page import fragment, from_htmx, render
from firesteel.admin.resources.expiring_keys import list_expiring_keys
from firesteel.admin.resources.figures import show_traffic
from firesteel.admin.resources.given import EngineGiven, PublisherGiven, Viewer, WorkspaceName
from firesteel.admin.resources.integrations import list_integrations
from firesteel.admin.resources.node import show_node

router = APIRouter(include_in_schema=False)

SPANS = (("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "30 days"))


@router.get("/w/{workspace}")
async def show_overview(
    request: Request,
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
    span: Annotated[shapes.SpanName, Query()] = "1h",
    integration: Annotated[str, Query()] = "",
) -> HTMLResponse:
    """Asked by htmx, only the figures are answered: the page asks again every quarter minute."""
    traffic = await show_traffic(workspace, engine, publisher, access, span, integration or None)
    values: dict[str, Any] = {
        "traffic": traffic,
        "charts": charts_of(traffic),
        "span": span,
        "integration": integration,
        "node": await show_node(engine, access),
        "settled": traffic.sum.succeeded + traffic.sum.failed,
    }
    if from_htmx(request):
        return fragment(request, "overview/figures.html", **values)
    names = [item.name for item in await list_integrations(workspace, engine, access)]
    expiring = await list_expiring_keys(workspace, engine, access)
    return await render(
        request,
        "overview/overview.html",
        spans=SPANS,
        names=names,
        expiring=expiring,
        **values,
    )
