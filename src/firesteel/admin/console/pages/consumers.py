"""``/w/{workspace}/consumers``: who calls; a consumer's keys and the triggers that these open."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse

from firesteel.admin.access import Access
from firesteel.admin.console import authentication_form
from firesteel.admin.console.page import quoted, redirect, render
from firesteel.admin.console.pages.key_values import key_values
from firesteel.admin.resources import consumers, expiring_keys
from firesteel.admin.resources.given import (
    ConsumerName,
    Editor,
    EngineGiven,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.engine import Engine
from firesteel.engine.owned_keys import KeysOf
from firesteel.engine.publishing import Publisher
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
    publisher: PublisherGiven,
    access: Viewer,
) -> HTMLResponse:
    """Its keys and what they open."""
    return await consumer_page(request, workspace, consumer, (engine, publisher, access))


@router.post("/{consumer}/rename")
async def rename_consumer(
    request: Request,
    workspace: WorkspaceName,
    consumer: ConsumerName,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> Response:
    """Another name; its page is at another address then."""
    name = _text(await request.form(), "name")
    try:
        renamed = await publisher.granting.rename(workspace, consumer, name, actor=access.actor())
    except CallerError as error:
        given, wrong = (engine, publisher, access), {"name": name, "name_fault": error.detail}
        return await consumer_page(request, workspace, consumer, given, status=422, **wrong)
    note = f"{consumer} is now {renamed.name}."
    return redirect(request, _path(workspace, renamed.name), note=note)


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
        given, fault = (engine, publisher, access), error.detail
        return await consumer_page(request, workspace, consumer, given, status=422, fault=fault)
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
        kinds=authentication_form.KINDS,
        expiring=await expiring_keys.list_expiring_keys(workspace, engine, access),
        **values,
    )


async def consumer_page(
    request: Request,
    workspace: str,
    consumer: str,
    given: tuple[Engine, Publisher, Access],
    *,
    status: int = 200,
    **shown: Any,
) -> HTMLResponse:
    """The page of one; ``shown``: what an act has to say."""
    engine, _publisher, access = given
    found = await consumers.show_consumer(workspace, consumer, engine, access)
    values: dict[str, Any] = {"fault": "", "name": consumer, "name_fault": ""}
    if found.registered:
        values |= await key_values(KeysOf("consumer", workspace, consumer), *given)
    return await render(
        request,
        "consumers/consumer.html",
        status=status,
        consumer=found,
        integrations=await engine.catalog.integrations(workspace),
        kinds=authentication_form.KINDS,
        **{**values, **shown},
    )


def _path(workspace: str, consumer: str) -> str:
    return f"/w/{quoted(workspace)}/consumers/{quoted(consumer)}"


def _text(form: FormData, name: str) -> str:
    return str(form.get(name) or "").strip()
