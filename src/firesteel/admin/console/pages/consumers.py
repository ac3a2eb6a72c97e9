"""``/w/{workspace}/consumers``: who calls; a consumer's keys and the triggers that these open."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse

from firesteel.admin import shapes
from firesteel.admin.access import Access
from firesteel.admin.console.page import redirect, render
from firesteel.admin.console.pages.key_values import OVERLAPS
from firesteel.admin.resources import consumer_keys as keys
from firesteel.admin.resources import consumers
from firesteel.admin.resources.given import (
    ConsumerName,
    Editor,
    EngineGiven,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.engine import Engine
from firesteel.errors import CallerError

router = APIRouter(prefix="/w/{workspace}/consumers", include_in_schema=False)


@router.get("")
async def show_consumers(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Viewer
) -> HTMLResponse:
    """By name."""
    return await _list(request, workspace, engine, access)


@router.post("")
async def add_consumer(
    request: Request,
    workspace: WorkspaceName,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> Response:
    """A consumer without keys; its page is next."""
    name = _text(await request.form(), "name")
    try:
        added = await publisher.granting.add(workspace, name, actor=access.actor())
    except CallerError as error:
        return await _list(request, workspace, engine, access, fault=error.detail, name=name)
    return redirect(request, _path(workspace, added.name), note=f"{added.name} is added.")


@router.get("/{consumer}")
async def show_consumer(
    request: Request,
    workspace: WorkspaceName,
    consumer: ConsumerName,
    engine: EngineGiven,
    access: Viewer,
) -> HTMLResponse:
    """Its keys and what they open."""
    return await _page(request, workspace, consumer, engine=engine, access=access)


@router.post("/{consumer}/keys/{act}")
async def act_on_key(
    request: Request,
    workspace: WorkspaceName,
    consumer: ConsumerName,
    act: str,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Viewer,
) -> HTMLResponse:
    """Add, rotate, end the overlap of, delete or reveal a key; a new secret is shown this once."""
    access.require("reveal" if act == "reveal" else "edit")
    form = await request.form()
    label, shown = _text(form, "label"), dict[str, Any]()
    where = (workspace, consumer)
    try:
        if act == "add":
            new = shapes.NewConsumerKeyShape(
                label=label or None, value=_text(form, "value") or None, expires=_day(form)
            )
            shown = {"added": await keys.add_consumer_key(*where, new, publisher, engine, access)}
        elif act == "rotate":
            rotation = shapes.RotationShape(
                expires=_day(form), overlap_s=float(_text(form, "overlap_s"))
            )
            rotated = await keys.rotate_consumer_key(
                *where, label, rotation, publisher, engine, access
            )
            shown = {"added": rotated}
        elif act == "end-overlap":
            await keys.end_consumer_key_overlap(*where, label, publisher, access)
        elif act == "delete":
            await keys.delete_consumer_key(*where, label, publisher, access)
        elif act == "reveal":
            shown = {"revealed": await keys.reveal_consumer_key(*where, label, publisher, access)}
        else:
            raise CallerError(code="not_found")
    except (CallerError, ValueError) as error:
        fault = error.detail if isinstance(error, CallerError) else "That is not a key or a day."
        shown = {"fault": fault}
    return await _page(request, *where, engine=engine, access=access, **shown)


@router.post("/{consumer}/grants")
async def set_grants(
    request: Request,
    workspace: WorkspaceName,
    consumer: ConsumerName,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> Response:
    """Exactly the ticked triggers are granted."""
    wanted = {str(name) for name in (await request.form()).getlist("integration")}
    current = await consumers.show_consumer(workspace, consumer, engine, access)
    held = {grant.integration for grant in current.grants}
    try:
        for name in sorted(wanted - held):
            await publisher.granting.grant(workspace, consumer, name, actor=access.actor())
        for name in sorted(held - wanted):
            await publisher.granting.revoke(workspace, consumer, name, actor=access.actor())
    except CallerError as error:
        where = (workspace, consumer)
        return await _page(request, *where, engine=engine, access=access, fault=error.detail)
    note = f"{consumer} may call {', '.join(sorted(wanted)) or 'nothing'}."
    return redirect(request, _path(workspace, consumer), note=note)


@router.post("/{consumer}/delete")
async def delete_consumer(
    request: Request,
    workspace: WorkspaceName,
    consumer: ConsumerName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """With its keys and grants."""
    await consumers.delete_consumer(workspace, consumer, publisher, access)
    return redirect(request, f"/w/{workspace}/consumers", note=f"{consumer} is deleted.")


async def _list(
    request: Request, workspace: str, engine: Engine, access: Access, **shown: Any
) -> HTMLResponse:
    values: dict[str, Any] = {"fault": "", "name": "", **shown}
    return await render(
        request,
        "consumers/consumers.html",
        status=422 if values["fault"] else 200,
        consumers=await consumers.list_consumers(workspace, engine, access),
        expiring=await keys.list_expiring_keys(workspace, engine, access),
        **values,
    )


async def _page(
    request: Request,
    workspace: str,
    consumer: str,
    *,
    engine: Engine,
    access: Access,
    **shown: Any,
) -> HTMLResponse:
    """``shown``: what an act has to say."""
    values: dict[str, Any] = {"fault": "", "added": None, "revealed": None, **shown}
    return await render(
        request,
        "consumers/consumer.html",
        status=422 if values["fault"] else 200,
        consumer=await consumers.show_consumer(workspace, consumer, engine, access),
        integrations=await engine.catalog.integrations(workspace),
        overlaps=OVERLAPS,
        **values,
    )


def _path(workspace: str, consumer: str) -> str:
    return f"/w/{quote(workspace, safe='')}/consumers/{quote(consumer, safe='')}"


def _text(form: FormData, name: str) -> str:
    return str(form.get(name) or "").strip()


def _day(form: FormData) -> date | None:
    text = _text(form, "expires")
    return date.fromisoformat(text) if text else None
