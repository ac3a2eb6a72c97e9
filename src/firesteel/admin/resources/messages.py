"""Messages: find them, look at one, replay, cancel, skip, retry."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from firesteel.admin import shapes, views
from firesteel.admin.access import Access
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    EngineGiven,
    MessageId,
    Operator,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.times import read
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine
from firesteel.errors import CallerError
from firesteel.model.execution import State
from firesteel.store.history import ExecutionDetail, MessageFilter

router = APIRouter(prefix="/workspaces/{workspace}/messages", tags=["messages"])

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
    found = await engine.history.messages(_filter(workspace, query))
    if not found:
        await _refuse_unknown_names(engine, workspace, query)
    more = len(found) == query.limit
    return shapes.MessagesPage(
        items=[views.summary(item) for item in found],
        next=str(found[-1].execution_no) if more else None,
    )


@router.get("/{id}", responses=responses(*_UNKNOWN))
async def show_message(
    workspace: WorkspaceName, id: MessageId, engine: EngineGiven, access: Viewer
) -> shapes.MessageShape:
    """A message, its executions, their steps and attempts, and why it waits."""
    executions = await _executions(engine, workspace, id)
    return views.message(executions, payloads="payloads" in access.rights)


@router.post("/{id}/replay", status_code=201, responses=responses(*_UNKNOWN, "not_terminal"))
async def replay_message(
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Operator,
    act: shapes.ReplayShape | None = None,
) -> shapes.ReplayedShape:
    """A new execution of a message whose execution has ended; in a lane, at its tail."""
    act = act or shapes.ReplayShape()
    await _executions(engine, workspace, id)
    _, execution = await engine.replay(
        id, act.run, access.actor(act.why), original_version=act.original_version
    )
    run = int(execution.rpartition("-")[2])
    return shapes.ReplayedShape(id=id, run=run, execution=execution)


@router.post("/{id}/cancel", responses=responses(*_UNKNOWN, "already_terminal"))
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


@router.post("/{id}/retry", responses=responses(*_UNKNOWN, "already_terminal", "not_waiting"))
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


async def _refuse_unknown_names(
    engine: Engine, workspace: str, query: shapes.MessagesQuery
) -> None:
    """An empty list must not hide a slip of the pen. Only asked where nothing was found: messages
    of removed integrations, and of search names that older versions had, are still listed."""
    published = await engine.catalog.integrations(workspace)
    if query.integration is not None:
        published = [item for item in published if item.name == query.integration]
        if not published:
            raise CallerError(
                f"the workspace {workspace} has no integration {query.integration}",
                code="unknown_integration",
            )
    names = {name for item in published for name in item.document.get("search") or {}}
    if query.search_name is not None and query.search_name not in names:
        raise CallerError(
            f"no integration has the search name {query.search_name}", code="invalid_request"
        )


def _filter(workspace: str, query: shapes.MessagesQuery) -> MessageFilter:
    search = None
    if (query.search_name is None) != (query.search_value is None):
        raise CallerError("search_name and search_value go together", code="invalid_request")
    if query.search_name is not None and query.search_value is not None:
        search = (query.search_name, query.search_value)
    return MessageFilter(
        workspace=workspace,
        integration=query.integration,
        state=State(query.state) if query.state else None,
        consumer=query.consumer,
        received_from_us=read(query.received_from) if query.received_from else None,
        received_until_us=read(query.received_until) if query.received_until else None,
        sequence=query.sequence,
        search=search,
        before_no=int(query.cursor) if query.cursor else None,
        limit=query.limit,
    )
