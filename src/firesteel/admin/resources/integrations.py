"""Integrations: list, show, publish, switch, remove; their versions."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response

from firesteel.admin import shapes, views
from firesteel.admin.problems import responses
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
from firesteel.engine.publishing import PublishOptions
from firesteel.errors import CallerError
from firesteel.model.document import InvalidDocument
from firesteel.model.fault import Fault

router = APIRouter(prefix="/workspaces/{workspace}/integrations", tags=["integrations"])

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
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
) -> list[shapes.IntegrationSummary]:
    """The workspace's integrations by name."""
    await require_workspace(engine.catalog, workspace)
    found = await engine.catalog.integrations(workspace)
    return [views.integration_summary(item, engine) for item in found]


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
    response.headers["etag"] = f'"{found.version}"'
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
    if_match: Annotated[
        str | None, Header(description="Refuse unless this is the published version.")
    ] = None,
) -> shapes.PublicationShape:
    """Publish a document: a new version where it differs from the published one, and API keys as it
    declares them. With ``dry_run`` everything is checked and nothing changed."""
    if document.get("name", name) != name:
        detail = "the document's name is not the one in the address"
        raise InvalidDocument([Fault("", 0, 0, "/name", "name_invalid", detail)])
    done = await publisher.publish(
        workspace,
        {"name": name, **document},
        options=PublishOptions(
            owner=Owner(options.managed_by, options.take_over),
            dry_run=options.dry_run,
            prune=options.prune,
            expect_version=_expected(if_match),
        ),
        actor=access.actor(),
    )
    response.headers["etag"] = f'"{done.version}"'
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


@router.get("/{name}/versions", responses=responses("unknown_workspace", "unknown_integration"))
async def list_versions(
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    _access: Viewer,
) -> list[shapes.VersionShape]:
    """All versions, latest first."""
    await publisher.find(workspace, name)
    return [views.version(item) for item in await engine.catalog.versions(workspace, name)]


def _expected(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise CallerError("If-Match is not an ETag of this resource", code="changed_meanwhile")
    return int(match.group(1))
