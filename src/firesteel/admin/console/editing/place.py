"""What the routes of the editing pages have in common: where they are, and their previews."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import HTMLResponse

from firesteel.admin import shapes_trials as trials
from firesteel.admin.access import Access
from firesteel.admin.console.draft import Editing, load
from firesteel.admin.console.editing import step_lists
from firesteel.admin.console.editing.documents import TypedWrongly, pretty
from firesteel.admin.console.editing.samples import sample_of
from firesteel.admin.console.page import fragment
from firesteel.admin.resources.given import (
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.trials import preview_integration
from firesteel.engine.engine import Engine
from firesteel.engine.publishing import Publisher
from firesteel.model.findings import items, mapping

INVALID = "typed_wrongly"


@dataclass(frozen=True, slots=True)
class Place:
    """An integration of which somebody looks at an editing page."""

    request: Request
    workspace: str
    name: str
    engine: Engine
    publisher: Publisher
    access: Access

    @property
    def names(self) -> tuple[str, str]:
        """Workspace and integration."""
        return self.workspace, self.name

    async def editing(self) -> Editing:
        """The integration with its draft."""
        return await load(self.request, self.workspace, self.name)


async def _place(  # noqa: PLR0913, PLR0917  # what FastAPI gives it
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
) -> Place:
    return Place(request, workspace, name, engine, publisher, access)


PlaceGiven = Annotated[Place, Depends(_place)]


async def previewed(
    place: Place, form: Any, document: dict[str, Any], what: Mapping[str, Any]
) -> trials.PreviewedShape:
    """What comes of ``what`` (of a PreviewShape), by the REST API's operation. Raises CallerError
    ``forbidden`` for who may not edit, or not see the payload of the message."""
    place.access.require("edit")
    wanted = trials.PreviewShape.model_validate(
        {"document": document, "sees": True, **what, **sample_of(form)}
    )
    return await preview_integration(
        place.workspace, place.name, wanted, place.engine, place.publisher, place.access
    )


def typed_wrongly(error: TypedWrongly) -> trials.PreviewedShape:
    """A preview of what is no document at all."""
    fault = trials.PlacedFaultShape(
        pointer=error.pointer, code=INVALID, detail=error.detail, line=None, column=None
    )
    return trials.PreviewedShape(
        value=None, size_bytes=0, undefined=False, response=None, faults=[fault], missing=[]
    )


def preview_values(found: trials.PreviewedShape, document: dict[str, Any]) -> dict[str, Any]:
    """What ``editing/preview.html`` shows: ``preview``, its value in lines, and ``told``, which the
    page's scripts read: ``names`` are those that the document gives, whatever the sample has."""
    declared = items(mapping(document.get("trigger")).get("query_parameters"))
    told = {
        "faults": [fault.model_dump() for fault in found.faults],
        "sees": found.sees,
        "names": {
            "query": [str(mapping(item).get("name", "")) for item in declared],
            "steps": step_lists.names(document),
        },
    }
    body = found.response.body.text if found.response else None
    return {
        "preview": found,
        "value": pretty(found.value) if found.value else "",
        "cut": found.value is not None and len(found.value.encode()) < found.size_bytes,
        "body": pretty(body) if body and _is_json(found) else body,
        "told": told,
    }


def preview_piece(
    request: Request, found: trials.PreviewedShape, document: dict[str, Any]
) -> HTMLResponse:
    """The piece of a page that shows a preview."""
    return fragment(request, "editing/preview.html", **preview_values(found, document))


def _is_json(found: trials.PreviewedShape) -> bool:
    headers = dict(found.response.headers) if found.response else {}
    if "json" not in headers.get("content-type", ""):
        return False
    try:
        json.loads((found.response and found.response.body.text) or "")
    except ValueError:
        return False
    return True
