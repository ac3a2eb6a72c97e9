"""``/encryption``: the encryption key, and another one in its place."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from firesteel.admin.access import Access
from firesteel.admin.console.page import redirect, render
from firesteel.admin.resources import encryption
from firesteel.admin.resources.given import Administrator, EngineGiven
from firesteel.admin.shapes.encryption import RotatedShape
from firesteel.engine.engine import Engine
from firesteel.errors import CallerError

router = APIRouter(prefix="/encryption", include_in_schema=False)


@router.get("")
async def show(request: Request, engine: EngineGiven, access: Administrator) -> HTMLResponse:
    """How it stands."""
    return await _page(request, engine, access)


@router.post("/rotate")
async def rotate(request: Request, engine: EngineGiven, access: Administrator) -> Response:
    """Another key; where nodes have to be given it, the answer shows it, this once."""
    try:
        rotated = await encryption.rotate_encryption_key(engine, access)
    except CallerError as error:
        return await _page(request, engine, access, fault=error.detail)
    if rotated.finished:
        note = f"The key is changed. The one before is kept as {rotated.former_file}."
        return redirect(request, "/encryption", note=note)
    return await _page(request, engine, access, rotated=rotated)


@router.post("/finish")
async def finish(request: Request, engine: EngineGiven, access: Administrator) -> Response:
    """The key before opens nothing any more."""
    try:
        await encryption.finish_rotation(engine, access)
    except CallerError as error:
        return await _page(request, engine, access, fault=error.detail)
    return redirect(
        request, "/encryption", note="The key is changed, and all secrets are sealed anew."
    )


async def _page(
    request: Request,
    engine: Engine,
    access: Access,
    *,
    rotated: RotatedShape | None = None,
    fault: str = "",
) -> HTMLResponse:
    state = await encryption.show_encryption(engine, access)
    return await render(
        request,
        "node/encryption.html",
        status=409 if fault else 200,
        state=state,
        rotated=rotated,
        fault=fault,
    )
