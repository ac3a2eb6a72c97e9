"""Back-ups of the store: to a file on the node's machine, or passed on to who asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from firesteel.admin import shapes
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import Administrator, EngineGiven
from firesteel.errors import CallerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from firesteel.engine.engine import Engine
    from firesteel.store.copies import Copied

router = APIRouter(prefix="/backup", tags=["node"], route_class=JsonRoute)

_REFUSALS = ("backup_failed", "backup_unsupported", "backup_busy", "no_room")
_PIECE_BYTES = 256 * 1024
_SHA256_HEADER = "Firesteel-Sha256"


@router.post("", status_code=201, responses=responses("target_exists", *_REFUSALS))
async def make_backup(
    target: shapes.BackupShape, engine: EngineGiven, access: Administrator
) -> shapes.BackupDoneShape:
    """Write a copy of the store to a file on the node's machine, while the node goes on. It holds
    every message accepted before this call, and is read through before it gets its name."""
    path = Path(target.path)
    if engine.settings.store_path is not None:
        _check(target.path, path)
    await engine.catalog.note(access.name, "store.backup", str(path))
    try:
        copied = await engine.backups.make(path)
    except OSError as error:
        raise CallerError(f"the copy failed: {error.strerror}", code="backup_failed") from error
    return _done(engine, str(path), copied)


@router.get("", responses=responses())
async def show_backup(engine: EngineGiven, _access: Administrator) -> shapes.BackupStateShape:
    """Whether a copy is being made, and how far it has come."""
    progress = engine.backups.progress
    return shapes.BackupStateShape(
        under_way=progress is not None,
        doing="" if progress is None else progress.doing,
        done_bytes=0 if progress is None else progress.done_bytes,
        total_bytes=0 if progress is None else progress.total_bytes,
    )


@router.post(
    "/download",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The copy. `Firesteel-Sha256` has its checksum.",
            "content": {"application/vnd.sqlite3": {"schema": {"type": "string"}}},
        },
        **responses(*_REFUSALS),
    },
)
async def download_backup(engine: EngineGiven, access: Administrator) -> StreamingResponse:
    """A copy of the store in the answer itself. It is made in the data directory, which needs room
    for it, and deleted afterwards."""
    await engine.catalog.note(access.name, "store.backup", "download")
    file, copied = await engine.backups.pass_on()
    headers = {
        _SHA256_HEADER: copied.sha256,
        "Content-Length": str(copied.size_bytes),
        "Content-Disposition": 'attachment; filename="firesteel.db"',
    }
    return StreamingResponse(_pieces(file), media_type="application/vnd.sqlite3", headers=headers)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _check(text: str, path: Path) -> None:
    if "\0" in text or not path.is_absolute():
        raise CallerError("the path must be absolute", code="invalid_request")
    # One look at a local path each, no more than the log's.
    try:
        exists, has_folder = path.exists(), path.parent.is_dir()
    except OSError as error:
        raise CallerError(f"no such path: {error.strerror}", code="invalid_request") from error
    if not has_folder:
        raise CallerError("there is no folder for the file to be in", code="invalid_request")
    if exists:
        raise CallerError(f"{path.name} exists already", code="target_exists")


def _done(engine: Engine, path: str, copied: Copied) -> shapes.BackupDoneShape:
    return shapes.BackupDoneShape(
        path=path,
        size_bytes=copied.size_bytes,
        sha256=copied.sha256,
        messages=copied.counted.messages,
        executions=cast("dict[shapes.StateName, int]", copied.counted.executions),
        encryption_key=engine.backups.key_id,
    )
