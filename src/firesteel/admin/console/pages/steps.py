"""The page of one step: its form, what its expressions yield on a sample, and a try of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response

from firesteel.admin import shapes_trials as trials
from firesteel.admin.console.draft import Editing, save
from firesteel.admin.console.editing import step_lists
from firesteel.admin.console.editing.documents import TypedWrongly, pretty
from firesteel.admin.console.editing.place import (
    Place,
    PlaceGiven,
    preview_piece,
    preview_values,
    previewed,
    typed_wrongly,
)
from firesteel.admin.console.editing.samples import sample_form, sample_of
from firesteel.admin.console.editing.step_forms import (
    KINDS,
    fields_of,
    parts_of,
    step_of,
    text,
    typed_fields,
)
from firesteel.admin.console.page import fragment, from_htmx, quoted, render
from firesteel.admin.resources.given import Editor
from firesteel.admin.resources.trials import try_step
from firesteel.errors import CallerError
from firesteel.model.findings import mapping

router = APIRouter(prefix="/w/{workspace}/integrations/{name}/workflow", include_in_schema=False)

_KINDS = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class _Edited:
    """A step as it is edited. ``before``: the name under which it is in the draft, "" for a new
    one, which goes into the list ``into``."""

    kind: str
    before: str
    into: str
    step: dict[str, Any]


@router.get("/add")
async def new_step(
    request: Request, place: PlaceGiven, _access: Editor, kind: str = "map", into: str = ""
) -> Response:
    """The form of a step that is not there yet."""
    editing = await place.editing()
    if kind not in _KINDS:
        raise CallerError(f"there is no kind of step {kind}", code="invalid_request")
    step = {"name": step_lists.free_name(editing.document, kind), kind: None}
    edited = _Edited(kind, "", into, step)
    return await _page(place, editing, edited, request.query_params)


@router.get("/steps/{step}")
async def show_step(request: Request, place: PlaceGiven, step: str) -> Response:
    """The form of a step."""
    editing = await place.editing()
    found = step_lists.find(editing.document, step)
    kind = step_lists.kind_of(found) or "map"
    return await _page(place, editing, _Edited(kind, step, "", found), request.query_params)


@router.post("/step")
async def save_step(request: Request, place: PlaceGiven, _access: Editor) -> Response:
    """Save the step as part of the draft."""
    form = await request.form()
    editing = await place.editing()
    try:
        edited = _typed(editing, form)
    except TypedWrongly as error:
        return await _again(place, editing, form, typed_wrongly(error), 422)
    document = _with(editing.document, edited)
    here = f"{editing.address}/workflow/steps/{quoted(edited.step['name'])}"
    saved = await save(request, editing, document, form, here=here)
    if isinstance(saved, Response):
        return saved
    return await _page(place, saved, edited, form, status=412)


@router.post("/preview")
async def preview_step(request: Request, place: PlaceGiven) -> Response:
    """What the expressions of the step yield; a piece of the page, or all of it."""
    form = await request.form()
    editing = await place.editing()
    try:
        edited = _typed(editing, form)
        document = _with(editing.document, edited)
        what = {"template": parts_of(edited.step), "step": edited.step["name"]}
        found = await previewed(place, form, document, what)
    except TypedWrongly as error:
        found = typed_wrongly(error)
    if from_htmx(request):
        return preview_piece(request, found, editing.document)
    return await _again(place, editing, form, found, 200)


@router.post("/try")
async def try_this_step(request: Request, place: PlaceGiven, access: Editor) -> Response:
    """Do the step once, as it was typed."""
    form = await request.form()
    editing = await place.editing()
    tried, refused = None, ""
    try:
        edited = _typed(editing, form)
        wanted = trials.TryShape.model_validate(
            {
                "document": _with(editing.document, edited),
                "sql": "commit" if form.get("commit") else "roll_back",
                "act": bool(form.get("act")),
                **sample_of(form),
            }
        )
        tried = await try_step(
            *place.names, edited.step["name"], wanted, place.engine, place.publisher, access
        )
    except CallerError as error:
        if error.code not in ("acts_for_real", "invalid_request", "payload_purged"):
            raise
        refused = error.detail or "retention has deleted what this message held"
    values = {
        "tried": tried,
        "refused": refused,
        "tried_value": pretty(tried.value) if tried and tried.value else "",
    }
    if from_htmx(request):
        return fragment(request, "editing/tried.html", **values)
    return await _again(place, editing, form, None, 200, **values)


def _typed(editing: Editing, form: Any) -> _Edited:
    kind, before, into = (text(form, key) for key in ("kind", "before", "into"))
    if kind not in _KINDS:
        raise CallerError(f"there is no kind of step {kind}", code="invalid_request")
    old = step_lists.find(editing.document, before) if before else {}
    step = step_of(kind, form, old)
    step["name"] = step["name"] or before or step_lists.free_name(editing.document, kind)
    return _Edited(kind, before, into, step)


def _with(document: dict[str, Any], edited: _Edited) -> dict[str, Any]:
    if edited.before:
        return step_lists.replaced(document, edited.before, edited.step)
    return step_lists.added(document, edited.step, edited.into)


async def _again(
    place: Place,
    editing: Editing,
    form: Any,
    preview: trials.PreviewedShape | None,
    status: int,
    **values: Any,
) -> Response:
    """The page with what was typed, saved nowhere."""
    kind = text(form, "kind")
    edited = _Edited(kind, text(form, "before"), text(form, "into"), {})
    typed = replace(editing, etag=str(form.get("etag") or editing.etag))
    return await _page(
        place,
        typed,
        edited,
        form,
        status=status,
        fields=typed_fields(kind, form),
        preview=preview,
        **values,
    )


async def _page(
    place: Place,
    editing: Editing,
    edited: _Edited,
    given: Any,
    *,
    status: int = 200,
    fields: dict[str, Any] | None = None,
    preview: trials.PreviewedShape | None = None,
    **values: Any,
) -> Response:
    sample = await sample_form(place.engine, place.access, place.names, given, editing.document)
    tried = {"tried": None, "refused": "", "tried_value": ""} | values
    shown = preview_values(preview, editing.document) if preview else {"preview": None}
    pointer = _pointer(editing.document, edited.before)
    return await render(
        place.request,
        "editing/step.html",
        status=status,
        editing=editing,
        sample=sample,
        kind=_KINDS[edited.kind],
        before=edited.before,
        into=edited.into,
        fields=fields or fields_of(edited.step, edited.kind),
        pointer=pointer,
        in_loop="/for_each/" in (pointer or "") or _is_loop(editing.document, edited.into),
        connections=await place.engine.catalog.connections(place.workspace),
        integrations=await _others(place),
        **tried,
        **shown,
    )


def _pointer(document: dict[str, Any], name: str) -> str | None:
    found = (line for line in step_lists.lines(document) if line.step is not None)
    return next((line.pointer for line in found if line.name == name), None) if name else None


def _is_loop(document: dict[str, Any], into: str) -> bool:
    return (
        bool(into)
        and "/" not in into
        and "for_each"
        in mapping(next((s.step for s in step_lists.lines(document) if s.name == into), None))
    )


async def _others(place: Place) -> list[str]:
    found = await place.engine.catalog.integrations(place.workspace)
    return [item.name for item in found if item.name != place.name]
