"""API keys on the page of a trigger and of a consumer: added, copied, relabelled, rotated, deleted.
Each acts at once.

With htmx only the list and its dialogs are put in anew, so that what stands unsaved in the page's
form is left alone; without scripts the whole page comes. Who adds a key of a trigger while "Add
authentication" is not saved yet means both: the authentication is kept in the draft with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from firesteel.admin import shapes
from firesteel.admin.access import Access, Right
from firesteel.admin.console.draft import Editing, keep, load
from firesteel.admin.console.page import fragment, from_htmx
from firesteel.admin.console.pages.consumers import consumer_page
from firesteel.admin.console.pages.key_values import key_values
from firesteel.admin.console.pages.trigger import trigger_page
from firesteel.admin.console.selected import shaped
from firesteel.admin.console.trigger_form import with_authentication
from firesteel.admin.resources import keys
from firesteel.admin.resources.given import (
    Anybody,
    EngineGiven,
    KeysOfGiven,
    Needs,
    PublisherGiven,
    keys_of_consumer,
    keys_of_trigger,
)
from firesteel.engine.engine import Engine
from firesteel.engine.owned_keys import KeysOf
from firesteel.engine.publishing import Publisher
from firesteel.errors import CallerError
from firesteel.model.api_key import check_label
from firesteel.model.held_keys import asks_for_keys

Form = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where an act is done: on whose page, with what, by whom."""

    request: Request
    owner: KeysOf
    publisher: Publisher
    engine: Engine
    access: Access


Act = Callable[[Desk, Form, str], Awaitable[dict[str, Any]]]
"""Of the form and the key's label; it gives what the page has to say of it."""


async def _add(desk: Desk, form: Form, _label: str) -> dict[str, Any]:
    """A key that is generated, pasted or a trigger's; a new secret is shown this once."""
    new = _new_key(desk.owner, form)
    given = (desk.publisher, desk.engine, desk.access)
    added = await keys.add_wanted(desk.owner, new, given, close=False)
    return {"added": added, "kept": await _with_authentication(desk.request, desk.owner, form)}


async def _change(desk: Desk, form: Form, label: str) -> dict[str, Any]:
    """Another label or expiry."""
    wanted = {"label": check_label(_text(form, "new_label")), "expires": _day(form)}
    changes = shaped(shapes.KeyChangesShape, **wanted)
    await keys.change_key(desk.owner, label, changes, desk.publisher, desk.engine, desk.access)
    return {}


async def _rotate(desk: Desk, form: Form, label: str) -> dict[str, Any]:
    """A new secret, shown this once; the old one is taken for a while."""
    wanted = {"expires": _day(form), "overlap_s": _seconds(form, "overlap_s")}
    rotation = shaped(shapes.RotationShape, **wanted)
    rotated = await keys.rotate_key(
        desk.owner, label, rotation, desk.publisher, desk.engine, desk.access
    )
    return {"added": rotated}


async def _end_overlap(desk: Desk, _form: Form, label: str) -> dict[str, Any]:
    """The secrets that rotation has replaced get 401 from now on."""
    await keys.end_key_overlap(desk.owner, label, desk.publisher, desk.access)
    return {}


async def _delete(desk: Desk, _form: Form, label: str) -> dict[str, Any]:
    """Calls with it get 401 from now on."""
    await keys.delete_key(desk.owner, label, desk.publisher, desk.access)
    return {}


async def _reveal(desk: Desk, _form: Form, label: str) -> dict[str, Any]:
    """The secret, to be copied; the audit log says who asked."""
    return {"revealed": await keys.reveal_key(desk.owner, label, desk.publisher, desk.access)}


def _route(act: Act, dialog: str) -> Callable[..., Awaitable[Response]]:
    """The route of an act. ``dialog``: the one that its faults belong into."""

    async def route(
        request: Request,
        owner: KeysOfGiven,
        engine: EngineGiven,
        publisher: PublisherGiven,
        access: Anybody,
    ) -> Response:
        form = await request.form()
        label = _text(form, "label")
        try:
            shown = await act(Desk(request, owner, publisher, engine, access), form, label)
        except CallerError as error:
            shown = {"key_fault": error.detail, "key_form": dict(form)}
            shown["key_dialog"] = dialog.format(label=label)
        return await _keys(request, owner, (engine, publisher, access), **shown)

    return route


