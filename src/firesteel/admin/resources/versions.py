"""Versions of an integration: list, compare, go back to one; the published one as a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

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
from firesteel.engine.publishing import Publisher
from firesteel.model.difference import diff_documents, side_by_side
from firesteel.model.yaml_writer import write_yaml

router = APIRouter(
    prefix="/workspaces/{workspace}/integrations/{name}",
    tags=["integrations"],
    route_class=JsonRoute,
)

_UNKNOWN = ("unknown_workspace", "unknown_integration")
DRAFT = "draft"

Side = Annotated[
    str, Query(pattern=r"^([1-9][0-9]{0,8}|draft)$", description="A version's number, or `draft`.")
]
VersionNumber = Annotated[int, Path(ge=1, le=999_999_999, description="Number of the version.")]


@router.get("/versions", responses=responses(*_UNKNOWN))
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


@router.get("/difference", responses=responses(*_UNKNOWN, "unknown_version", "unknown_draft"))
async def show_difference(  # what FastAPI gives it
    workspace: WorkspaceName,
    name: IntegrationName,
    old: Side,
    new: Side,
    publisher: PublisherGiven,
    _access: Viewer,
) -> shapes.DifferenceShape:
    """What changed between two versions, or a version and the draft: change by change, and line
    beside line of their files."""
    before = await _document(publisher, workspace, name, old)
    after = await _document(publisher, workspace, name, new)
    return shapes.DifferenceShape(
        old=old,
        new=new,
        changes=[views.change(item) for item in diff_documents(before, after)],
        lines=[views.line_pair(item) for item in side_by_side(before, after)],
    )


@router.post(
    "/versions/{number}/restore",
    responses=responses(
        *_UNKNOWN,
        "unknown_version",
        "managed_by_files",
        "changed_meanwhile",
        "integration_invalid",
        "workers_unavailable",
    ),
)
async def restore_version(  # what FastAPI gives it
    workspace: WorkspaceName,
    name: IntegrationName,
    number: VersionNumber,
    publisher: PublisherGiven,
    response: Response,
    access: Editor,
    if_match: IfMatch = None,
) -> shapes.PublicationShape:
    """Go back to an older version: its document is published again, as a new version. API keys
    and the draft stay as they are."""
    done = await publisher.drafts.restore(
        workspace,
        name,
        number,
        version=expected(if_match).version_or_refuse(),
        actor=access.actor(),
    )
    response.headers["etag"] = version_etag(done.version)
    return views.publication(done)


@router.get(
    "/export",
    response_class=Response,
    responses=responses(*_UNKNOWN)
    | {200: {"description": "The integration file.", "content": {"application/yaml": {}}}},
)
async def export_integration(
    workspace: WorkspaceName, name: IntegrationName, publisher: PublisherGiven, _access: Viewer
) -> Response:
    """The published integration as a file. It declares the API keys that the trigger has, without
    their secrets, which are generated where it is applied."""
    text = write_yaml(await publisher.drafts.written(workspace, name))
    headers = {"content-disposition": f'attachment; filename="{name}.yaml"'}
    return Response(text, media_type="application/yaml", headers=headers)


async def _document(publisher: Publisher, workspace: str, name: str, side: str) -> dict[str, Any]:
    """The document of a version or of the draft, without the switch, which is part of neither."""
    if side == DRAFT:
        found = (await publisher.drafts.show(workspace, name)).document
    else:
        found = (await publisher.drafts.version(workspace, name, int(side))).document
    return {key: value for key, value in found.items() if key != "enabled"}
