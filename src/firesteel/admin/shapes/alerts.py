"""The shapes of alerts: channels, rules, silences, and what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from firesteel.admin.shapes.base import FaultShape, ManagedBy, Shape
from firesteel.admin.shapes.scalars import Instant


class SilenceShape(Shape):
    """Until when nothing is told. ``rule`` null: by no rule of the workspace."""

    rule: str | None
    until: datetime
    silenced_by: str
    why: str
    silenced_at: datetime


class AlertsShape(Shape):
    """Whom the workspace tells of what. ``document``: as in alerts.yaml, ``${NAME}`` unresolved.
    ``masked``: for who has no right to administer, secrets of channels that stand in clear, and
    addresses behind their host, are hidden. ``rules``: those in force; the default ones where the
    document has none. ``changed_at`` null: nothing was ever set up."""

    managed_by: ManagedBy
    changed_at: datetime | None
    document: dict[str, Any]
    masked: bool
    rules: dict[str, dict[str, Any]]
    default_rules: bool
    silences: list[SilenceShape]


class AlertsQuery(Shape):
    """How alerts are published."""

    managed_by: ManagedBy = "console"
    dry_run: bool = False
    """Check and tell, publish nothing."""
    take_over: bool = False
    """Also what the other one manages."""


class AlertsResultShape(Shape):
    """Whether alerts were changed, or with ``dry_run`` would be; ``previous``: the document before
    that, as ``document`` for who may see it whole."""

    changed: bool
    document: dict[str, Any]
    previous: dict[str, Any]
    warnings: list[FaultShape]


class AlertPartResultShape(Shape):
    """Whether a channel or a rule was changed."""

    name: str
    changed: bool


class NewSilenceShape(Shape):
    """Tell nothing for a while. ``rule`` null: by no rule of the workspace."""

    rule: str | None = Field(default=None, min_length=1, max_length=64)
    until: Instant
    why: str = Field(default="", max_length=1000)


class SentAlertShape(Shape):
    """An alert for one channel: sent, on its way, or given up. ``error``: why the last attempt
    failed; ``next_attempt_at``: of what is on its way."""

    id: str
    channel: str
    rule: str | None
    type: Literal["alert.firing", "alert.resolved", "alert.test"]
    title: str
    state: Literal["waiting", "sent", "failed"]
    made_at: datetime
    ended_at: datetime | None
    next_attempt_at: datetime | None
    attempts: int
    error: str | None
