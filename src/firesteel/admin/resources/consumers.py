"""Consumers: who calls with which keys, and the OpenAPI document of what they may call."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from firesteel.admin import views
from firesteel.admin.callers.document import callable_by, consumer_document
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import EngineGiven, Viewer, WorkspaceName
from firesteel.admin.shapes import callers as shapes
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine
from firesteel.errors import CallerError
from firesteel.store.catalog import ApiKey, PublishedIntegration

router = APIRouter(prefix="/workspaces/{workspace}/consumers", tags=["consumers"])

ConsumerLabel = Annotated[
    str, Path(description="Label of the consumer's API keys.", examples=["web shop"])
]


@router.get("", responses=responses("unknown_workspace"))
async def list_consumers(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.ConsumerShape]:
    """The workspace's consumers by label, with the triggers that have a key of theirs."""
    await require_workspace(engine.catalog, workspace)
    found: dict[str, list[shapes.ConsumerTriggerShape]] = {}
    triggers = {item.trigger_no: item for item in await engine.catalog.integrations(workspace)}
    for key in await engine.catalog.keys():
        if key.trigger_no in triggers:
            found.setdefault(key.label, []).append(_trigger(triggers[key.trigger_no], key))
    return [_consumer(label, found[label]) for label in sorted(found)]


@router.get(
    "/{label:path}/openapi.json", responses=responses("unknown_workspace", "unknown_consumer")
)
async def show_consumer_openapi(
    workspace: WorkspaceName, label: ConsumerLabel, engine: EngineGiven, _access: Viewer
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the triggers that a key of this label may call now: switched on,
    and the key not expired. It holds no secret and can be handed to the consumer."""
    await require_workspace(engine.catalog, workspace)
    await _require_consumer(engine, workspace, label)
    routes = callable_by(engine.routes, workspace, label, engine.now_us())
    return consumer_document(routes, workspace=workspace, consumer=label, public=engine.public)


async def _require_consumer(engine: Engine, workspace: str, label: str) -> None:
    known = {item.trigger_no for item in await engine.catalog.integrations(workspace)}
    keys = await engine.catalog.keys()
    if not any(key.label == label and key.trigger_no in known for key in keys):
        detail = f"the workspace {workspace} has no API key labelled {label}"
        raise CallerError(detail, code="unknown_consumer")


def _trigger(integration: PublishedIntegration, key: ApiKey) -> shapes.ConsumerTriggerShape:
    shown = views.key(key).model_dump(exclude={"label"})
    return shapes.ConsumerTriggerShape(
        integration=integration.name, enabled=integration.enabled, **shown
    )


def _consumer(label: str, triggers: list[shapes.ConsumerTriggerShape]) -> shapes.ConsumerShape:
    used = [item.last_used_at for item in triggers if item.last_used_at is not None]
    return shapes.ConsumerShape(
        label=label,
        last_used_at=max(used, default=None),
        triggers=sorted(triggers, key=lambda item: item.integration),
    )
