"""Alerts of a workspace: channels, rules, silences, and what was sent.

Channels hold secrets and reach mail servers wherever they are, so they are an administrator's, as
connections are; rules are an editor's, silences an operator's.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query

from firesteel.admin import shapes, views, views_alerts
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import (
    Administrator,
    Editor,
    Operator,
    PublisherGiven,
    Viewer,
    WorkspaceName,
)
from firesteel.admin.shapes import alerts as alert_shapes
from firesteel.admin.times import read
from firesteel.engine.ownership import Owner

router = APIRouter(prefix="/workspaces/{workspace}/alerts", tags=["alerts"], route_class=JsonRoute)

ChannelName = Annotated[str, Path(description="Name of the channel.", examples=["operations"])]
RuleName = Annotated[str, Path(description="Name of the rule.", examples=["failures"])]
_CHANNEL = {
    "email": {
        "value": {
            "email": ["ops@example.com"],
            "from": "firesteel@example.com",
            "host": "mail.example.com",
            "user": "firesteel",
            "password": "${SMTP_PASSWORD}",
        }
    },
    "chat": {"value": {"slack": "${CHAT_URL}"}},
    "webhook": {"value": {"webhook": "https://ops.example.com/alerts", "secret": "${HOOK_SECRET}"}},
}
_RULE = {
    "failures": {"value": {"event": "execution_failed", "group": "10m"}},
    "old": {"value": {"event": "oldest_waiting", "age": "15m", "integrations": ["ItemPrice"]}},
}
_ALERTS = {"chat": {"value": {"channels": {"chat": {"slack": "${CHAT_URL}"}}}}}
Document = Annotated[dict[str, Any], Body(openapi_examples=_ALERTS)]
Channel = Annotated[dict[str, Any], Body(openapi_examples=_CHANNEL)]
Rule = Annotated[dict[str, Any], Body(openapi_examples=_RULE)]
_INVALID = ("unknown_workspace", "alerts_invalid", "changed_meanwhile")
_OWNED = ("managed_by_files", "managed_by_console")


@router.get("", responses=responses("unknown_workspace"))
async def show_alerts(
    workspace: WorkspaceName, publisher: PublisherGiven, access: Viewer
) -> alert_shapes.AlertsShape:
    """Channels, rules and silences; secrets of channels that stand in clear are only for
    administrators."""
    stored = await publisher.alerts.show(workspace)
    silences = await publisher.alerts.silences(workspace)
    return views_alerts.alerts(stored, silences, whole=access.may("administer"))


@router.put("", responses=responses(*_INVALID, *_OWNED))
async def put_alerts(
    workspace: WorkspaceName,
    document: Document,
    publisher: PublisherGiven,
    access: Administrator,
    options: Annotated[alert_shapes.AlertsQuery, Query()],
) -> alert_shapes.AlertsResultShape:
    """Replace channels and rules. What waits to be sent is tried again at once."""
    owner = Owner(options.managed_by, options.take_over)
    settings, before, warnings = await publisher.alerts.check(workspace, document, owner=owner)
    changed = (before.document, before.managed_by) != (settings.document(), owner.managed_by)
    if not options.dry_run:
        changed, _ = await publisher.alerts.put(
            workspace, document, owner=owner, actor=access.actor()
        )
    return alert_shapes.AlertsResultShape(
        changed=changed or not before.changed_at_us,
        document=settings.document(),
        previous=before.document,
        warnings=[views.fault(item) for item in warnings],
    )


@router.delete("", status_code=204, responses=responses("unknown_workspace", *_OWNED))
async def delete_alerts(
    workspace: WorkspaceName,
    publisher: PublisherGiven,
    access: Administrator,
    managed_by: shapes.ManagedBy = "console",
) -> None:
    """Tell nobody of anything; what is gathered and on its way is let go."""
    await publisher.alerts.delete(workspace, managed_by=managed_by, actor=access.actor())


@router.put("/channels/{name}", responses=responses(*_INVALID, "managed_by_files"))
async def put_channel(
    workspace: WorkspaceName,
    name: ChannelName,
    channel: Channel,
    publisher: PublisherGiven,
    access: Administrator,
) -> alert_shapes.AlertPartResultShape:
    """Add or replace a channel. With the first one the default rules are in force."""
    changed = await publisher.alerts.put_channel(workspace, name, channel, actor=access.actor())
    return alert_shapes.AlertPartResultShape(name=name, changed=changed)


@router.delete(
    "/channels/{name}",
    status_code=204,
    responses=responses(*_INVALID, "unknown_channel", "channel_needed", "managed_by_files"),
)
async def delete_channel(
    workspace: WorkspaceName, name: ChannelName, publisher: PublisherGiven, access: Administrator
) -> None:
    """Remove a channel, also from the rules that name it; what is on its way over it has failed."""
    await publisher.alerts.delete_channel(workspace, name, actor=access.actor())


@router.post(
    "/channels/{name}/test",
    responses=responses("unknown_workspace", "unknown_channel", "workers_unavailable"),
)
async def test_channel(
    workspace: WorkspaceName, name: ChannelName, publisher: PublisherGiven, _access: Editor
) -> shapes.TestedShape:
    """Send a test alert now."""
    failure = await publisher.alerts.test(workspace, name)
    return shapes.TestedShape(works=failure is None, failure=views.failure(failure, payloads=False))


@router.put("/rules/{name}", responses=responses(*_INVALID, "managed_by_files"))
async def put_rule(
    workspace: WorkspaceName,
    name: RuleName,
    rule: Rule,
    publisher: PublisherGiven,
    access: Editor,
) -> alert_shapes.AlertPartResultShape:
    """Add or replace a rule. With the first change the default rules become rules of your own."""
    changed = await publisher.alerts.put_rule(workspace, name, rule, actor=access.actor())
    return alert_shapes.AlertPartResultShape(name=name, changed=changed)


@router.delete(
    "/rules/{name}",
    status_code=204,
    responses=responses(*_INVALID, "unknown_rule", "managed_by_files"),
)
async def delete_rule(
    workspace: WorkspaceName, name: RuleName, publisher: PublisherGiven, access: Editor
) -> None:
    """Remove a rule; what it has gathered is not told."""
    await publisher.alerts.delete_rule(workspace, name, actor=access.actor())


@router.put("/silence", responses=responses("unknown_workspace", "unknown_rule"))
async def silence_alerts(
    workspace: WorkspaceName,
    silence: alert_shapes.NewSilenceShape,
    publisher: PublisherGiven,
    access: Operator,
) -> alert_shapes.SilenceShape:
    """Tell nothing until then, by one rule or by all. What fails meanwhile is not told afterwards;
    what is still so then is."""
    made = await publisher.alerts.silence(
        workspace, silence.rule or "", read(silence.until), actor=access.actor(silence.why)
    )
    return views_alerts.silence(made)


@router.delete("/silence", status_code=204, responses=responses("unknown_workspace"))
async def end_silence(
    workspace: WorkspaceName,
    publisher: PublisherGiven,
    access: Operator,
    rule: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> None:
    """End the silence of a rule, or the one of all. Safe to repeat."""
    await publisher.alerts.end_silence(workspace, rule or "", actor=access.actor())


@router.get("/sent", responses=responses("unknown_workspace"))
async def list_sent_alerts(
    workspace: WorkspaceName,
    publisher: PublisherGiven,
    _access: Viewer,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[alert_shapes.SentAlertShape]:
    """Alerts by channel, latest first: sent, on their way, or given up. The last 500 are kept."""
    return [views_alerts.sent(item) for item in await publisher.alerts.deliveries(workspace, limit)]
