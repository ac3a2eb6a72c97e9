"""Integrations: list, make, show, publish, switch, remove."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from firesteel.admin import shapes, views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.etags import IfMatch, expected, version_etag
from firesteel.admin.resources.given import (
    Editor,
    EngineGiven,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.ownership import Owner
from firesteel.engine.publication import PublishOptions
from firesteel.model.document import InvalidDocument
from firesteel.model.fault import Fault

router = APIRouter(
    prefix="/workspaces/{workspace}/integrations", tags=["integrations"], route_class=JsonRoute
)

EXAMPLE = {
    "name": "ItemPrice",
    "trigger": {
        "methods": ["GET"],
        "authentication": [{"api_key": {"label": "web shop", "value": "${WEBSHOP_KEY}"}}],
        "request_response": {"timeout": "10s"},
        "query_parameters": [{"name": "item", "required": True}],
    },
    "workflow": {"python": "pricing:item_price"},
}
Document = Annotated[
    dict[str, Any],
    Body(
        description="The integration file as JSON.", openapi_examples={"price": {"value": EXAMPLE}}
    ),
]
Options = Annotated[shapes.PublishQuery, Query()]


@router.get("", responses=responses("unknown_workspace"))
async def list_integrations(
    workspace: WorkspaceName, engine: EngineGiven, _access: Viewer
) -> list[shapes.ListedIntegrationShape]:
    """The workspace's integrations by name."""
    await require_workspace(engine.catalog, workspace)
    found = await engine.catalog.integrations(workspace)
    drafts = {draft.name: draft for draft in await engine.catalog.drafts(workspace)}
    activity = await engine.history.activity([item.trigger_no for item in found])
    return [
        views.listed_integration(item, engine, activity[item.trigger_no], drafts.get(item.name))
        for item in found
    ]


@router.post(
    "",
    status_code=201,
    responses=responses("unknown_workspace", "name_taken", "integration_invalid"),
)
async def create_integration(
    workspace: WorkspaceName,
    new: shapes.NewIntegrationShape,
    engine: EngineGiven,
    publisher: PublisherGiven,
    response: Response,
    access: Editor,
) -> shapes.IntegrationShape:
    """Make an integration to be edited: version 1 is switched off and only records. Publishing its
    draft switches it on."""
    found = await publisher.create(workspace, new.name, new.description, actor=access.actor())
    response.headers["etag"] = version_etag(found.version)
    return views.integration(found, engine)


@router.get("/{name}", responses=responses("unknown_workspace", "unknown_integration"))
async def show_integration(
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    response: Response,
    _access: Viewer,
) -> shapes.IntegrationShape:
    """An integration and its published document. ``ETag`` is the version, for ``If-Match``."""
    found = await publisher.find(workspace, name)
    response.headers["etag"] = version_etag(found.version)
    return views.integration(found, engine)


@router.put(
    "/{name}",
    responses=responses(
        "unknown_workspace",
        "integration_invalid",
        "managed_by_files",
        "managed_by_console",
        "changed_meanwhile",
        "workers_unavailable",
    ),
)
async def publish_integration(
    workspace: WorkspaceName,
    name: IntegrationName,
    document: Document,
    options: Options,
    publisher: PublisherGiven,
    response: Response,
    access: Editor,
    if_match: IfMatch = None,
) -> shapes.PublicationShape:
    """Publish a document: a new version where it differs from the published one, and API keys as it
    declares them. With ``dry_run`` everything is checked and nothing changed."""
    if document.get("name", name) != name:
        raise other_name()
    done = await publisher.publish(
        workspace,
        {"name": name, **document},
        options=PublishOptions(
            owner=Owner(options.managed_by, options.take_over),
            dry_run=options.dry_run,
            prune=options.prune,
            expect_version=expected(if_match).version_or_refuse(),
        ),
        actor=access.actor(),
    )
    response.headers["etag"] = version_etag(done.version)
    return views.publication(done)


@router.patch("/{name}", responses=responses("unknown_workspace", "unknown_integration"))
async def switch_integration(
    workspace: WorkspaceName,
    name: IntegrationName,
    switch: shapes.SwitchShape,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.IntegrationSummary:
    """Switch the trigger on or off; switched off it answers 404."""
    await publisher.find(workspace, name)
    await publisher.set_enabled(workspace, name, switch.enabled, actor=access.actor())
    return views.integration_summary(await publisher.find(workspace, name), engine)


@router.post("/{name}/take-over", responses=responses("unknown_workspace", "unknown_integration"))
async def take_over_integration(
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Editor,
) -> shapes.IntegrationSummary:
    """Take an integration that files manage over: it is edited here from now on, and a project
    folder no longer publishes it."""
    taken = await publisher.take_over(workspace, name, actor=access.actor())
    return views.integration_summary(taken, engine)


@router.delete(
    "/{name}",
    status_code=204,
    responses=responses(
        "unknown_workspace", "unknown_integration", "managed_by_files", "managed_by_console"
    ),
)
async def remove_integration(
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
    managed_by: shapes.ManagedBy = "console",
) -> None:
    """Remove an integration and its API keys. Its messages stay until retention ends."""
    await publisher.remove(workspace, name, managed_by=managed_by, actor=access.actor())


def other_name() -> InvalidDocument:
    """The fault of a document that is sent to the address of another integration."""
    detail = "the document's name is not the one in the address"
    return InvalidDocument([Fault("", 0, 0, "/name", "name_invalid", detail)])
