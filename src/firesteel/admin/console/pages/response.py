"""The tab response: what the caller gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from firesteel.admin import shapes_trials as trials
from firesteel.admin.console.draft import Editing, save
from firesteel.admin.console.editing.documents import TypedWrongly, read, written
from firesteel.admin.console.editing.place import (
    Place,
    PlaceGiven,
    preview_piece,
    preview_values,
    previewed,
    typed_wrongly,
)
from firesteel.admin.console.editing.samples import sample_form
from firesteel.admin.console.editing.step_forms import number, pairs_of, pairs_shown, text
from firesteel.admin.console.page import from_htmx, render
from firesteel.admin.resources.given import Editor
from firesteel.model.findings import mapping

router = APIRouter(prefix="/w/{workspace}/integrations/{name}", include_in_schema=False)

BODIES: Final = ("result", "body", "text")


@router.get("/response")
async def show_response(request: Request, place: PlaceGiven) -> Response:
    """Status, headers and body, beside a sample."""
    editing = await place.editing()
    return await _page(place, editing, request.query_params, fields=_fields(editing.document))


@router.post("/response")
async def save_response(request: Request, place: PlaceGiven, _access: Editor) -> Response:
    """Save it as part of the draft."""
    form = await request.form()
    editing = await place.editing()
    try:
        document = _document(editing, form)
    except TypedWrongly as error:
        found = typed_wrongly(error)
        return await _page(place, editing, form, fields=_typed(form), status=422, preview=found)
    saved = await save(request, editing, document, form)
    if isinstance(saved, Response):
        return saved
    return await _page(place, saved, form, fields=_typed(form), status=412)


@router.post("/response/preview")
async def preview_response(request: Request, place: PlaceGiven) -> Response:
    """What a caller would get; a piece of the page, or all of it."""
    form = await request.form()
    editing = await place.editing()
    try:
        document = _document(editing, form)
        what = {"response": mapping(document.get("response"))}
        found = await previewed(place, form, document, what)
    except TypedWrongly as error:
        found = typed_wrongly(error)
    if from_htmx(request):
        return preview_piece(request, found, editing.document)
    typed = replace(editing, etag=str(form.get("etag") or editing.etag))
    return await _page(place, typed, form, fields=_typed(form), preview=found)


def _document(editing: Editing, form: Any) -> dict[str, Any]:
    response: dict[str, Any] = {}
    status = text(form, "status")
    if status and status != "200":
        response["status"] = number(status)
    headers = pairs_of(form, "headers")
    if headers:
        response["headers"] = headers
    kind = text(form, "body_kind")
    if kind == "body":
        response["body"] = read(str(form.get("body") or ""), "/body")
    elif kind == "text":
        response["text"] = str(form.get("text") or "").replace("\r\n", "\n")
    document = {key: value for key, value in editing.document.items() if key != "response"}
    return document | {"response": response} if response else document


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    response = mapping(document.get("response"))
    kind = next((key for key in ("body", "text") if response.get(key) is not None), "result")
    return {
        "status": str(response.get("status", 200)),
        "headers": pairs_shown(response.get("headers")),
        "body_kind": kind,
        "body": written(response.get("body")),
        "text": response.get("text") or "",
    }


def _typed(form: Any) -> dict[str, Any]:
    names = [str(item) for item in form.getlist("headers.name")]
    values = [str(item) for item in form.getlist("headers.value")]
    return {
        "status": text(form, "status"),
        "headers": list(zip(names, values, strict=False)),
        "body_kind": text(form, "body_kind"),
        "body": str(form.get("body") or ""),
        "text": str(form.get("text") or ""),
    }


async def _page(
    place: Place,
    editing: Editing,
    given: Any,
    *,
    fields: dict[str, Any],
    status: int = 200,
    preview: trials.PreviewedShape | None = None,
) -> Response:
    sample = await sample_form(place.engine, place.access, place.names, given, editing.document)
    shown = preview_values(preview, editing.document) if preview else {"preview": None}
    return await render(
        place.request,
        "editing/response.html",
        status=status,
        editing=editing,
        sample=sample,
        fields=fields,
        **shown,
    )
