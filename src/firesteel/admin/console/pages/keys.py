"""API keys on the trigger page: added, copied, relabelled, deleted. Each acts at once.

With htmx only the list and its dialogs are put in anew, so that what stands unsaved in the page's
form is left alone; without scripts the whole page comes. Who adds a key while "Add authentication"
is not saved yet means both: the authentication is kept in the draft with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from firesteel.admin import shapes
from firesteel.admin.console.draft import Editing, keep, load
from firesteel.admin.console.page import fragment, from_htmx
from firesteel.admin.console.pages.key_values import key_values
from firesteel.admin.console.pages.trigger import trigger_page
from firesteel.admin.console.selected import shaped
from firesteel.admin.console.trigger_form import with_authentication
from firesteel.admin.resources.given import (
    ACCESS_KEY,
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.keys import (
    add_key,
    change_key,
    delete_key,
    end_key_overlap,
    reveal_key,
    rotate_key,
)
from firesteel.errors import CallerError
from firesteel.model.held_keys import asks_for_keys

router = APIRouter(prefix="/w/{workspace}/integrations/{name}/keys", include_in_schema=False)

ADD, CHANGE, ROTATE = "add-key", "change-key", "rotate-key"


@router.post("")
async def add(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """A key that is generated, pasted or another trigger's; a new secret is shown this once."""
    form = await request.form()
    try:
        new = _new_key(form)
        added = await add_key(workspace, name, new, publisher, engine, access)
    except CallerError as error:
        return await _keys(request, key_fault=error.detail, key_form=dict(form), key_dialog=ADD)
    kept = await _with_authentication(request, form)
    return await _keys(request, kept, added=added)


@router.post("/change")
async def change(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Another label or expiry."""
    form = await request.form()
    label = str(form.get("label") or "")
    try:
        changes = shaped(
            shapes.KeyChangesShape,
            label=_label(form, "new_label"),
            expires=_day(str(form.get("expires") or "")),
        )
        await change_key(workspace, name, label, changes, publisher, engine, access)
    except CallerError as error:
        return await _keys(
            request, key_fault=error.detail, key_form=dict(form), key_dialog=f"{CHANGE} {label}"
        )
    return await _keys(request)


@router.post("/rotate")
async def rotate(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """A new secret, shown this once; the old one is taken for a while."""
    form = await request.form()
    label = str(form.get("label") or "")
    try:
        rotation = shapes.RotationShape(
            expires=_day(str(form.get("expires") or "")),
            overlap_s=float(str(form.get("overlap_s") or "0")),
        )
        rotated = await rotate_key(workspace, name, label, rotation, publisher, engine, access)
    except (CallerError, ValueError) as error:
        fault = error.detail if isinstance(error, CallerError) else "That is no time."
        return await _keys(request, key_fault=fault, key_form=dict(form), key_dialog=ROTATE)
    return await _keys(request, added=rotated)


@router.post("/end-overlap")
async def end_overlap(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """The secrets that rotation has replaced get 401 from now on."""
    label = str((await request.form()).get("label") or "")
    await end_key_overlap(workspace, name, label, publisher, access)
    return await _keys(request)


@router.post("/delete")
async def delete(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Calls with it get 401 from now on."""
    label = str((await request.form()).get("label") or "")
    await delete_key(workspace, name, label, publisher, access)
    return await _keys(request)


@router.post("/reveal")
async def reveal(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Viewer,
) -> Response:
    """The secret, to be copied; the audit log says who asked."""
    access.require("reveal")
    label = str((await request.form()).get("label") or "")
    revealed = await reveal_key(workspace, name, label, publisher, access)
    return await _keys(request, revealed=revealed)


async def _with_authentication(request: Request, form: Mapping[str, Any]) -> Editing | None:
    """The draft that asks for keys now, as the page already showed it; None where it did before, or
    the page shows none."""
    workspace, name = (request.path_params[part] for part in ("workspace", "name"))
    editing = await load(request, workspace, name)
    wanted = form.get("authentication") == "api_key" and editing.may_edit
    if not wanted or asks_for_keys(editing.document):
        return None
    sent = str(form.get("etag") or editing.etag)
    return await keep(request, editing, with_authentication(editing.document), sent)


async def _keys(request: Request, kept: Editing | None = None, **values: Any) -> Response:
    """The list; with ``kept``, a draft that was just saved, also what the page says of it."""
    workspace, name = (request.path_params[part] for part in ("workspace", "name"))
    engine, publisher = request.app.state.engine, request.app.state.publisher
    access = request.scope[ACCESS_KEY]
    editing = kept or await load(request, workspace, name)
    if not from_htmx(request):
        return await trigger_page(request, editing, (engine, publisher, access), **values)
    found = {**await key_values(editing, engine, publisher, access), **values}
    return fragment(request, "trigger/keys_changed.html", editing=editing, kept=kept, **found)


def _new_key(form: Mapping[str, Any]) -> shapes.NewKeyShape:
    """Raises CallerError where something is missing."""
    how, value, same_as = str(form.get("how") or "generate"), None, None
    if how == "paste":
        value = str(form.get("value") or "").strip()
        if not value:
            raise CallerError("paste the key, or let one be generated", code="key_invalid")
    elif how == "same":
        integration, _, label = str(form.get("same_as") or "").partition("/")
        if not label:
            raise CallerError("choose the key whose secret is used", code="unknown_key")
        same_as = shaped(shapes.KeyOfTrigger, integration=integration, label=label)
    return shaped(
        shapes.NewKeyShape,
        label=_label(form, "label"),
        value=value,
        same_as=same_as,
        expires=_day(str(form.get("expires") or "")),
        close=False,
    )


def _label(form: Mapping[str, Any], name: str) -> str:
    label = str(form.get(name) or "").strip()
    try:
        shapes.KeyChangesShape(label=label)
    except ValidationError:
        raise CallerError("a label has 1 to 100 characters", code="name_invalid") from None
    return label


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        detail = "an expiry is a date such as 2027-06-30"
        raise CallerError(detail, code="expiry_invalid") from error
