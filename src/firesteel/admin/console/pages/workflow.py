"""The tab workflow: steps as a list, or a Python function; time-out and retry."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from firesteel.admin.console.draft import Editing, save
from firesteel.admin.console.editing import step_lists
from firesteel.admin.console.editing.place import Place, PlaceGiven
from firesteel.admin.console.editing.step_forms import KINDS, retry_fields, retry_of, text
from firesteel.admin.console.page import render
from firesteel.admin.resources.given import Editor
from firesteel.model.findings import mapping

router = APIRouter(prefix="/w/{workspace}/integrations/{name}", include_in_schema=False)

ICONS: Final = {kind.name: kind.icon for kind in KINDS}
TITLES: Final = {kind.name: kind.title for kind in KINDS}


@router.get("/workflow")
async def show_workflow(place: PlaceGiven) -> Response:
    """All steps in their order."""
    return await _page(place, await place.editing())


@router.post("/workflow")
async def save_workflow(request: Request, place: PlaceGiven, _access: Editor) -> Response:
    """Save the form of the workflow, or the draft as it is."""
    form = await request.form()
    editing = await place.editing()
    return await _saved(place, editing, _document(editing.document, form), form)


@router.post("/workflow/move")
async def move_step(request: Request, place: PlaceGiven, _access: Editor) -> Response:
    """A step further up or down in its list."""
    form = await request.form()
    editing = await place.editing()
    step, by = text(form, "step"), -1 if text(form, "to") == "up" else 1
    document = step_lists.moved(editing.document, step, by)
    return await _saved(place, editing, document, form, f"#step-{step}")


@router.post("/workflow/remove")
async def remove_step(request: Request, place: PlaceGiven, _access: Editor) -> Response:
    """A step out of the draft, with the steps within it."""
    form = await request.form()
    editing = await place.editing()
    document = step_lists.removed(editing.document, text(form, "step"))
    return await _saved(place, editing, document, form)


def _document(document: dict[str, Any], form: Any) -> dict[str, Any]:
    kind = text(form, "kind")
    rest = {key: value for key, value in document.items() if key != "workflow"}
    if kind == "none":
        return rest
    before = mapping(document.get("workflow"))
    workflow: dict[str, Any] = {}
    if text(form, "timeout"):
        workflow["timeout"] = text(form, "timeout")
    retry = retry_of(form)
    if retry is not None:
        workflow["retry"] = retry
    if kind == "python":
        workflow["python"] = text(form, "python")
    else:
        workflow["steps"] = before.get("steps") or []
    return rest | {"workflow": workflow}


async def _saved(
    place: Place, editing: Editing, document: dict[str, Any], form: Any, anchor: str = ""
) -> Response:
    here = f"{editing.address}/workflow{anchor}"
    saved = await save(place.request, editing, document, form, here=here)
    return saved if isinstance(saved, Response) else await _page(place, saved, status=412)


async def _page(place: Place, editing: Editing, *, status: int = 200) -> Response:
    workflow = mapping(editing.document.get("workflow"))
    kind = (
        "python" if "python" in workflow else "steps" if "workflow" in editing.document else "none"
    )
    return await render(
        place.request,
        "editing/workflow.html",
        status=status,
        editing=editing,
        kind=kind,
        lines=step_lists.lines(editing.document),
        retry=retry_fields(workflow.get("retry")),
        kinds=KINDS,
        icons=ICONS,
        titles=TITLES,
    )
