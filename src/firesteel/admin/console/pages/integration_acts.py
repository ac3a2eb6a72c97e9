"""What the tabs of an integration have in common: the switch, the draft's end, taking over."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from firesteel.admin import shapes
from firesteel.admin.console import draft
from firesteel.admin.console.page import quoted, redirect
from firesteel.admin.resources.drafts import discard_draft
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    WorkspaceName,
)
from firesteel.admin.resources.integrations import switch_integration, take_over_integration
from firesteel.errors import CallerError
from firesteel.model.document import InvalidDocument

router = APIRouter(prefix="/w/{workspace}/integrations/{name}", include_in_schema=False)


def address(workspace: str, name: str) -> str:
    """Of the trigger page."""
    return f"/w/{quoted(workspace)}/integrations/{quoted(name)}"


@router.post("/switch")
async def switch(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """On or off."""
    on = bool((await request.form()).get("enabled"))
    act = shapes.SwitchShape(enabled=on)
    await switch_integration(workspace, name, act, engine, publisher, access)
    note = "Switched on: calls are accepted." if on else "Switched off: calls get 404."
    return redirect(request, address(workspace, name), note=note)


@router.post("/discard")
async def discard(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Throw the draft away, unless somebody has changed it since it was looked at."""
    etag = str((await request.form()).get("etag") or "*")
    to = address(workspace, name)
    try:
        await discard_draft(workspace, name, publisher, access, etag)
    except CallerError as error:
        if error.code == "changed_meanwhile":
            note = "Not discarded: somebody has changed the draft since you looked at it."
            return redirect(request, to, note=note, tone="warning")
        if error.code != "unknown_draft":
            raise
    return redirect(request, to, note="The draft was discarded.")


@router.post("/publish")
async def publish(
    request: Request, workspace: WorkspaceName, name: IntegrationName, _access: Editor
) -> Response:
    """Publish the draft as it is, over the version that is named."""
    form = await request.form()
    over = str(form.get("over") or "")
    to = address(workspace, name)
    try:
        done = await draft.publish(
            request,
            workspace,
            name,
            str(form.get("etag") or "*"),
            int(over) if over.isdecimal() else None,
        )
    except InvalidDocument:
        note = "Not published: what is wrong with the draft stands below."
        return redirect(request, to, note=note, tone="danger")
    except CallerError as error:
        if error.code not in ("changed_meanwhile", "unknown_draft"):
            raise
        note = "Not published: somebody has changed the draft, or published, since you looked."
        return redirect(request, to, note=note, tone="warning")
    return redirect(request, to, note=f"Version {done.version} is in force.")


@router.post("/take-over")
async def take_over(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """The console edits it from now on."""
    await take_over_integration(workspace, name, engine, publisher, access)
    note = "The console manages this integration now; its file is no longer published."
    return redirect(request, address(workspace, name), note=note)
