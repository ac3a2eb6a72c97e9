"""Drafts of integrations: show, save, throw away, publish."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from firesteel.admin import shapes, views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.etags import IfMatch, draft_etag, expected, version_etag
from firesteel.admin.resources.given import (
    Editor,
    IntegrationName,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.integrations import Document, other_name

router = APIRouter(
    prefix="/workspaces/{workspace}/integrations/{name}/draft",
    tags=["integrations"],
    route_class=JsonRoute,
)

_UNKNOWN = ("unknown_workspace", "unknown_integration")


@router.get("", responses=responses(*_UNKNOWN, "unknown_draft"))
async def show_draft(
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    response: Response,
    _access: Viewer,
) -> shapes.DraftShape:
    """The draft with everything that is wrong with it. ``ETag`` is its revision."""
    found = await publisher.drafts.show(workspace, name)
    response.headers["etag"] = draft_etag(found.draft.revision)
    return views.draft(found)


@router.put(
    "",
    responses=responses(*_UNKNOWN, "managed_by_files", "changed_meanwhile", "integration_invalid"),
)
async def save_draft(  # what FastAPI gives it
    workspace: WorkspaceName,
    name: IntegrationName,
    document: Document,
    publisher: PublisherGiven,
    response: Response,
    access: Editor,
    if_match: IfMatch = None,
) -> shapes.DraftShape:
    """Save a draft, faults and all; nothing that is published changes. ``If-Match`` takes the ETag
    of the draft, or of the published version where there was no draft. Only a document with another
    name than the one in the address is refused. API keys stand beside a
    draft: it declares those that the trigger has, and secrets in it are dropped."""
    if document.get("name", name) != name:
        raise other_name()
    saved = await publisher.drafts.put(
        workspace, name, document, expected=expected(if_match), actor=access.actor()
    )
    response.headers["etag"] = draft_etag(saved.draft.revision)
    return views.draft(saved)


@router.delete(
    "", status_code=204, responses=responses(*_UNKNOWN, "unknown_draft", "changed_meanwhile")
)
async def discard_draft(
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    access: Editor,
    if_match: IfMatch = None,
) -> None:
    """Throw the draft away."""
    revision = expected(if_match).revision_or_refuse()
    await publisher.drafts.discard(workspace, name, revision=revision, actor=access.actor())


@router.post(
    "/publish",
    responses=responses(
        *_UNKNOWN,
        "unknown_draft",
        "managed_by_files",
        "changed_meanwhile",
        "integration_invalid",
        "workers_unavailable",
    ),
)
async def publish_draft(  # what FastAPI gives it
    workspace: WorkspaceName,
    name: IntegrationName,
    publisher: PublisherGiven,
    response: Response,
    access: Editor,
    over: Annotated[
        int | None,
        Query(
            le=2**63 - 1,
            ge=1,
            description="Replace this published version, although the draft is not based on it.",
        ),
    ] = None,
    if_match: IfMatch = None,
) -> shapes.PublicationShape:
    """Make the draft the published version; it changes no API key. Refused where another version
    was published since the one that the draft is based on, unless that one is named in ``over``.
    An integration that was never published before is switched on."""
    done = await publisher.drafts.publish(
        workspace,
        name,
        revision=expected(if_match).revision_or_refuse(),
        over=over,
        actor=access.actor(),
    )
    response.headers["etag"] = version_etag(done.version)
    return views.publication(done)
