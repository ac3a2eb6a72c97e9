"""Calls of a trigger: made now through the public port (Try it), or written as snippets."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request

from firesteel.admin.access import Access
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.callers.call import API_KEY_HEADER, Call, make_call
from firesteel.admin.callers.snippets import credential_of, snippets
from firesteel.admin.callers.trials import Trials, Tried
from firesteel.admin.long_payload import payload_of
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    EngineGiven,
    IntegrationName,
    Operator,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.shapes import callers as shapes
from firesteel.engine.publishing import Publisher
from firesteel.errors import CallerError
from firesteel.store.catalog import PublishedIntegration

router = APIRouter(
    prefix="/workspaces/{workspace}/integrations/{name}", tags=["calls"], route_class=JsonRoute
)

_UNKNOWN = ("unknown_workspace", "unknown_integration")
# Headers that say nothing of what a workflow answered.
_OPEN_HEADERS = frozenset(
    {"allow", "content-length", "content-type", "date", "location", "request-id", "retry-after"}
)


async def _trials(request: Request) -> Trials:
    """The application's own; made for the first call."""
    state = request.app.state
    if not hasattr(state, "trials"):
        state.trials = Trials(state.engine.public)
    trials: Trials = state.trials
    return trials


TrialsGiven = Annotated[Trials, Depends(_trials)]


@router.post("/try", responses=responses(*_UNKNOWN, "unknown_key", "trials_busy"))
async def try_trigger(
    workspace: WorkspaceName,
    name: IntegrationName,
    wanted: shapes.TryCallShape,
    engine: EngineGiven,
    publisher: PublisherGiven,
    trials: TrialsGiven,
    access: Operator,
) -> shapes.TriedCallShape:
    """Call the trigger at its real address, as a consumer does: the call becomes a message and its
    workflow runs. A key is used without being shown; the audit log says who called with which."""
    integration = await publisher.find(workspace, name)
    call = _call(integration, wanted)
    key = await _key(publisher, integration, wanted, access)
    tried = await trials.make(call, key=key, timeout_s=wanted.timeout_s)
    own = wanted.key_label is None or "payloads" in access.rights
    return _tried(tried, engine.public.of(call.path), whole=own)


@router.post("/snippets", responses=responses(*_UNKNOWN))
async def show_snippets(
    workspace: WorkspaceName,
    name: IntegrationName,
    wanted: shapes.CallShape,
    engine: EngineGiven,
    publisher: PublisherGiven,
    _access: Viewer,
) -> shapes.SnippetsShape:
    """The call as commands for curl, Python and PowerShell; nothing is called."""
    integration = await publisher.find(workspace, name)
    call = _call(integration, wanted)
    given = {API_KEY_HEADER, "authorization"} & set(call.headers)
    credential = None if given else credential_of(integration.document)
    made = snippets(call, engine.public.url, credential)
    return shapes.SnippetsShape(
        url=engine.public.of(call.path),
        curl=made.curl,
        python=made.python,
        powershell=made.powershell,
    )


def _call(integration: PublishedIntegration, wanted: shapes.CallShape) -> Call:
    if wanted.body is not None and wanted.body_base64 is not None:
        raise CallerError("body and body_base64 are two bodies", code="invalid_request")
    body = wanted.body_base64 if wanted.body is None else _encoded(wanted.body)
    return make_call(
        wanted.method,
        f"/{quote(integration.workspace, safe='')}/{quote(integration.name, safe='')}",
        query=wanted.query,
        headers=wanted.headers,
        body=body,
    )


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CallerError("the body is not text", code="invalid_request") from None


async def _key(
    publisher: Publisher,
    integration: PublishedIntegration,
    wanted: shapes.TryCallShape,
    access: Access,
) -> str | None:
    """The secret to call with; the audit log knows of the call before it is made."""
    if wanted.key_label is not None and wanted.key_secret is not None:
        raise CallerError("key_label and key_secret are two keys", code="invalid_request")
    typed = _typed(wanted.key_secret)
    subject = f"{integration.workspace}/{integration.name}"
    lent = await publisher.keys.lend(
        integration.trigger_no, wanted.key_label, subject=subject, actor=access.name
    )
    return typed if lent is None else lent


def _typed(secret: str | None) -> str | None:
    if secret is not None and not all("!" <= char <= "~" for char in secret):
        raise CallerError("an API key has visible ASCII characters only", code="invalid_request")
    return secret


def _tried(tried: Tried, url: str, *, whole: bool) -> shapes.TriedCallShape:
    headers = [
        pair
        for pair in tried.headers
        if whole or pair[0] in _OPEN_HEADERS or pair[0].startswith("firesteel-")
    ]
    shown = whole and tried.status is not None
    sequence = tried.header("firesteel-sequence")
    return shapes.TriedCallShape(
        url=url,
        status=tried.status,
        failure=tried.failure,
        headers=headers,
        body=payload_of(tried.body) if shown else None,
        truncated=tried.truncated,
        duration_ms=round(tried.duration_s * 1000, 1),
        message_id=tried.header("firesteel-message-id"),
        sequence=None if sequence is None else int(sequence),
    )
