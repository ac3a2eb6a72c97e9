"""``/w/{workspace}/failed`` and ``.../bulk``: what failed, grouped; acts on many, with progress."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from firesteel.admin import shapes
from firesteel.admin.console.page import fragment, from_htmx, quoted, redirect, render
from firesteel.admin.console.selected import (
    address,
    described,
    read_fields,
    read_query,
    selection_fields,
)
from firesteel.admin.resources.bulk import (
    BulkNumber,
    begin_bulk,
    cancel_bulk,
    count_bulk,
    list_bulk,
    show_bulk,
)
from firesteel.admin.resources.finding import list_failures
from firesteel.admin.resources.given import EngineGiven, Operator, Viewer, WorkspaceName
from firesteel.engine.bulk import STATES

router = APIRouter(prefix="/w/{workspace}", include_in_schema=False)

WORDS = {"replay": "Replay", "cancel": "Cancel", "skip": "Skip", "erase": "Erase"}


@router.get("/failed")
async def show_failed(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Viewer
) -> Response:
    """Failed messages that nobody has replayed, by what they have in common."""
    given = read_query(request, shapes.MessageSelection)
    selection = given.model_copy(update={"unrepeated": True, "state": "failed"})
    failures = await list_failures(workspace, selection, engine, access)
    base = f"/w/{quoted(workspace)}"
    groups = []
    for group in failures.groups:
        own = selection.model_copy(
            update={"integration": group.integration, "failure_code": group.code}
        )
        fields = selection_fields(own)
        listed = address(f"{base}/messages", fields)
        bulk = address(f"{base}/bulk/new", fields | {"act": "replay"})
        groups.append((group, listed, bulk))
    every = address(f"{base}/bulk/new", selection_fields(selection) | {"act": "replay"})
    return await render(
        request,
        "failed/failed.html",
        selection=selection,
        integrations=[item.name for item in await engine.catalog.integrations(workspace)],
        groups=groups,
        failures=failures,
        every=every,
        acts=await list_bulk(workspace, engine, access),
        words=WORDS,
    )


@router.get("/bulk/new")
async def ask_bulk(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Operator
) -> Response:
    """How many it would be about, and whether that is meant."""
    query = read_query(request, shapes.BulkCountQuery)
    if query.act == "erase":
        access.require("administer")
    count = await count_bulk(workspace, query, engine, access)
    fields = selection_fields(query)
    path = f"/w/{quoted(workspace)}/bulk/new"
    others = [
        (WORDS[act], address(path, fields | {"act": act}))
        for act, states in STATES.items()
        if act != query.act
        and query.state in states
        and (act != "erase" or access.may("administer"))
    ]
    return await render(
        request,
        "bulk/new.html",
        act=query.act,
        word=WORDS[query.act],
        others=others,
        count=count,
        fields=fields,
        conditions=described(query),
        listed=address(f"/w/{quoted(workspace)}/messages", fields),
    )


@router.post("/bulk")
async def begin(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Operator
) -> Response:
    """Begin, and on to its progress."""
    form: dict[str, Any] = dict(await request.form())
    selection = read_fields(form, shapes.MessageSelection)
    given = {name: form.get(name) for name in ("act", "until", "why")}
    whole = shapes.SelectionShape(**selection.model_dump())
    new = read_fields({**given, "selection": whole}, shapes.NewBulkShape)
    begun = await begin_bulk(workspace, new, engine, access)
    return redirect(request, f"/w/{quoted(workspace)}/bulk/{begun.number}")


@router.get("/bulk/{number}")
async def show(
    request: Request,
    workspace: WorkspaceName,
    number: BulkNumber,
    engine: EngineGiven,
    access: Viewer,
) -> Response:
    """How far it has come; for htmx the progress alone."""
    bulk = await show_bulk(workspace, number, engine, access)
    values: dict[str, Any] = {
        "bulk": bulk,
        "word": WORDS[bulk.act],
        "address": f"/w/{quoted(workspace)}/bulk/{number}",
        "percent": _percent(bulk),
    }
    if from_htmx(request):
        return fragment(request, "bulk/progress.html", **values)
    return await render(
        request,
        "bulk/bulk.html",
        **values,
        conditions=described(bulk.selection),
    )


@router.post("/bulk/{number}/cancel")
async def cancel(
    request: Request,
    workspace: WorkspaceName,
    number: BulkNumber,
    engine: EngineGiven,
    access: Operator,
) -> Response:
    """Do no more of it."""
    ended = await cancel_bulk(workspace, number, engine, access)
    note = "It had ended already." if ended.state == "done" else "Cancelled: what was done stays."
    return redirect(request, f"/w/{quoted(workspace)}/bulk/{number}", note=note)


def _percent(bulk: shapes.BulkShape) -> int:
    if bulk.state == "done" or bulk.total == 0:
        return 100
    return min(99, 100 * (bulk.done + bulk.passed_over) // bulk.total)
