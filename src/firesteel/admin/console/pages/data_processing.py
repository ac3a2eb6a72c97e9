"""The tab data processing: from what was received to the workflow's input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from firesteel.admin import shapes_trials as trials
from firesteel.admin.console.draft import Editing, save
from firesteel.admin.console.editing.place import (
    Place,
    PlaceGiven,
    preview_piece,
    preview_values,
    previewed,
)
from firesteel.admin.console.editing.samples import sample_form
from firesteel.admin.console.page import from_htmx, render
from firesteel.admin.resources.given import Editor

router = APIRouter(prefix="/w/{workspace}/integrations/{name}", include_in_schema=False)

DEFAULT: Final = '{"query": query, "body": body}'
"""What is passed where there is no data processing."""


@router.get("/data")
async def show_data_processing(request: Request, place: PlaceGiven) -> Response:
    """The expression as a table and as text, beside a sample."""
    return await _page(place, await place.editing(), request.query_params)


@router.post("/data")
async def save_data_processing(request: Request, place: PlaceGiven, _access: Editor) -> Response:
    """Save it as part of the draft."""
    form = await request.form()
    editing = await place.editing()
    saved = await save(request, editing, _document(editing, form), form)
    if isinstance(saved, Response):
        return saved
    return await _page(place, saved, form, status=412)


@router.post("/data/preview")
async def preview_data_processing(request: Request, place: PlaceGiven) -> Response:
    """What comes of the expression as it was typed; a piece of the page, or all of it."""
    form = await request.form()
    editing = await place.editing()
    document = _document(editing, form)
    source = document.get("data_processing", DEFAULT)
    found = await previewed(place, form, document, {"data_processing": source})
    if from_htmx(request):
        return preview_piece(request, found, editing.document)
    typed = replace(editing, document=document, etag=str(form.get("etag") or editing.etag))
    return await _page(place, typed, form, preview=found)


def _document(editing: Editing, form: Any) -> dict[str, Any]:
    text = str(form.get("data_processing") or "").replace("\r\n", "\n").strip()
    document = {key: value for key, value in editing.document.items() if key != "data_processing"}
    return document | {"data_processing": text} if text else document


async def _page(
    place: Place,
    editing: Editing,
    given: Any,
    *,
    status: int = 200,
    preview: trials.PreviewedShape | None = None,
) -> Response:
    sample = await sample_form(place.engine, place.access, place.names, given, editing.document)
    shown = preview_values(preview, editing.document) if preview else {"preview": None}
    return await render(
        place.request,
        "editing/data_processing.html",
        status=status,
        editing=editing,
        sample=sample,
        default=DEFAULT,
        **shown,
    )
