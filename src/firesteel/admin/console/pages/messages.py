"""``/w/{workspace}/messages``: the list with its filters, live, and the search for a text."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from firesteel.admin import shapes
from firesteel.admin.console.page import fragment, from_htmx, quoted, render
from firesteel.admin.console.selected import address, described, read_query, selection_fields
from firesteel.admin.console.shown import mark_of, unchanged
from firesteel.admin.resources.finding import search_messages, stream_messages
from firesteel.admin.resources.given import EngineGiven, PayloadReader, Viewer, WorkspaceName
from firesteel.admin.resources.messages import list_messages
from firesteel.engine.bulk import STATES
from firesteel.engine.engine import Engine

router = APIRouter(prefix="/w/{workspace}/messages", include_in_schema=False)


@router.get("")
async def show_messages(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Viewer
) -> Response:
    """A page of the list; its rows alone for htmx; what holds a text where one was given."""
    query = read_query(request, shapes.MessagesQuery)
    text = request.query_params.get("text", "").strip()
    fields = selection_fields(query)
    path = f"/w/{quoted(workspace)}/messages"
    values: dict[str, Any] = {
        "query": query,
        "text": text,
        "conditions": described(query),
        "list_address": address(path, fields),
        "stream_address": address(f"{path}/stream", fields),
        "bulk_address": _bulk_address(workspace, query, fields),
        "erase_address": _erase_address(workspace, query, fields),
    }
    if text:
        values["found_address"] = address(f"{path}/found", fields | {"text": text})
        page: Any = None
    else:
        page = await list_messages(workspace, query, engine, access)
        values["next_address"] = address(path, fields | {"cursor": page.next or ""})
    values |= {"page": page, "shown_mark": mark_of([page] if page else [])}
    if from_htmx(request):
        same = unchanged(request, values["shown_mark"])
        return same or fragment(request, "messages/rows.html", **values)
    choices = await _choices(engine, workspace)
    return await render(request, "messages/list.html", **values, **choices)


@router.get("/stream")
async def stream(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Viewer
) -> Response:
    """The same events as the REST API's, for the page's scripts: a browser sends no header of ours
    with them."""
    query = read_query(request, shapes.StreamQuery)
    return await stream_messages(workspace, query, request, engine, access)


@router.get("/found")
async def find_text(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: PayloadReader
) -> Response:
    """A piece of the search: what it found, and where the next one begins."""
    query = read_query(request, shapes.TextQuery)
    piece = await search_messages(workspace, query, engine, access)
    path = f"/w/{quoted(workspace)}/messages/found"
    fields = selection_fields(query) | {"text": query.text, "cursor": piece.next or ""}
    values: dict[str, Any] = {
        "piece": piece,
        "text": query.text,
        "first": query.cursor is None,
        "next_address": address(path, fields),
    }
    if from_htmx(request):
        return fragment(request, "messages/found.html", **values)
    return await render(request, "messages/found_page.html", **values)


def _bulk_address(
    workspace: str, query: shapes.MessageSelection, fields: dict[str, str]
) -> str | None:
    """Where all that is listed can be acted on; None where no act fits."""
    acts = [act for act, states in STATES.items() if query.state in states and act != "erase"]
    if not acts:
        return None
    return address(f"/w/{quoted(workspace)}/bulk/new", fields | {"act": acts[0]})


def _erase_address(
    workspace: str, query: shapes.MessageSelection, fields: dict[str, str]
) -> str | None:
    """Where all that is listed can be erased; None where everything is."""
    if not fields or query.state in ("waiting", "running"):
        return None
    return address(f"/w/{quoted(workspace)}/bulk/new", fields | {"act": "erase"})


async def _choices(engine: Engine, workspace: str) -> dict[str, Any]:
    """What the filters offer."""
    published = await engine.catalog.integrations(workspace)
    names = {name for item in published for name in item.document.get("search") or {}}
    consumers = set()
    for item in published:
        consumers |= {key.label for key in await engine.catalog.keys(item.trigger_no)}
    return {
        "integrations": [item.name for item in published],
        "search_names": sorted(names),
        "consumers": sorted(consumers),
    }
