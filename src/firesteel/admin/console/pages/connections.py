"""Connections and secrets of the workspace: listed, added, changed, tested, deleted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from firesteel.admin import shapes
from firesteel.admin.console.connection_form import document_of, values_of
from firesteel.admin.console.page import fragment, from_htmx, quoted, redirect, render
from firesteel.admin.console.selected import shaped
from firesteel.admin.masking import masked_document
from firesteel.admin.resources import connections
from firesteel.admin.resources.connections import ConnectionName, SecretName
from firesteel.admin.resources.given import (
    Administrator,
    Editor,
    EngineGiven,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.ownership import Owner
from firesteel.errors import CallerError
from firesteel.model.connection import InvalidConnection

router = APIRouter(prefix="/w/{workspace}", include_in_schema=False)

NEW = "+new"
"""Where a new connection is written; no connection can have this name."""


@router.get("/connections")
async def list_connections(
    request: Request, workspace: WorkspaceName, publisher: PublisherGiven, access: Viewer
) -> Response:
    """All connections, and the names of the secrets."""
    found = await connections.list_connections(workspace, publisher, access)
    return await render(
        request,
        "connections/list.html",
        connections=[_listed(item) for item in found],
        secrets=await connections.list_secrets(workspace, publisher, access),
        new=NEW,
    )


@router.get("/connections/{name}")
async def show_connection(
    request: Request,
    workspace: WorkspaceName,
    name: ConnectionName,
    publisher: PublisherGiven,
    access: Viewer,
) -> Response:
    """The form of a connection, or of a new one."""
    if name == NEW:
        return await _form(request, name, values=values_of({}))
    found = await connections.show_connection(workspace, name, publisher, access)
    values = values_of(found.document)
    return await _form(request, name, values=values, managed_by=found.managed_by)


@router.post("/connections/{name}")
async def put_connection(
    request: Request,
    workspace: WorkspaceName,
    name: ConnectionName,
    publisher: PublisherGiven,
    access: Administrator,
) -> Response:
    """Publish what was filled in; what is wrong with it is told beside the form."""
    sent = {key: str(value) for key, value in (await request.form()).items()}
    form = {**values_of({}), **sent}  # fields of the other kind are not sent
    wanted = form.get("name", "").strip() if name == NEW else name
    known = [item.name for item in await publisher.connections.all(workspace)]
    try:
        if name == NEW and wanted in known:
            raise CallerError(f"there is a connection {wanted} already", code="name_invalid")
        await publisher.connections.put(
            workspace, wanted, document_of(form), owner=Owner("console"), actor=access.actor()
        )
    except InvalidConnection as error:
        faults = [". ".join(filter(None, (item.detail, item.hint))) for item in error.faults]
        return await _form(request, name, values=form, faults=faults)
    except CallerError as error:
        if error.code != "name_invalid":
            raise
        return await _form(request, name, values=form, faults=[error.detail])
    note = f"The connection {wanted} is in force for every step that begins from now on."
    return redirect(request, f"/w/{quoted(workspace)}/connections", note=note)


@router.post("/connections/{name}/delete")
async def delete_connection(
    request: Request,
    workspace: WorkspaceName,
    name: ConnectionName,
    publisher: PublisherGiven,
    access: Administrator,
) -> Response:
    """Steps that use it fail from now on."""
    await connections.delete_connection(workspace, name, publisher, access)
    note = f"The connection {name} was deleted."
    return redirect(request, f"/w/{quoted(workspace)}/connections", note=note)


@router.post("/connections/{name}/test")
async def test_connection(
    request: Request,
    workspace: WorkspaceName,
    name: ConnectionName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Let a worker connect."""
    tested = await connections.test_connection(workspace, name, engine, publisher, access)
    if from_htmx(request):
        return fragment(request, "connections/tested.html", name=name, tested=tested)
    note, tone = f"{name} works.", "success"
    if tested.failure is not None:
        note, tone = f"{name} does not work: {tested.failure.detail}", "danger"
    to = f"/w/{quoted(workspace)}/connections"
    return redirect(request, to, note=note, tone="success" if tone == "success" else "danger")


@router.post("/secrets")
async def put_secret(
    request: Request, workspace: WorkspaceName, publisher: PublisherGiven, access: Administrator
) -> Response:
    """Set a secret, new or not."""
    form = await request.form()
    name, value = str(form.get("name", "")).strip(), str(form.get("value", ""))
    to = f"/w/{quoted(workspace)}/connections#secrets"
    if not value:
        return redirect(request, to, note="A secret has a value.", tone="danger")
    try:
        await connections.put_secret(
            workspace, name, shaped(shapes.SecretShape, value=value), publisher, access
        )
    except CallerError as error:
        if error.code != "name_invalid":
            raise
        return redirect(request, to, note=f"Not set: {error.detail}.", tone="danger")
    return redirect(request, to, note=f"The secret {name} is set. Its value is not shown again.")


@router.post("/secrets/{name}/delete")
async def delete_secret(
    request: Request,
    workspace: WorkspaceName,
    name: SecretName,
    publisher: PublisherGiven,
    access: Administrator,
) -> Response:
    """Connections that name it do not work from now on."""
    await connections.delete_secret(workspace, name, publisher, access)
    to = f"/w/{quoted(workspace)}/connections#secrets"
    return redirect(request, to, note=f"The secret {name} was deleted.")


def _listed(item: shapes.ConnectionShape) -> dict[str, Any]:
    return {**item.model_dump(), **values_of(masked_document(item.document))}


async def _form(request: Request, name: str, **shown: Any) -> Response:
    faults = shown.get("faults", [])
    more = {"faults": faults, "managed_by": "console", **shown}
    return await render(
        request,
        "connections/form.html",
        status=422 if faults else 200,
        name=name,
        is_new=name == NEW,
        **more,
    )
