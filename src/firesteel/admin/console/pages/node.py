"""The node's own pages: workers, storage and retention, settings."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from firesteel.admin import shapes
from firesteel.admin.console.page import redirect, render
from firesteel.admin.console.selected import read_fields, shaped
from firesteel.admin.resources.backups import download_backup, make_backup
from firesteel.admin.resources.figures import list_settings, put_retention, show_storage
from firesteel.admin.resources.given import Administrator, EngineGiven, Viewer, WorkspaceName
from firesteel.admin.resources.node import (
    list_nodes,
    list_workers,
    restart_workers,
    show_node,
)
from firesteel.errors import CallerError

router = APIRouter(include_in_schema=False)


@router.get("/workers")
async def show_workers(request: Request, engine: EngineGiven, access: Viewer) -> HTMLResponse:
    """The nodes that share the store, and the worker processes of this one."""
    return await render(
        request,
        "node/workers.html",
        nodes=await list_nodes(engine, access),
        workers=await list_workers(engine, access),
        slots=0 if engine.settings.role == "gateway" else engine.settings.worker_slots,
        wanted=engine.settings.workers,
        node=await show_node(engine, access),
    )


@router.post("/workers/restart")
async def restart(request: Request, engine: EngineGiven, access: Administrator) -> Response:
    """New worker processes with the code as it is now."""
    await restart_workers(engine, access)
    note = "New workers start; attempts that run in the old ones end first."
    return redirect(request, "/workers", note=note)


@router.get("/storage")
async def show_storage_page(request: Request, engine: EngineGiven, access: Viewer) -> HTMLResponse:
    """What the store takes, and how long messages are kept."""
    storage = await show_storage(engine, access)
    return await _storage_page(request, storage)


@router.post("/storage/backup")
async def back_up(request: Request, engine: EngineGiven, access: Administrator) -> Response:
    """A copy of the store; what is wrong with its path is said at the field."""
    path = str((await request.form()).get("path", ""))
    try:
        if not path:
            raise CallerError("say where the copy shall go", code="invalid_request")
        done = await make_backup(shaped(shapes.BackupShape, path=path[:4096]), engine, access)
    except CallerError as error:
        storage = await show_storage(engine, access)
        return await _storage_page(request, storage, 409, fault=error.detail, path_given=path)
    note = f"The copy is complete and was read through: {done.path}, SHA-256 {done.sha256}."
    return redirect(request, "/storage", note=note)


@router.post("/storage/download")
async def download(request: Request, engine: EngineGiven, access: Administrator) -> Response:
    """A copy of the store for the browser to keep."""
    try:
        return await download_backup(engine, access)
    except CallerError as error:
        return redirect(request, "/storage", note=error.detail, tone="danger")


@router.post("/storage/retention/{workspace}")
async def save_retention(
    request: Request, workspace: WorkspaceName, engine: EngineGiven, access: Administrator
) -> Response:
    """How long a workspace keeps its messages; what is wrong is said at the field."""
    form = {name: str(value).strip() for name, value in (await request.form()).items()}
    index = form.get("index", "")
    given: dict[str, str | bool | None] = {
        name: form.get(f"{name}-{index}") or None for name in ("history", "payloads")
    }
    given["archive"] = {"on": True, "off": False}.get(form.get(f"archive-{index}", ""))
    try:
        await put_retention(workspace, read_fields(given, shapes.RetentionShape), engine, access)
    except CallerError as error:
        storage = await show_storage(engine, access)
        wrong = {"faulty": workspace, "retention_fault": error.detail}
        return await _storage_page(request, storage, 409, **wrong)
    return redirect(request, "/storage", note=f"Saved: retention of {workspace}.")


async def _storage_page(
    request: Request, storage: shapes.StorageShape, status: int = 200, **said: str
) -> HTMLResponse:
    values = {"fault": "", "path_given": "", "faulty": "", "retention_fault": ""} | said
    return await render(request, "node/storage.html", status=status, storage=storage, **values)


@router.get("/settings")
async def show_settings(
    request: Request, engine: EngineGiven, access: Administrator
) -> HTMLResponse:
    """What the node was started with."""
    settings = await list_settings(engine, access)
    node = await show_node(engine, access)
    return await render(request, "node/settings.html", settings=settings, node=node)
