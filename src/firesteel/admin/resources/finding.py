"""Finding messages beyond a list: live, by a text that they hold, and by why they failed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from firesteel.admin import shapes, views
from firesteel.admin.access import Access
from firesteel.admin.app import STILL_KEY
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import EngineGiven, PayloadReader, Viewer, WorkspaceName
from firesteel.admin.selection import filter_of, refuse_unknown_names
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.engine import Engine
from firesteel.engine.live import Listener, News
from firesteel.errors import StoreUnavailable
from firesteel.store.history import MessageFilter

router = APIRouter(
    prefix="/workspaces/{workspace}/messages", tags=["messages"], route_class=JsonRoute
)

# After so long without news the connection is kept awake, and the door is asked again whether this
# reader is still let in.
HEARTBEAT_S: Final = 10.0
# Changes of so long are told together: a busy list is read from the store four times a second.
GATHER_S: Final = 0.25
# One piece of a search: so many executions, and about so long.
SCAN_ROWS: Final = 5000
SCAN_S: Final = 0.5
SCAN_FOUND: Final = 100
GROUPED: Final = 10_000

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events: `message` (data: a message as in the list), `gone` (data: id, run; "
        "it changed and the list does not show it), `reload` (more has changed than is told one by "
        "one: load the list), `end` (ask anew). Lines that begin with `:` keep the connection.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'event: gone\ndata: {"id": "0198c5f2", "run": 1}\n\n',
            }
        },
    }
}


@router.get(
    "/stream",
    responses=_STREAM | responses("unknown_workspace", "too_many_listeners"),
    response_class=StreamingResponse,
)
async def stream_messages(
    workspace: WorkspaceName,
    query: Annotated[shapes.StreamQuery, Query()],
    request: Request,
    engine: EngineGiven,
    _access: Viewer,
) -> StreamingResponse:
    """What changes in a list of messages, as server-sent events, without payloads."""
    await require_workspace(engine.catalog, workspace)
    filter = filter_of(workspace, query)
    listener = engine.feed.listen(_concerns(engine, filter))
    watch = Watch(engine, filter, listener, request.scope.get(STILL_KEY))
    came_back = request.headers.get("last-event-id") is not None
    return StreamingResponse(
        watch.events(query.seconds, came_back=came_back),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.get("/search", responses=responses("unknown_workspace", "search_busy"))
async def search_messages(
    workspace: WorkspaceName,
    query: Annotated[shapes.TextQuery, Query()],
    engine: EngineGiven,
    _access: PayloadReader,
) -> shapes.TextPage:
    """Look for a text in what messages hold: request, body, input and response, the latest first.
    Each call looks at a few thousand and says how far the search has come."""
    await require_workspace(engine.catalog, workspace)
    before_no = int(query.cursor) if query.cursor else None
    filter = replace(filter_of(workspace, query), before_no=before_no, limit=SCAN_FOUND)
    scan = await engine.history.scan(filter, query.text, rows=SCAN_ROWS, seconds=SCAN_S)
    return views.text_page(scan)


@router.get("/failures", responses=responses("unknown_workspace", "unknown_integration"))
async def list_failures(
    workspace: WorkspaceName,
    query: Annotated[shapes.MessageSelection, Query()],
    engine: EngineGiven,
    _access: Viewer,
) -> shapes.FailuresShape:
    """Failed executions by integration, code and step, the largest group first: of the latest ten
    thousand that the selection finds."""
    await require_workspace(engine.catalog, workspace)
    failures = await engine.history.failures(filter_of(workspace, query), GROUPED)
    if not failures.looked_at:
        await refuse_unknown_names(engine, workspace, query)
    return views.failures(failures)


@dataclass(frozen=True, slots=True)
class Watch:
    """A list that somebody watches."""

    engine: Engine
    filter: MessageFilter
    listener: Listener
    still: Callable[[], Awaitable[Access | None]] | None

    async def events(self, seconds: float, *, came_back: bool) -> AsyncIterator[str]:
        """The text of the stream. It ends after ``seconds``, when the node stops, and when who
        asked is let in no more; whoever comes back may have missed something."""
        try:
            yield "retry: 1000\n\n"
            if came_back:
                yield _event("reload")
            loop = asyncio.get_running_loop()
            until, asked = loop.time() + seconds, loop.time()
            while (left := until - loop.time()) > 0:
                if loop.time() - asked >= HEARTBEAT_S:
                    if not await self._still_let_in():
                        break
                    asked = loop.time()
                news = await self.listener.news(min(left, HEARTBEAT_S))
                if news is None:
                    yield ": still here\n\n"
                    continue
                if news.over:
                    break
                yield await self._told(news)
                await asyncio.sleep(min(GATHER_S, left))
            yield _event("end")
        finally:
            self.listener.close()

    async def _still_let_in(self) -> bool:
        """A session may have ended meanwhile, or a right been taken away."""
        if self.still is None:
            return True
        access = await self.still()
        return access is not None and "view" in access.rights

    async def _told(self, news: News) -> str:
        if news.reload:
            return _event("reload")
        try:
            changed = await self.engine.history.changed(self.filter, news.numbers)
        except StoreUnavailable:
            return _event("reload")
        events = []
        for summary, shown in reversed(changed):
            if shown:
                events.append(_event("message", views.summary(summary).model_dump_json()))
            else:
                gone = json.dumps({"id": summary.message_id, "run": summary.run})
                events.append(_event("gone", gone))
        return "".join(events)


def _event(name: str, data: str = "{}") -> str:
    """The id is for ``Last-Event-ID``, which tells a newcomer from one who comes back."""
    return f"event: {name}\nid: 1\ndata: {data}\n\n"


def _concerns(engine: Engine, filter: MessageFilter) -> Any:
    """Whether a trigger may be in the list; one without a route may always."""

    def concerns(trigger_no: int) -> bool:
        route = engine.routes.of_trigger(trigger_no)
        if route is None:
            return True
        return route.workspace == filter.workspace and filter.integration in (None, route.name)

    return concerns
