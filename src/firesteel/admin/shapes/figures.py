"""Shapes of figures: traffic over time, and what the store takes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from firesteel.admin.shapes.base import Shape

SpanName = Literal["1h", "24h", "7d", "30d"]


class DurationsShape(Shape):
    """Percentiles, in seconds; wrong by an eighth at most. Null where there was nothing."""

    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class TrafficPointShape(Shape):
    """What happened from ``at`` on, for as long as the step."""

    at: datetime
    accepted: int
    refused: int
    """Calls of which nothing was stored: 401, 404 of a switched-off trigger, 429, 400, 503, ..."""
    succeeded: int
    failed: int
    retried: int
    """Attempts that failed and were made again."""
    waiting: int
    """The most that waited at one look; looks are seconds apart."""
    oldest_waiting_s: int
    """How long the message had waited that had waited longest."""
    settled: DurationsShape
    """From acceptance to the final outcome, without replays."""
    answered: DurationsShape
    """Of Request-Response calls, from acceptance to their response."""


class TrafficSumShape(Shape):
    """The whole span in one row."""

    accepted: int
    refused: int
    succeeded: int
    failed: int
    retried: int
    settled: DurationsShape
    answered: DurationsShape


class IntegrationTrafficShape(Shape):
    """Of one integration; points in which nothing happened are left out."""

    integration: str
    waiting: int
    """Now."""
    running: int
    oldest_waiting_s: float
    """Of the message that has waited longest; 0 where none waits."""
    sum: TrafficSumShape
    points: list[TrafficPointShape]


class TrafficShape(Shape):
    """Figures of a workspace over a span of time that ends now."""

    span: SpanName
    begins_at: datetime
    ends_at: datetime
    step_s: int
    sum: TrafficSumShape
    points: list[TrafficPointShape]
    """Of all integrations together."""
    integrations: list[IntegrationTrafficShape]


class KeptShape(Shape):
    """What is kept of an integration, and for how long."""

    workspace: str
    integration: str
    executions: int
    """Of messages and replays that are in the store."""
    oldest_received_at: datetime | None
    payload_bytes: int
    """About what requests, bodies, inputs, results and responses take, reckoned from a sample."""
    archive_bytes: int
    going_messages: int
    """That retention lets go within a day, if all of them have ended by then."""
    going_bytes: int
    """About what their payloads take, with those of messages that only lose their payloads."""
    purged: int
    """Let go by retention so far."""
    history_days: float
    payloads_days: float
    """Never longer than the history."""
    archive: bool
    """Whether what goes is archived before."""


class RetentionShape(Shape):
    """How long a workspace keeps messages and their payloads, where an integration says nothing
    else, such as ``30d``; null: as the node's ``retention_days`` says, and as long as the
    message."""

    history: str | None = Field(default=None, max_length=20, examples=["90d"])
    payloads: str | None = Field(default=None, max_length=20, examples=["7d"])
    archive: bool | None = None
    """Whether messages are archived before they go; null: as the node's ``archive`` says."""


class WorkspaceRetentionShape(RetentionShape):
    """The same of one of several."""

    workspace: str


class ArchiveShape(Shape):
    """Files of this node's machine, into which messages are written before they go."""

    directory: str
    by_default: bool
    """Also those of integrations of which neither they nor their workspace say so."""
    files: int
    size_bytes: int
    fault: str
    """Why the last attempt to write failed, and nothing is purged that is to be archived; empty
    where it did not."""


class StorageShape(Shape):
    """What the store takes on disk, and what bounds it."""

    store_bytes: int
    reusable_bytes: int
    """Of these: empty after a purge; new messages take it first."""
    payload_bytes: int
    """About what payloads take of them: as the database tells, or reckoned from samples."""
    index_bytes: int | None
    """What indices take; null where the database does not tell."""
    disk_bytes: int | None
    free_bytes: int | None
    reserve_bytes: int | None
    """Below so much free room new calls get 503. These three are null where the store is a database
    server's, which looks after its own disk."""
    retention_days: int
    """Where neither an integration nor its workspace says anything else: the longest of what the
    nodes on the store were started with."""
    purged_by: str | None
    """A node that archives by its settings, where the one that answers does not, and so leaves it
    what is to be purged; null where this one purges too."""
    archive: ArchiveShape
    workspaces: list[WorkspaceRetentionShape]
    integrations: list[KeptShape]


class SettingShape(Shape):
    """A setting of the node, read at its start."""

    name: str
    variable: str
    """Of the environment."""
    value: str | None
    """As it would be written; null where it is a secret, or none is set."""
    default: str
    is_default: bool
    description: str
