"""``/w/{workspace}/messages/{id}``: one message, what was done with it, and what can be done."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from firesteel.admin import shapes
from firesteel.admin.access import Access
from firesteel.admin.console.authentication_form import KINDS
from firesteel.admin.console.page import from_htmx, quoted, redirect, render, render_long
from firesteel.admin.console.selected import read_fields, shaped
from firesteel.admin.console.shown import mark_of, unchanged
from firesteel.admin.console.timeline import timeline
from firesteel.admin.long_payload import LongPayload
from firesteel.admin.resources.given import (
    Administrator,
    EngineGiven,
    MessageId,
    Operator,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.resources.messages import (
    cancel_message,
    erase_message,
    replay_message,
    retry_message,
    shown_message,
    skip_message,
)
from firesteel.engine.engine import Engine
from firesteel.errors import CallerError

router = APIRouter(prefix="/w/{workspace}/messages/{id}", include_in_schema=False)

# More of a payload would make the page heavy; the REST API has it whole.
SHOWN_CHARACTERS: Final = 65_536
_ENCODER: Final = json.JSONEncoder(indent=2, ensure_ascii=False, default=str)


@router.get("")
async def show(
    request: Request, workspace: WorkspaceName, id: MessageId, engine: EngineGiven, access: Viewer
) -> Response:
    """The message with one of its executions: the one of ``run``, else the latest."""
    message = await shown_message(workspace, id, engine, access)
    execution = _run(message, request.query_params.get("run"))
    mark = await asyncio.to_thread(mark_of, [message])
    if from_htmx(request) and (same := unchanged(request, mark)):
        return same
    values: dict[str, Any] = {
        "message": message,
        "execution": execution,
        "latest": execution is message.executions[-1],
        "timeline": timeline(execution),
        "pretty": _pretty,
        "ways": {**KINDS, "api_key": "API key"},
        "shown": SHOWN_CHARACTERS,
        "address": _address(workspace, id),
        "terminal": execution.state not in ("waiting", "running"),
        "live": from_htmx(request),
        "shown_mark": mark,
    }
    template = "messages/message_live.html" if from_htmx(request) else "messages/message.html"
    return await render_long(request, template, **values)


@router.get("/edit")
async def edit(
    request: Request, workspace: WorkspaceName, id: MessageId, engine: EngineGiven, access: Operator
) -> Response:
    """The form of an edited replay, filled with what the run ran on."""
    access.require("payloads")
    return await _edit_page(request, workspace, id, (engine, access))


@router.post("/replay")
async def replay(
    request: Request, workspace: WorkspaceName, id: MessageId, engine: EngineGiven, access: Operator
) -> Response:
    """As it was."""
    form = dict(await request.form())
    act = shaped(
        shapes.ReplayShape,
        run=_number(form.get("run")),
        why=str(form.get("why") or ""),
        original_version=bool(form.get("original_version")),
    )
    done = await replay_message(workspace, id, engine, access, act)
    return redirect(request, _address(workspace, id), note=f"Replayed as run {done.run}.")


@router.post("/edit")
async def replay_edited(
    request: Request, workspace: WorkspaceName, id: MessageId, engine: EngineGiven, access: Operator
) -> Response:
    """With what the form changed; what it left as it was is no edit."""
    access.require("payloads")
    form = {name: str(value) for name, value in (await request.form()).items()}
    message = await shown_message(workspace, id, engine, access)
    before = _ran_on(message, _run(message, form.get("run")))
    try:
        changes = _changes(before, form)
        if not changes:
            raise CallerError("nothing was changed: replay it as it was", code="invalid_request")
        act = shaped(
            shapes.ReplayShape,
            run=_number(form.get("run")),
            why=form.get("why", ""),
            original_version=bool(form.get("original_version")),
            edit=read_fields(changes, shapes.EditShape),
        )
        done = await replay_message(workspace, id, engine, access, act)
    except CallerError as error:
        if error.code != "invalid_request" or from_htmx(request):
            raise
        given = before | {name: form[name] for name in before if name in form}
        return await _edit_page(
            request, workspace, id, (engine, access), given=given, fault=error.detail
        )
    return redirect(
        request, _address(workspace, id), note=f"Replayed as run {done.run}, with your changes."
    )


@router.post("/erase")
async def erase(
    request: Request,
    workspace: WorkspaceName,
    id: MessageId,
    engine: EngineGiven,
    access: Administrator,
) -> Response:
    """What it held is gone for good."""
    why = str(dict(await request.form()).get("why") or "")
    await erase_message(workspace, id, engine, access, shapes.ReasonShape(why=why[:1000]))
    return redirect(request, _address(workspace, id), note="Erased.")


@router.post("/{act}")
async def act_on(
    request: Request,
    workspace: WorkspaceName,
    id: MessageId,
    act: str,
    engine: EngineGiven,
    access: Operator,
) -> Response:
    """Cancel, skip or retry now."""
    acts = {
        "cancel": (cancel_message, "Cancelled."),
        "skip": (skip_message, "Skipped."),
        "retry": (retry_message, "It is tried again now."),
    }
    if act not in acts:
        raise CallerError("there is no such act", code="not_found")
    form = dict(await request.form())
    given = shaped(shapes.ActShape, run=_number(form.get("run")), why=str(form.get("why") or ""))
    do, note = acts[act]
    await do(workspace, id, engine, access, given)
    return redirect(request, _address(workspace, id), note=note)


async def _edit_page(
    request: Request,
    workspace: str,
    id: str,
    who: tuple[Engine, Access],
    *,
    given: dict[str, str] | None = None,
    fault: str = "",
) -> Response:
    message = await shown_message(workspace, id, *who)
    run = request.query_params.get("run") or dict(await request.form()).get("run")
    execution = _run(message, str(run) if run else None)
    if message.request is None:
        raise CallerError(code="payload_purged")
    return await render(
        request,
        "messages/edit.html",
        message=message,
        execution=execution,
        values=given or _ran_on(message, execution),
        fault=fault,
        address=_address(workspace, id),
    )


def _ran_on(message: shapes.MessageShape, execution: shapes.ExecutionShape) -> dict[str, str]:
    """The fields of the form as that run had them. ``input`` is empty where data processing made
    it."""
    received, edited = message.request, execution.edited
    if received is None:
        return {}
    types = [value for name, value in received.headers if name == "content-type"]
    fields = {"query": received.query, "content_type": types[-1] if types else "", "input": ""}
    body = received.body
    if edited is not None:
        fields["query"] = received.query if edited.query is None else edited.query
        fields["content_type"] = edited.content_type or fields["content_type"]
        fields["input"] = (edited.input.text or "") if edited.input else ""
        body = edited.body or body
        _refuse_long(edited.input)
    _refuse_long(body)
    name = "text" if body.text is not None else "base64"
    return fields | {name: (body.text if body.text is not None else body.base64) or ""}


def _refuse_long(payload: shapes.PayloadShape | None) -> None:
    """Of which the form would have the beginning alone."""
    if isinstance(payload, LongPayload):
        raise CallerError("what is over 4 MiB long is not edited here", code="body_too_large")


def _changes(before: dict[str, str], form: dict[str, str]) -> dict[str, str]:
    """What differs. Browsers send line breaks of a text as CR LF, whatever they were."""
    changes = {}
    for name, old in before.items():
        new = form.get(name, old)
        if name in ("text", "input") and "\r\n" not in old:
            new = new.replace("\r\n", "\n")
        if new != old:
            changes[name] = new
    if changes.get("input") == "":
        del changes["input"]
    if "text" in changes and changes["text"] == "":
        changes = {**changes, "base64": base64.b64encode(b"").decode()}
        del changes["text"]
    return changes


def _run(message: shapes.MessageShape, number: str | None) -> shapes.ExecutionShape:
    if number is None:
        return message.executions[-1]
    for execution in message.executions:
        if str(execution.run) == number:
            return execution
    raise CallerError("the message has no such run", code="unknown_execution")


def _number(value: object) -> int | None:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _address(workspace: str, id: str) -> str:
    return f"/w/{quoted(workspace)}/messages/{quoted(id)}"


def _pretty(value: Any) -> str:
    """The beginning of a step's input or result, for people."""
    pieces: list[str] = []
    length = 0
    for piece in _ENCODER.iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > SHOWN_CHARACTERS:
            break
    return "".join(pieces)
