"""``/w/{workspace}/alerts``: channels, rules, silences, and what was told lately."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from firesteel.admin.console.alert_form import (
    EVENTS,
    KINDS,
    channel_document,
    channel_values,
    rule_document,
    rule_values,
)
from firesteel.admin.console.page import fragment, from_htmx, quoted, redirect, render
from firesteel.admin.console.selected import shaped
from firesteel.admin.masking import masked_alerts
from firesteel.admin.resources import alerts
from firesteel.admin.resources.alerts import ChannelName, RuleName
from firesteel.admin.resources.given import (
    Administrator,
    Editor,
    EngineGiven,
    Operator,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.shapes import alerts as shapes
from firesteel.errors import CallerError
from firesteel.model.alerts import OF_NODES, InvalidAlerts
from firesteel.model.quantities import parse_duration

router = APIRouter(prefix="/w/{workspace}/alerts", include_in_schema=False)

NEW: Final = "+new"
"""Where a new channel or rule is written; none can have this name."""
SPANS: Final = (("30m", "30 minutes"), ("2h", "2 hours"), ("12h", "12 hours"), ("3d", "3 days"))
_SHOWN: Final = 50


@router.get("")
async def show_alerts(
    request: Request, workspace: WorkspaceName, publisher: PublisherGiven, access: Viewer
) -> Response:
    """All of it."""
    found = await alerts.show_alerts(workspace, publisher, access)
    channels = masked_alerts(found.document)["channels"]
    silent = {item.rule: item for item in found.silences}
    return await render(
        request,
        "alerts/alerts.html",
        alerts=found,
        channels={name: channel_values(channel) for name, channel in channels.items()},
        kinds=dict(KINDS),
        rules={name: rule_values(rule) for name, rule in found.rules.items()},
        events=dict(EVENTS),
        of_nodes=OF_NODES,
        silent=silent,
        sent=await alerts.list_sent_alerts(workspace, publisher, access, _SHOWN),
        spans=SPANS,
        new=NEW,
    )


@router.get("/channels/{name}")
async def show_channel(
    request: Request,
    workspace: WorkspaceName,
    name: ChannelName,
    publisher: PublisherGiven,
    access: Viewer,
) -> Response:
    """The form of a channel, or of a new one."""
    found = await alerts.show_alerts(workspace, publisher, access)
    channel = found.document["channels"].get(name)
    if channel is None and name != NEW:
        raise CallerError(f"there is no channel {name}", code="unknown_channel")
    return await _form(
        request, "channel", name, values=channel_values(channel or {}), managed_by=found.managed_by
    )


@router.post("/channels/{name}")
async def put_channel(
    request: Request,
    workspace: WorkspaceName,
    name: ChannelName,
    publisher: PublisherGiven,
    access: Administrator,
) -> Response:
    """Save what was filled in; what is wrong with it is told beside the form."""
    form = {**channel_values({}), **await _sent(request)}
    wanted = form.get("name", "").strip() if name == NEW else name
    found = await alerts.show_alerts(workspace, publisher, access)
    try:
        if name == NEW and wanted in found.document["channels"]:
            raise CallerError(f"there is a channel {wanted} already", code="name_taken")
        await alerts.put_channel(workspace, wanted, channel_document(form), publisher, access)
    except (InvalidAlerts, CallerError) as error:
        return await _form(request, "channel", name, values=form, faults=_faults(error))
    note = f"The channel {wanted} is in force. Send a test alert to see that it works."
    return redirect(request, _home(workspace), note=note)


@router.post("/channels/{name}/delete")
async def delete_channel(
    request: Request,
    workspace: WorkspaceName,
    name: ChannelName,
    publisher: PublisherGiven,
    access: Administrator,
) -> Response:
    """Nobody is told over it any more."""
    try:
        await alerts.delete_channel(workspace, name, publisher, access)
    except CallerError as error:
        if error.code != "channel_needed":
            raise
        note = f"Not deleted: {error.detail}."
        return redirect(request, _home(workspace), note=note, tone="danger")
    return redirect(request, _home(workspace), note=f"The channel {name} was deleted.")


@router.post("/channels/{name}/test")
async def test_channel(
    request: Request,
    workspace: WorkspaceName,
    name: ChannelName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """Send a test alert."""
    tested = await alerts.test_channel(workspace, name, publisher, access)
    if from_htmx(request):
        return fragment(request, "alerts/tested.html", name=name, tested=tested)
    if tested.failure is None:
        return redirect(request, _home(workspace), note=f"A test alert was sent by {name}.")
    note = f"{name} does not work: {tested.failure.detail}."
    return redirect(request, _home(workspace), note=note, tone="danger")


@router.get("/rules/{name}")
async def show_rule(
    request: Request,
    workspace: WorkspaceName,
    name: RuleName,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Viewer,
) -> Response:
    """The form of a rule, or of a new one."""
    found = await alerts.show_alerts(workspace, publisher, access)
    rule = found.rules.get(name)
    if rule is None and name != NEW:
        raise CallerError(f"there is no rule {name}", code="unknown_rule")
    return await _rule_form(
        request, (workspace, name), found, engine, values=rule_values(rule or {})
    )


@router.post("/rules/{name}")
async def put_rule(
    request: Request,
    workspace: WorkspaceName,
    name: RuleName,
    publisher: PublisherGiven,
    engine: EngineGiven,
    access: Editor,
) -> Response:
    """Save what was filled in."""
    form = {**rule_values({}), "enabled": "", **await _sent(request)}
    wanted = form.get("name", "").strip() if name == NEW else name
    found = await alerts.show_alerts(workspace, publisher, access)
    try:
        if name == NEW and wanted in found.rules:
            raise CallerError(f"there is a rule {wanted} already", code="name_taken")
        await alerts.put_rule(workspace, wanted, rule_document(form), publisher, access)
    except (InvalidAlerts, CallerError) as error:
        faults = _faults(error)
        return await _rule_form(
            request, (workspace, name), found, engine, values=form, faults=faults
        )
    return redirect(request, _home(workspace), note=f"The rule {wanted} is in force.")


@router.post("/rules/{name}/delete")
async def delete_rule(
    request: Request,
    workspace: WorkspaceName,
    name: RuleName,
    publisher: PublisherGiven,
    access: Editor,
) -> Response:
    """It tells nothing any more."""
    await alerts.delete_rule(workspace, name, publisher, access)
    return redirect(request, _home(workspace), note=f"The rule {name} was deleted.")


@router.post("/silence")
async def silence(
    request: Request, workspace: WorkspaceName, publisher: PublisherGiven, access: Operator
) -> Response:
    """Tell nothing for a while."""
    form = await _sent(request)
    span = form.get("span", "")
    if span not in dict(SPANS):
        raise CallerError("choose how long", code="invalid_request")
    wanted = shaped(
        shapes.NewSilenceShape,
        rule=form.get("rule") or None,
        until=datetime.now(UTC) + timedelta(seconds=parse_duration(span)),
        why=form.get("why", ""),
    )
    await alerts.silence_alerts(workspace, wanted, publisher, access)
    what = wanted.rule or "all rules"
    return redirect(request, _home(workspace), note=f"Nothing is told now by {what}.")


@router.post("/silence/end")
async def end_silence(
    request: Request, workspace: WorkspaceName, publisher: PublisherGiven, access: Operator
) -> Response:
    """Tell again."""
    rule = (await _sent(request)).get("rule") or None
    await alerts.end_silence(workspace, publisher, access, rule)
    return redirect(request, _home(workspace), note="The silence has ended.")


def _home(workspace: str) -> str:
    return f"/w/{quoted(workspace)}/alerts"


async def _sent(request: Request) -> dict[str, str]:
    return {key: str(value) for key, value in (await request.form()).items()}


def _faults(error: InvalidAlerts | CallerError) -> list[str]:
    if isinstance(error, InvalidAlerts):
        return [". ".join(filter(None, (item.detail, item.hint))) for item in error.faults]
    return [error.detail]


async def _rule_form(
    request: Request,
    place: tuple[str, str],
    found: shapes.AlertsShape,
    engine: EngineGiven,
    **shown: Any,
) -> Response:
    workspace, name = place
    return await _form(
        request,
        "rule",
        name,
        managed_by=found.managed_by,
        known_channels=list(found.document["channels"]),
        known_integrations=[item.name for item in await engine.catalog.integrations(workspace)],
        **shown,
    )


async def _form(request: Request, what: str, name: str, **shown: Any) -> Response:
    faults = shown.get("faults", [])
    more = {"faults": faults, "managed_by": "console", **shown}
    return await render(
        request,
        f"alerts/{what}.html",
        status=422 if faults else 200,
        name=name,
        is_new=name == NEW,
        kinds=KINDS,
        events=EVENTS,
        **more,
    )
