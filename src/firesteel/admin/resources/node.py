"""The node itself and the others: workspaces, workers, statistics, schema."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter

from firesteel.admin import shapes
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Administrator,
    EngineGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.times import written
from firesteel.engine.connection_publishing import require_workspace
from firesteel.release import release

router = APIRouter(tags=["node"], route_class=JsonRoute)


@router.get("/node", responses=responses())
async def show_node(engine: EngineGiven, _access: Viewer) -> shapes.NodeShape:
    """The node that answers, and how it is."""
    return shapes.NodeShape(
        name=engine.name,
        role=engine.settings.role,
        version=release(),
        workspace=engine.workspace,
        public_url=engine.settings.public_url,
        accepting=engine.accepting,
        refusal=engine.refusal,
        paused=engine.pausing.now is not None,
        waiting_callers=engine.waiting_callers,
        store_bytes=await engine.history.size_bytes(),
    )


@router.get("/nodes", responses=responses())
async def list_nodes(engine: EngineGiven, _access: Viewer) -> list[shapes.LivingNodeShape]:
    """The nodes that work on the store, by name; one that has died is among them until its lease is
    over."""
    differing = await engine.agreement.differing()
    return [
        shapes.LivingNodeShape(
            name=node.name,
            role=node.role,
            version=node.version,
            since=written(node.since_us),
            lease_s=None if math.isinf(node.lease_s) else round(node.lease_s, 1),
            running=node.running,
            answers=node.name == engine.name,
            differs=differing.get(node.name, []),
        )
        for node in await engine.nodes()
    ]


@router.get("/workspaces", responses=responses())
async def list_workspaces(engine: EngineGiven, _access: Viewer) -> list[shapes.WorkspaceShape]:
    """All workspaces by name."""
    return [shapes.WorkspaceShape(name=name) for name in await engine.catalog.workspaces()]


@router.get("/workspaces/{workspace}/statistics", responses=responses("unknown_workspace"))
async def show_statistics(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.StatisticsShape]:
    """Figures of every integration: accepted + replayed = waiting + running + ended + purged."""
    await require_workspace(engine.catalog, workspace)
    found = []
    for item in await engine.catalog.integrations(workspace):
        counts = await engine.journal.counts(item.trigger_no)
        found.append(
            shapes.StatisticsShape(
                integration=item.name,
                accepted=counts.accepted,
                replayed=counts.replayed,
                waiting=counts.waiting,
                running=counts.running,
                ended=counts.terminal,
                purged=counts.purged,
            )
        )
    return found


@router.get("/workers", responses=responses())
async def list_workers(engine: EngineGiven, _access: Viewer) -> list[shapes.WorkerShape]:
    """The worker processes that are connected."""
    return [
        shapes.WorkerShape(
            pid=int(worker["pid"]), running=int(worker["running"]), ready=bool(worker["ready"])
        )
        for worker in engine.workers()
    ]


@router.post("/workers/restart", status_code=202, responses=responses())
async def restart_workers(engine: EngineGiven, access: Administrator) -> None:
    """New worker processes, with the Python code as it is now; running attempts end first."""
    await engine.catalog.note(access.name, "workers.restart", "node")
    await engine.restart_workers()


@router.get("/schema/integration", responses=responses())
async def show_integration_schema(_access: Viewer) -> dict[str, Any]:
    """The JSON Schema of an integration file, for editors."""
    from firesteel.model.schema import integration_schema

    return integration_schema()


@router.get("/schema/alerts", responses=responses())
async def show_alerts_schema(_access: Viewer) -> dict[str, Any]:
    """The JSON Schema of alerts.yaml, for editors."""
    from firesteel.model.schema import alerts_schema

    return alerts_schema()