async def _keys(
    request: Request,
    owner: KeysOf,
    given: tuple[Engine, Publisher, Access],
    *,
    kept: Editing | None = None,
    **values: Any,
) -> Response:
    """The list; with ``kept``, a draft that was just saved, also what the page says of it."""
    editing = None
    if owner.kind == "trigger":
        editing = kept or await load(request, owner.workspace, owner.name)
    if from_htmx(request):
        found = {**await key_values(owner, *given), **values}
        return fragment(request, "keys/changed.html", editing=editing, kept=kept, **found)
    status = 422 if values.get("key_fault") else 200
    if editing is not None:
        return await trigger_page(request, editing, given, status=status, **values)
    return await consumer_page(request, owner.workspace, owner.name, given, status=status, **values)


async def _with_authentication(request: Request, owner: KeysOf, form: Form) -> Editing | None:
    """The draft that asks for keys now, as the page already showed it; None where it did before, or
    the page shows none."""
    if owner.kind == "consumer":
        return None
    editing = await load(request, owner.workspace, owner.name)
    wanted = form.get("authentication") == "api_key" and editing.may_edit
    if not wanted or asks_for_keys(editing.document):
        return None
    sent = str(form.get("etag") or editing.etag)
    return await keep(request, editing, with_authentication(editing.document), sent)


def _new_key(owner: KeysOf, form: Form) -> shapes.NewKeyShape | shapes.NewConsumerKeyShape:
    """Raises CallerError where something is missing. Who pastes a key without saying how means
    it."""
    value, same_as = _text(form, "value"), None
    how = str(form.get("how") or ("paste" if value else "generate"))
    if how == "paste" and not value:
        raise CallerError("paste the key, or let one be generated", code="key_invalid")
    if how == "same":
        integration, _, label = str(form.get("same_as") or "").partition("/")
        if not label:
            raise CallerError("choose the key whose secret is used", code="unknown_key")
        same_as = shaped(shapes.KeyOfTrigger, integration=integration, label=label)
    given = {
        "value": value if how == "paste" else None,
        "same_as": same_as,
        "expires": _day(form),
    }
    label = _text(form, "label")
    if owner.kind == "trigger":
        return shaped(shapes.NewKeyShape, label=check_label(label), **given)
    return shaped(shapes.NewConsumerKeyShape, label=check_label(label) if label else None, **given)


def _seconds(form: Form, name: str) -> float:
    try:
        return float(_text(form, name) or "0")
    except ValueError as error:
        raise CallerError("that is no number of seconds", code="invalid_request") from error


def _text(form: Form, name: str) -> str:
    return str(form.get(name) or "").strip()


def _day(form: Form) -> date | None:
    text = _text(form, "expires")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        detail = "an expiry is a date such as 2027-06-30"
        raise CallerError(detail, code="expiry_invalid") from error


def _router(prefix: str, names: Callable[..., Any], adding: str) -> APIRouter:
    """The acts on the keys of one kind of owner; ``names`` tells whose they are."""
    router = APIRouter(prefix=prefix, include_in_schema=False, dependencies=[Depends(names)])
    acts: tuple[tuple[str, Act, Right, str], ...] = (
        (adding, _add, "edit", "add-key"),
        ("/change", _change, "edit", "change-key {label}"),
        ("/rotate", _rotate, "edit", "rotate-key {label}"),
        ("/end-overlap", _end_overlap, "edit", ""),
        ("/delete", _delete, "edit", ""),
        ("/reveal", _reveal, "reveal", ""),
    )
    for path, act, right, dialog in acts:
        needs = [Depends(Needs(right))]
        router.add_api_route(path, _route(act, dialog), methods=["POST"], dependencies=needs)
    return router


router = APIRouter()
router.include_router(_router("/w/{workspace}/integrations/{name}/keys", keys_of_trigger, ""))
router.include_router(_router("/w/{workspace}/consumers/{consumer}/keys", keys_of_consumer, "/add"))
