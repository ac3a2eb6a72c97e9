"""How a page is made: the template with what every page shows around it.

Templates get, beside what the route gives: ``access`` (who reads; ``can("edit")`` asks for a
right), ``workspace`` and ``workspaces``, ``navigation``, ``here`` (the entry that is open),
``note`` (what was done just now), ``paused`` (why nothing is run), ``csrf`` (the token for
forms), ``nonce`` (for CodeMirror's style), ``asset(name)`` and ``path``.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from firesteel.admin.access import ACCESS_KEY, Access
from firesteel.admin.console import navigation, written
from firesteel.admin.console.assets import address
from firesteel.admin.console.headers import NONCE_KEY
from firesteel.admin.console.notes import Note, Notes, Tone

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine

TEMPLATES: Final = Path(__file__).parent / "templates"


async def render(
    request: Request, template: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """The page of a template. Where ``values`` names no ``workspace``, the address does, and
    otherwise it is the node's own."""
    values = {**await _frame(request, cast("str | None", values.get("workspace"))), **values}
    return HTMLResponse(_written(template, values), status)


async def render_long(request: Request, template: str, **values: Any) -> HTMLResponse:
    """The same in a thread, of a page that may be long (P27). For htmx a fragment."""
    around = _bare(request) if from_htmx(request) else await _frame(request, None)
    page = await asyncio.to_thread(_written, template, {**around, **values})
    return HTMLResponse(page)


def fragment(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A piece of a page for htmx, without the frame around it; the template extends nothing."""
    return HTMLResponse(_written(template, {**_bare(request), **values}))


def redirect(
    request: Request, to: str, *, note: str | None = None, tone: Tone = "success"
) -> Response:
    """On to another page after an act, which says the note, once. ``to``: a path of ours."""
    if note is not None:
        notes = cast("Notes", request.app.state.notes)
        path, _, anchor = to.partition("#")
        joint = "&" if "?" in path else "?"
        to = f"{path}{joint}note={notes.keep(Note(note, tone))}" + (f"#{anchor}" if anchor else "")
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": to})
    return RedirectResponse(to, 303)


def from_htmx(request: Request) -> bool:
    """Whether a piece of a page is asked for, not a page."""
    return "hx-request" in request.headers


@lru_cache(maxsize=1)
def templates() -> Environment:
    """All templates; a name that they do not know is an error, not an empty place."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(asset=address, integration_tabs=navigation.INTEGRATION_TABS)
    environment.filters.update(written.FILTERS)
    return environment


def _written(template: str, values: dict[str, Any]) -> str:
    return templates().get_template(template).render(values)


def _bare(request: Request) -> dict[str, Any]:
    access = cast("Access | None", request.scope.get(ACCESS_KEY))
    return {
        "access": access,
        "can": lambda right: access is not None and right in access.rights,
        "csrf": access.csrf if access is not None else "",
        "nonce": request.scope.get(NONCE_KEY, ""),
        "path": request.url.path,
        "workspace": request.path_params.get("workspace", ""),
    }


async def _frame(request: Request, workspace: str | None) -> dict[str, Any]:
    bare = _bare(request)
    if bare["access"] is None:
        return {
            **bare,
            "workspaces": [],
            "navigation": (),
            "here": "",
            "note": None,
            "paused": None,
        }
    engine = cast("Engine", request.app.state.engine)
    catalog = engine.catalog
    workspaces = await catalog.workspaces()
    named = workspace or bare["workspace"]
    chosen = named if named in workspaces else engine.workspace
    notes = cast("Notes", request.app.state.notes)
    return {
        **bare,
        "workspace": chosen,
        "workspaces": workspaces,
        "navigation": navigation.GROUPS,
        "here": navigation.current(request.url.path, chosen),
        "note": notes.take(request.query_params.get("note")),
        "paused": engine.pausing.now,
    }


def quoted(part: str) -> str:
    """A name as a part of an address."""
    return urllib.parse.quote(part, safe="")
