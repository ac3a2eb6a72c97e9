"""The pause of everything: whether it holds, what would run, and how it begins and ends."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter

from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import EngineGiven, Operator, Viewer
from firesteel.admin.shapes import pausing as shapes
from firesteel.admin.times import written, written_or_none
from firesteel.engine.engine import Engine

router = APIRouter(tags=["node"], route_class=JsonRoute)

_LANES = 100


@router.get("/pause", responses=responses())
async def show_pause(engine: EngineGiven, _access: Viewer) -> shapes.PauseShape:
    """Whether nothing is run, why, and what would run."""
    pause = engine.pausing.now
    interrupted = [] if pause is None else pause.interrupted or []
    of = Counter((item.workspace, item.integration) for item in interrupted)
    found = await engine.pausing.unfinished()
    return shapes.PauseShape(
        paused=pause is not None,
        since=None if pause is None else pause.since,
        by=None if pause is None else pause.by,
        why="" if pause is None else pause.why,
        restored_from="" if pause is None else pause.restored_from,
        waiting=sum(item.waiting for item in found),
        interrupted_count=0 if pause is None else pause.interrupted_count,
        oldest_received_at=written_or_none(
            min((item.oldest_received_at_us for item in found), default=None)
        ),
        integrations=[
            shapes.PausedIntegrationShape(
                workspace=item.workspace,
                integration=item.integration,
                waiting=item.waiting,
                running=item.running,
                interrupted=of[item.workspace, item.integration],
                oldest_received_at=written(item.oldest_received_at_us),
            )
            for item in found
        ],
        lanes=await _lanes(engine),
        interrupted=[
            shapes.InterruptedShape(
                workspace=item.workspace,
                integration=item.integration,
                lane=item.lane_key,
                message_id=item.message_id,
                received_at=item.received_at,
            )
            for item in interrupted
        ],
    )


@router.post("/pause", responses=responses("changed_meanwhile"))
async def pause_everything(
    given: shapes.WhyShape, engine: EngineGiven, access: Operator
) -> shapes.PauseShape:
    """Run nothing more, of no integration and on no node on the store; what runs ends. Calls are
    accepted and wait. Safe to repeat."""
    await engine.pausing.pause(access.actor(given.why))
    return await show_pause(engine, access)


@router.post("/resume", responses=responses("changed_meanwhile"))
async def resume_everything(
    given: shapes.WhyShape, engine: EngineGiven, access: Operator
) -> shapes.PauseShape:
    """Let everything run, after a restore, a start with `--paused`, or a pause. Safe to repeat."""
    await engine.pausing.resume(access.actor(given.why))
    return await show_pause(engine, access)


async def _lanes(engine: Engine) -> list[shapes.PausedLaneShape]:
    names = {item.trigger_no: item for item in await engine.catalog.integrations()}
    lanes = await engine.journal.lanes(None, _LANES)
    return [
        shapes.PausedLaneShape(
            workspace=names[lane.trigger_no].workspace,
            integration=names[lane.trigger_no].name,
            key=lane.key,
            waiting=lane.waiting,
            oldest_received_at=written_or_none(lane.oldest_received_at_us),
        )
        for lane in lanes
        if lane.key is not None and lane.waiting and lane.trigger_no in names
    ]
