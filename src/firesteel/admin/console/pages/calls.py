"""The Try it tab: a call of the trigger's real address, and the same call as commands."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from firesteel.admin.console import call_form
from firesteel.admin.console.draft import Editing, load
from firesteel.admin.console.page import fragment, from_htmx, render
from firesteel.admin.resources.calls import TrialsGiven, show_snippets, try_trigger
from firesteel.admin.resources.given import (
    EngineGiven,
    IntegrationName,
    MessageId,
    Operator,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.shapes.callers import SnippetsShape
from firesteel.engine.engine import Engine
from firesteel.engine.publishing import Publisher
from firesteel.errors import CallerError

router = APIRouter(prefix="/w/{workspace}/integrations/{name}/try", include_in_schema=False)


@router.get("")
async def show_form(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
) -> Response:
    """The form with values to begin with."""
    editing = await load(request, workspace, name)
    labels = await _labels(publisher, editing)
    values = call_form.first_values(editing.published.document, labels)
    call = call_form.call_of(values, _declared(editing))
    commands = await show_snippets(workspace, name, call, engine, publisher, access)
    return await _page(request, editing, labels, values=values, commands=commands)


@router.post("")
async def make_call(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    trials: TrialsGiven,
    access: Operator,
) -> Response:
    """Call, and show the answer."""
    editing = await load(request, workspace, name)
    values = await _values(request)
    declared = _declared(editing)
    trial = call_form.trial_of(values, declared)
    tried = await try_trigger(workspace, name, trial, engine, publisher, trials, access)
    state = await _state(engine, tried.message_id)
    if from_htmx(request):
        return fragment(request, "calls/answer.html", tried=tried, state=state, editing=editing)
    call = call_form.call_of(values, declared)
    commands = await show_snippets(workspace, name, call, engine, publisher, access)
    labels = await _labels(publisher, editing)
    more = {"tried": tried, "state": state}
    return await _page(request, editing, labels, values=values, commands=commands, more=more)


@router.post("/snippets")
async def write_commands(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    engine: EngineGiven,
    publisher: PublisherGiven,
    access: Viewer,
) -> Response:
    """The call as commands; nothing is called."""
    editing = await load(request, workspace, name)
    values = await _values(request)
    call = call_form.call_of(values, _declared(editing))
    commands = await show_snippets(workspace, name, call, engine, publisher, access)
    if from_htmx(request):
        return fragment(request, "calls/commands.html", commands=commands)
    labels = await _labels(publisher, editing)
    return await _page(request, editing, labels, values=values, commands=commands)


@router.get("/state/{id}")
async def show_state(
    request: Request,
    workspace: WorkspaceName,
    name: IntegrationName,
    id: MessageId,
    engine: EngineGiven,
    _access: Viewer,
) -> Response:
    """How far the execution is that a call has made; asks again until it has ended."""
    state = await _state(engine, id)
    if state is None:
        raise CallerError(f"there is no message {id}", code="unknown_message")
    address = f"/w/{workspace}/integrations/{name}"
    return fragment(request, "calls/state.html", state=state, message_id=id, base=address)


async def _page(
    request: Request,
    editing: Editing,
    labels: list[str],
    *,
    values: dict[str, str],
    commands: SnippetsShape,
    more: dict[str, Any] | None = None,
) -> Response:
    published = editing.published
    document = published.document
    trigger = document.get("trigger") or {}
    methods = trigger.get("methods") or ["GET", "POST"]
    shown: dict[str, Any] = {"tried": None, "state": None, **(more or {})}
    return await render(
        request,
        "calls/try.html",
        workspace=editing.workspace,
        editing=editing,
        labels=labels,
        values=values,
        methods=methods,
        with_body=bool(set(methods) & set(call_form.WITH_BODY)),
        fields=call_form.fields(document, values),
        commands=commands,
        url=commands.url.partition("?")[0],
        **shown,
    )


async def _labels(publisher: Publisher, editing: Editing) -> list[str]:
    """Labels of the trigger's keys; none where calls need none."""
    if editing.published.open:
        return []
    found = await publisher.find(editing.workspace, editing.name)
    return [key.label for key in await publisher.keys.of(found.trigger_no)]


def _declared(editing: Editing) -> list[str]:
    trigger = editing.published.document.get("trigger") or {}
    return [str(item["name"]) for item in trigger.get("query_parameters") or ()]


async def _values(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: str(value) for name, value in form.items() if name != "csrf"}


async def _state(engine: Engine, message_id: str | None) -> Any:
    """The message's state, if it is one."""
    return None if message_id is None else await engine.status(message_id)
