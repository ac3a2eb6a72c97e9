"""``/w/{workspace}/integrations``: the list, a new one, one from a file, removing one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from firesteel.admin import shapes
from firesteel.admin.console.page import quoted, redirect, render
from firesteel.admin.console.pages.uploads import read_upload
from firesteel.admin.console.selected import shaped
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.integrations import (
    create_integration,
    list_integrations,
    remove_integration,
)
from firesteel.admin.resources.removed import list_removed_integrations
from firesteel.errors import CallerError
from firesteel.model.document import InvalidDocument

router = APIRouter(prefix="/w/{workspace}/integrations", include_in_schema=False)


@router.get("")
async def show_integrations(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Viewer
) -> HTMLResponse:
    """Every integration with how it is."""
    found = await list_integrations(workspace, engine, access)
    base = engine.public.of(f"/{workspace}/")
    removed = await list_removed_integrations(workspace, engine, access)
    return await render(
        request, "integrations/list.html", integrations=found, base=base, removed=removed
    )


@router.get("/new")
async def show_new(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, _access: Editor
) -> HTMLResponse:
    """What a new one needs: a name."""
    return await _new_page(request, workspace, engine)


@router.post("/new")
async def create(
    request: Request,
    workspace: WorkspaceName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Make it, and go on to its trigger page; with a file, its draft holds what the file says."""
    form = await request.form()
    given = {key: str(form.get(key) or "").strip() for key in ("name", "description")}
    name, faults = given["name"], {}
    try:
        document = await read_upload(form.get("file"))
    except InvalidDocument as error:
        return await _new_page(request, workspace, engine, given, {"file": _said(error)})
    try:
        name = name or str((document or {}).get("name") or "")
        new = shaped(
            shapes.NewIntegrationShape,
            name=name[:200],
            description=given["description"][:10_000] or None,
        )
        await create_integration(workspace, new, engine, publisher, Response(), access)
    except InvalidDocument as error:
        faults = {"name": _said(error)}
    except CallerError as error:
        if error.code != "name_taken":
            raise
        faults = {"name": f"There is an integration {name} already."}
    if faults:
        return await _new_page(request, workspace, engine, given, faults)
    to = f"/w/{quoted(workspace)}/integrations/{quoted(name)}"
    if document is None:
        note = "It is made, and switched off until you save it. Messages are only recorded then."
        return redirect(request, to, note=note, tone="info")
    await publisher.drafts.put_file(workspace, name, document, actor=access.actor())
    note = "The file stands in the draft. Look at it, add API keys, and save."
    return redirect(request, to, note=note, tone="info")


@router.post("/{name}/remove")
async def remove(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Gone with its keys; its messages stay until retention ends."""
    await remove_integration(workspace, name, publisher, access)
    to = f"/w/{quoted(workspace)}/integrations"
    return redirect(
        request, to, note=f"{name} was removed. Its messages stay until retention ends."
    )


async def _new_page(
    request: Request,
    workspace: str,
    engine: EngineGiven,
    given: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
) -> HTMLResponse:
    return await render(
        request,
        "integrations/new.html",
        status=422 if faults else 200,
        base=engine.public.of(f"/{workspace}/"),
        given=given or {"name": "", "description": ""},
        faults=faults or {},
    )


def _said(error: InvalidDocument) -> str:
    return "; ".join(
        f"line {fault.line}: {fault.detail}" if fault.line else fault.detail
        for fault in error.faults[:10]
    )
