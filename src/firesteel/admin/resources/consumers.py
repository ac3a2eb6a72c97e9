"""Consumers: who calls, with which keys, what they may call, and the OpenAPI document of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from firesteel.admin import views_keys
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.callers.document import callable_by, consumer_document
from firesteel.admin.callers.parties import Party, parties, party
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    ConsumerName,
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.shapes import callers as shapes
from firesteel.admin.times import written
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine

router = APIRouter(
    prefix="/workspaces/{workspace}/consumers", tags=["consumers"], route_class=JsonRoute
)

ConsumerLabel = Annotated[
    str, Path(description="Name of the consumer, or label of API keys.", examples=["web shop"])
]
_UNKNOWN = ("unknown_workspace", "unknown_consumer")


@router.get("", responses=responses("unknown_workspace"))
async def list_consumers(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.ConsumerShape]:
    """The workspace's consumers by name: with their own keys and what these open, and with the
    triggers that have a key, or another way to authenticate, of that label."""
    await require_workspace(engine.catalog, workspace)
    return [_consumer(item, engine) for item in await parties(engine.catalog, workspace)]


@router.post(
    "",
    status_code=201,
    responses=responses("unknown_workspace", "name_taken", "name_invalid"),
)
async def add_consumer(
    workspace: WorkspaceName,
    new: shapes.NewConsumerShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.ConsumerShape:
    """Add a consumer, without keys and grants. One whose name is the label of triggers' keys is
    the same party as these."""
    added = await publisher.granting.add(workspace, new.name, actor=access.actor())
    return _consumer(await party(engine.catalog, workspace, added.name), engine)


@router.get(
    "/{label:path}/openapi.json", responses=responses("unknown_workspace", "unknown_consumer")
)
async def show_consumer_openapi(
    workspace: WorkspaceName, label: ConsumerLabel, engine: EngineGiven, _access: Viewer
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the triggers that a key of this consumer may call now: switched
    on, and the key not expired. It holds no secret and can be handed to the consumer."""
    await require_workspace(engine.catalog, workspace)
    await party(engine.catalog, workspace, label)
    routes = callable_by(engine.routes, workspace, label, engine.now_us())
    return consumer_document(routes, workspace=workspace, consumer=label, public=engine.public)


@router.get("/{consumer}", responses=responses(*_UNKNOWN))
async def show_consumer(
    workspace: WorkspaceName, consumer: ConsumerName, engine: EngineGiven, _access: Viewer
) -> shapes.ConsumerShape:
    """One consumer."""
    await require_workspace(engine.catalog, workspace)
    return _consumer(await party(engine.catalog, workspace, consumer), engine)


@router.patch(
    "/{consumer}", responses=responses(*_UNKNOWN, "name_taken", "name_invalid", "secret_taken")
)
async def rename_consumer(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    changes: shapes.ConsumerChangesShape,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> shapes.ConsumerShape:
    """Give a consumer another name. Keys and grants stay; messages keep the name that they came
    with, and are no longer its own."""
    await require_workspace(engine.catalog, workspace)
    renamed = await publisher.granting.rename(
        workspace, consumer, changes.name, actor=access.actor()
    )
    return _consumer(await party(engine.catalog, workspace, renamed.name), engine)


@router.delete("/{consumer}", status_code=204, responses=responses(*_UNKNOWN))
async def delete_consumer(
    workspace: WorkspaceName, consumer: ConsumerName, publisher: PublisherGiven, access: Editor
) -> None:
    """Delete a consumer with its keys and grants; calls with these keys get 401 from now on."""
    await publisher.granting.delete(workspace, consumer, actor=access.actor())


@router.put(
    "/{consumer}/grants/{name}",
    status_code=204,
    responses=responses(*_UNKNOWN, "unknown_integration", "secret_taken", "managed_by_files"),
)
async def grant_trigger(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> None:
    """Let the consumer's keys open the integration's trigger. An open trigger is closed by that,
    by a new version. Safe to repeat."""
    await publisher.granting.grant(workspace, consumer, name, actor=access.actor())


@router.delete(
    "/{consumer}/grants/{name}",
    status_code=204,
    responses=responses(*_UNKNOWN, "unknown_integration"),
)
async def revoke_trigger(
    workspace: WorkspaceName,
    consumer: ConsumerName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
) -> None:
    """Take the grant back: the consumer's keys get 401 there from now on. Safe to repeat."""
    await publisher.granting.revoke(workspace, consumer, name, actor=access.actor())


def _consumer(item: Party, engine: Engine) -> shapes.ConsumerShape:
    used = views_keys.last_used([*item.keys, *(key for _, key in item.labelled)])
    own = item.consumer
    return shapes.ConsumerShape(
        label=item.name,
        registered=own is not None,
        created_at=None if own is None else written(own.created_at_us),
        last_used_at=None if used is None else written(used),
        keys=views_keys.keys(item.keys, engine),
        grants=[
            shapes.GrantShape(
                integration=trigger.name, enabled=trigger.enabled, granted_at=written(at_us)
            )
            for trigger, at_us in item.granted
        ],
        triggers=[
            views_keys.consumer_trigger(trigger, key, engine)
            for trigger, key in item.labelled
            if key.replaced_at_us is None
        ],
        ways=[
            shapes.ConsumerWayShape(integration=trigger.name, enabled=trigger.enabled, kind=kind)
            for trigger, kind in item.ways
        ],
    )
