"""``/w/{workspace}/integrations/{name}``: the trigger page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from firesteel.admin.access import Access
from firesteel.admin.console import authentication_form, trigger_form
from firesteel.admin.console.draft import Editing, examined, load, save, told_before
from firesteel.admin.console.page import render
from firesteel.admin.console.pages.key_values import key_values
from firesteel.admin.console.trigger_view import view
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.engine import Engine
from firesteel.engine.owned_keys import KeysOf
from firesteel.engine.publishing import Publisher

router = APIRouter(prefix="/w/{workspace}/integrations/{name}", include_in_schema=False)


@router.get("")
async def show_trigger(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
) -> HTMLResponse:
    """The draft, or what is published where there is none."""
    editing = await load(request, workspace, name)
    return await trigger_page(request, editing, (engine, publisher, access))


@router.post("")
async def save_trigger(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Save, as a draft or published."""
    form = await request.form()
    editing = await load(request, workspace, name)
    document = trigger_form.changed(editing.document, form)
    saved = await save(request, editing, document, form)
    if isinstance(saved, Response):
        return saved
    return await trigger_page(request, saved, (engine, publisher, access), status=412)


@router.post("/edit")
async def edit_trigger(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> HTMLResponse:
    """The page with a part added or removed; nothing is saved."""
    form = await request.form()
    act = str(form.get("act") or "")
    editing = await load(request, workspace, name)
    sent = str(form.get("etag") or editing.etag)
    document = trigger_form.with_act(trigger_form.changed(editing.document, form), act)
    found = told_before(await examined(request, editing, document), editing)
    shown = replace(found, etag=sent)
    given = (engine, publisher, access)
    return await trigger_page(request, shown, given, unsaved=True, act=act)


async def trigger_page(
    request: Request,
    editing: Editing,
    given: tuple[Engine, Publisher, Access],
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """The page as it is edited; ``values``: what an act has to say."""
    engine, publisher, access = given
    more = {"unsaved": editing.conflict is not None, "act": ""}
    owner = KeysOf("trigger", editing.workspace, editing.name)
    keys = await key_values(owner, engine, publisher, access)
    granted: list[str] = []
    if not editing.never_published:
        published = await publisher.find(editing.workspace, editing.name)
        granted = await publisher.consumers.granted(published.trigger_no)
    return await render(
        request,
        "trigger/trigger.html",
        status=status,
        editing=editing,
        view=view(editing, len(keys["keys"])),
        url=engine.public.of(editing.published.path),
        methods=trigger_form.METHODS,
        types=trigger_form.TYPES,
        kinds=authentication_form.KINDS,
        presets=authentication_form.PRESETS,
        granted=granted,
        handshakes=authentication_form.HANDSHAKES,
        **{**more, **keys, **values},
    )
