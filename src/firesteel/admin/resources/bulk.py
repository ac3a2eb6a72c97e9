"""Bulk acts: replay, cancel, skip or erase all that a selection finds; count, then watch it run."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query

from firesteel.admin import shapes, views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import EngineGiven, Operator, Viewer, WorkspaceName
from firesteel.admin.selection import filter_of
from firesteel.engine.bulk import COUNTED
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine
from firesteel.errors import CallerError
from firesteel.store.bulk import Bulk

router = APIRouter(prefix="/workspaces/{workspace}/bulk", tags=["messages"], route_class=JsonRoute)

BulkNumber = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the bulk act.")]
_UNKNOWN = ("unknown_workspace", "unknown_bulk")


@router.get("", responses=responses("unknown_workspace"))
async def list_bulk(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.BulkShape]:
    """The latest twenty bulk acts, latest first."""
    await require_workspace(engine.catalog, workspace)
    return [views.bulk(item) for item in await engine.bulk.latest(workspace)]


@router.get("/count", responses=responses("unknown_workspace"))
async def count_bulk(
    workspace: WorkspaceName,
    query: Annotated[shapes.BulkCountQuery, Query()],
    engine: EngineGiven,
    _access: Viewer,
) -> shapes.BulkCountShape:
    """How many executions a bulk act would be about now."""
    await require_workspace(engine.catalog, workspace)
    count, until_no = await engine.bulk.count(query.act, filter_of(workspace, query))
    more = count > COUNTED
    return shapes.BulkCountShape(count=min(count, COUNTED), more=more, until=str(until_no))


@router.post("", status_code=202, responses=responses("unknown_workspace", "bulk_running"))
async def begin_bulk(
    workspace: WorkspaceName, new: shapes.NewBulkShape, engine: EngineGiven, access: Operator
) -> shapes.BulkShape:
    """Begin a bulk act, the oldest execution first and at most 200 a second. It goes on without
    anybody watching, also after a restart; a workspace has one at a time. To erase, the right to
    administer is needed."""
    if new.act == "erase":
        access.require("administer")
    await require_workspace(engine.catalog, workspace)
    filter, until_no = filter_of(workspace, new.selection), int(new.until)
    total, _ = await engine.bulk.count(new.act, replace(filter, before_no=until_no + 1))
    begun = await engine.bulk.begin(
        new.act, filter, until_no, total=total, actor=access.actor(new.why)
    )
    return views.bulk(begun)


@router.get("/{number}", responses=responses(*_UNKNOWN))
async def show_bulk(
    workspace: WorkspaceName, number: BulkNumber, engine: EngineGiven, _access: Viewer
) -> shapes.BulkShape:
    """How far a bulk act has come."""
    return views.bulk(await _found(engine, workspace, number))


@router.post("/{number}/cancel", responses=responses(*_UNKNOWN))
async def cancel_bulk(
    workspace: WorkspaceName,
    number: BulkNumber,
    engine: EngineGiven,
    access: Operator,
    reason: shapes.ReasonShape | None = None,
) -> shapes.BulkShape:
    """Do no more of a bulk act; what was done stays. One that has ended stays as it is."""
    found = await _found(engine, workspace, number)
    await engine.bulk.cancel(found, access.actor(reason.why if reason else ""))
    return views.bulk(await _found(engine, workspace, number))


async def _found(engine: Engine, workspace: str, number: int) -> Bulk:
    await require_workspace(engine.catalog, workspace)
    found = await engine.bulk.show(workspace, number)
    if found is None:
        raise CallerError(f"there is no bulk act {number}", code="unknown_bulk")
    return found
