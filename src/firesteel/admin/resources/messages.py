"""Messages: find them, look at one, replay, cancel, skip, retry, erase."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from firesteel.admin import shapes, views
from firesteel.admin.access import Access
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.long_payload import joined, json_of
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Administrator,
    EngineGiven,
    MessageId,
    Operator,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.selection import page_of, refuse_unknown_names
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine
from firesteel.engine.replays import Changes
from firesteel.errors import CallerError
from firesteel.store.history import ExecutionDetail

router = APIRouter(
    prefix="/workspaces/{workspace}/messages", tags=["messages"], route_class=JsonRoute
)

_UNKNOWN = ("unknown_workspace", "unknown_message", "unknown_execution")


@router.get("", responses=responses("unknown_workspace", "unknown_integration"))
async def list_messages(
    workspace: WorkspaceName,
    query: Annotated[shapes.MessagesQuery, Query()],
    engine: EngineGiven,
    _access: Viewer,
) -> shapes.MessagesPage:
    """Executions of messages, latest first, a page at a time; without payloads."""
    await require_workspace(engine.catalog, workspace)
    found = await engine.history.messages(page_of(workspace, query))
    if not found:
        await refuse_unknown_names(engine, workspace, query)
    more = len(found) == query.limit
    return shapes.MessagesPage(
        items=[views.summary(item) for item in found],
        next=str(found[-1].execution_no) if more else None,
    )


@router.get("/{id}", response_model=shapes.MessageShape, responses=responses(*_UNKNOWN))
async def show_message(
    workspace: WorkspaceName, id: MessageId, engine: EngineGiven, access: Viewer
) -> Response:
    """A message, its executions, their steps and attempts, and why it waits."""
    message = await shown_message(workspace, id, engine, access)
    return StreamingResponse(joined(json_of(message)), media_type="application/json")


@router.post(
    "/{id}/replay",
    status_code=201,
    responses=responses(*_UNKNOWN, "not_terminal", "payload_purged"),
)
async def replay_message(
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Operator,
    act: shapes.ReplayShape | None = None,
) -> shapes.ReplayedShape:
    """A new execution of a message whose execution has ended; in a lane, at its tail. With ``edit``
    it runs on something else, and the message stays as it was received."""
    act = act or shapes.ReplayShape()
    await _executions(engine, workspace, id)
    changes = None
    if act.edit is not None:
        access.require("payloads")
        changes = _changes(act.edit)
    _, execution = await engine.replay(
        id,
        act.run,
        access.actor(act.why),
        original_version=act.original_version,
        changes=changes,
    )
    run = int(execution.rpartition("-")[2])
    return shapes.ReplayedShape(id=id, run=run, execution=execution)


@router.post(
    "/{id}/cancel", responses=responses(*_UNKNOWN, "already_terminal", "cancel_unanswered")
)
async def cancel_message(
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Operator,
    act: shapes.ActShape | None = None,
) -> shapes.EndedShape:
    """End an execution that waits or runs; a caller that waits for it gets 502."""
    return await _act(engine, access, "cancel", (workspace, id, act))


@router.post("/{id}/skip", responses=responses(*_UNKNOWN, "already_terminal", "not_waiting"))
async def skip_message(
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Operator,
    act: shapes.ActShape | None = None,
) -> shapes.EndedShape:
    """Skip an execution that waits, or the failed one at which a lane is paused."""
    return await _act(engine, access, "skip", (workspace, id, act))


@router.post(
    "/{id}/retry",
    responses=responses(
        *_UNKNOWN, "already_terminal", "not_waiting", "not_terminal", "payload_purged"
    ),
)
async def retry_message(
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Operator,
    act: shapes.ActShape | None = None,
) -> shapes.EndedShape:
    """Let an execution that waits for its retry start now; replay one that has failed (at its
    place, where its lane is paused at it)."""
    return await _act(engine, access, "retry_now", (workspace, id, act))


@router.post("/{id}/erase", responses=responses(*_UNKNOWN, "not_terminal"))
async def erase_message(
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Administrator,
    act: shapes.ReasonShape | None = None,
) -> shapes.ErasedShape:
    """Erase for good what a message held and was made of it, with its consumer, lane and search
    values. Its id, sequence, times and state stay. All its executions must have ended, and no lane
    stand at it."""
    await _executions(engine, workspace, id)
    await engine.erase(workspace, id, access.actor(act.why if act else ""))
    executions = await _executions(engine, workspace, id)
    shown = views.message(executions, payloads=False)
    assert shown.erased_at is not None
    return shapes.ErasedShape(id=id, erased_at=shown.erased_at)


async def shown_message(
    workspace: str, id: str, engine: Engine, access: Access
) -> shapes.MessageShape:
    """The same as a shape, in which of a long payload there is the beginning."""
    executions = await _executions(engine, workspace, id)
    payloads = access.may("payloads")
    return await asyncio.to_thread(views.message, executions, payloads=payloads)


async def _act(
    engine: Engine,
    access: Access,
    name: Literal["cancel", "skip", "retry_now"],
    what: tuple[str, str, shapes.ActShape | None],
) -> shapes.EndedShape:
    workspace, message_id, act = what
    act = act or shapes.ActShape()
    executions = await _executions(engine, workspace, message_id)
    run = act.run or executions[-1].summary.run
    ended = await getattr(engine, name)(message_id, run, access.actor(act.why))
    if not ended.changed:
        code = "already_terminal" if ended.state.terminal else "not_waiting"
        raise CallerError(f"the execution is {ended.state.value}", code=code)
    if all(ended.execution_no != item.summary.execution_no for item in executions):
        run = executions[-1].summary.run + 1
    return shapes.EndedShape(id=message_id, run=run, state=ended.state.value, changed=ended.changed)


async def _executions(engine: Engine, workspace: str, message_id: str) -> list[ExecutionDetail]:
    executions = await engine.history.executions(message_id)
    if not executions or executions[0].summary.workspace != workspace:
        await require_workspace(engine.catalog, workspace)
        raise CallerError(f"there is no message {message_id}", code="unknown_message")
    return executions


def _changes(edit: shapes.EditShape) -> Changes:
    body: bytes | None = None
    if edit.text is not None and edit.base64 is not None:
        raise CallerError("a body is text or base64, not both", code="invalid_request")
    if edit.text is not None:
        body = _encoded(edit.text)
    elif edit.base64 is not None:
        try:
            body = base64.b64decode(edit.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise CallerError("the body is not base64", code="invalid_request") from error
    given = None if edit.input is None else _encoded(edit.input)
    return Changes(edit.query, edit.content_type, body, given)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CallerError("the text is no Unicode", code="invalid_request") from error
