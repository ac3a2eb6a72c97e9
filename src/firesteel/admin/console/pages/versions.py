"""``/w/{workspace}/integrations/{name}/versions``: what was published, compared, gone back to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import HTMLResponse

from firesteel.admin.console.draft import load
from firesteel.admin.console.page import redirect, render
from firesteel.admin.resources.etags import version_etag
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.versions import (
    DRAFT,
    export_integration,
    list_versions,
    restore_version,
    show_difference,
)
from firesteel.errors import CallerError
from firesteel.model.document import InvalidDocument

router = APIRouter(prefix="/w/{workspace}/integrations/{name}", include_in_schema=False)


@router.get("/versions")
async def show_versions(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
    old: str = Query("", max_length=9),
    new: str = Query("", max_length=9),
) -> HTMLResponse:
    """The versions, and two of them side by side: those that are asked for, or the latest two."""
    editing = await load(request, workspace, name)
    versions = await list_versions(workspace, name, engine, publisher, access)
    sides = [str(item.version) for item in versions]
    if editing.draft is not None:
        sides.insert(0, DRAFT)
    new = new if new in sides else sides[0]
    older = sides[sides.index(new) + 1 :]
    old = old if old in sides else (older or sides)[0]
    found = await show_difference(workspace, name, old, new, publisher, access)
    values: dict[str, Any] = {"versions": versions, "sides": sides, "difference": found}
    return await render(request, "versions/versions.html", editing=editing, **values)


@router.post("/versions/restore")
async def restore(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Publish an older version again, where nobody has published meanwhile."""
    form = await request.form()
    number, now = (str(form.get(key) or "") for key in ("number", "now"))
    to = request.url.path.removesuffix("/restore")
    if not number.isdecimal() or not now.isdecimal():
        raise CallerError("a version has a number", code="invalid_request")
    try:
        etag = version_etag(int(now))
        done = await restore_version(
            workspace, name, int(number), publisher, Response(), access, etag
        )
    except InvalidDocument as error:
        faults = "; ".join(fault.detail for fault in error.faults)
        note = f"Version {number} cannot be published as things are now: {faults}."
        return redirect(request, to, note=note, tone="danger")
    except CallerError as error:
        if error.code != "changed_meanwhile":
            raise
        note = "Nothing was changed: somebody has published another version meanwhile."
        return redirect(request, to, note=note, tone="warning")
    note = f"Version {done.version} is in force; it says what version {number} said."
    return redirect(request, to, note=note if done.changed else "It was the same already.")


@router.get("/export")
async def export(
    workspace: WorkspaceName, name: IntegrationName, publisher: PublisherGiven, access: Viewer
) -> Response:
    """The published integration as a file."""
    return await export_integration(workspace, name, publisher, access)
