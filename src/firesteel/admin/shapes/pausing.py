"""Shapes of the pause of everything: why nothing is run, and what would."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from firesteel.admin.shapes.base import Shape


class WhyShape(Shape):
    """Why, for the audit log."""

    why: str = Field(default="", max_length=1000)


class RemovedIntegrationShape(Shape):
    """What of an integration that was removed has not ended: it goes on as it was accepted."""

    integration: str
    waiting: int
    running: int
    oldest_received_at: datetime


class PausedIntegrationShape(Shape):
    """What of an integration has not ended."""

    workspace: str
    integration: str
    waiting: int
    running: int
    """More than 0 only for a moment: what ran when the pause began."""
    interrupted: int
    """Of those listed that were running when the store was left."""
    oldest_received_at: datetime


class PausedLaneShape(Shape):
    """A lane in which something waits; `key` is empty for the one lane of a trigger."""

    workspace: str
    integration: str
    key: str
    waiting: int
    oldest_received_at: datetime | None


class InterruptedShape(Shape):
    """An execution that was running when the store was left: when the copy was made that it was
    restored from, or when its last node ended. It may have done a part of its work."""

    workspace: str
    integration: str
    lane: str | None
    message_id: str
    received_at: datetime


class PauseShape(Shape):
    """Whether anything is run. While nothing is, calls are accepted and wait."""

    paused: bool
    since: datetime | None
    by: str | None
    """Who began it: a user, a token, ``firesteel restore`` or ``serve --paused``."""
    why: str
    restored_from: str
    """The name of the back-up, where a restore began it."""
    waiting: int
    """Executions that would run."""
    interrupted_count: int
    """Of them, those that were running when the store was left."""
    oldest_received_at: datetime | None
    integrations: list[PausedIntegrationShape]
    lanes: list[PausedLaneShape]
    """The longest, at most 100."""
    interrupted: list[InterruptedShape]
    """The oldest, at most 1000."""
