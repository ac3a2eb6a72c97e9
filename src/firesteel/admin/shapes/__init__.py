"""What the REST API takes and gives: one class a resource, described in OpenAPI by its fields.

Resources with many shapes have a module of their own here; all names are found in this package.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from firesteel.admin.shapes.base import FailureShape as FailureShape
from firesteel.admin.shapes.base import FaultShape as FaultShape
from firesteel.admin.shapes.base import ManagedBy as ManagedBy
from firesteel.admin.shapes.base import ReasonName as ReasonName
from firesteel.admin.shapes.base import Shape as Shape
from firesteel.admin.shapes.base import StateName as StateName
from firesteel.admin.shapes.editing import ChangeShape as ChangeShape
from firesteel.admin.shapes.editing import DifferenceShape as DifferenceShape
from firesteel.admin.shapes.editing import DraftShape as DraftShape
from firesteel.admin.shapes.editing import KeyOfTrigger as KeyOfTrigger
from firesteel.admin.shapes.editing import LinePairShape as LinePairShape
from firesteel.admin.shapes.editing import NewIntegrationShape as NewIntegrationShape
from firesteel.admin.shapes.editing import NewKeyShape as NewKeyShape
from firesteel.admin.shapes.figures import ArchiveShape as ArchiveShape
from firesteel.admin.shapes.figures import DurationsShape as DurationsShape
from firesteel.admin.shapes.figures import IntegrationTrafficShape as IntegrationTrafficShape
from firesteel.admin.shapes.figures import KeptShape as KeptShape
from firesteel.admin.shapes.figures import RetentionShape as RetentionShape
from firesteel.admin.shapes.figures import SettingShape as SettingShape
from firesteel.admin.shapes.figures import SpanName as SpanName
from firesteel.admin.shapes.figures import StorageShape as StorageShape
from firesteel.admin.shapes.figures import TrafficPointShape as TrafficPointShape
from firesteel.admin.shapes.figures import TrafficShape as TrafficShape
from firesteel.admin.shapes.figures import TrafficSumShape as TrafficSumShape
from firesteel.admin.shapes.figures import WorkspaceRetentionShape as WorkspaceRetentionShape
from firesteel.admin.shapes.finding import ActName as ActName
from firesteel.admin.shapes.finding import BulkCountQuery as BulkCountQuery
from firesteel.admin.shapes.finding import BulkCountShape as BulkCountShape
from firesteel.admin.shapes.finding import BulkShape as BulkShape
from firesteel.admin.shapes.finding import FailureGroupShape as FailureGroupShape
from firesteel.admin.shapes.finding import FailuresShape as FailuresShape
from firesteel.admin.shapes.finding import FoundShape as FoundShape
from firesteel.admin.shapes.finding import NewBulkShape as NewBulkShape
from firesteel.admin.shapes.finding import PlaceName as PlaceName
from firesteel.admin.shapes.finding import ReasonShape as ReasonShape
from firesteel.admin.shapes.finding import StreamQuery as StreamQuery
from firesteel.admin.shapes.finding import TextPage as TextPage
from firesteel.admin.shapes.finding import TextQuery as TextQuery
from firesteel.admin.shapes.keys import AddedKeyShape as AddedKeyShape
from firesteel.admin.shapes.keys import EndedOverlapShape as EndedOverlapShape
from firesteel.admin.shapes.keys import ExpiringKeyShape as ExpiringKeyShape
from firesteel.admin.shapes.keys import KeyChangesShape as KeyChangesShape
from firesteel.admin.shapes.keys import KeyShape as KeyShape
from firesteel.admin.shapes.keys import NewConsumerKeyShape as NewConsumerKeyShape
from firesteel.admin.shapes.keys import RevealedShape as RevealedShape
from firesteel.admin.shapes.keys import RotationShape as RotationShape
from firesteel.admin.shapes.messages import ActShape as ActShape
from firesteel.admin.shapes.messages import AttemptShape as AttemptShape
from firesteel.admin.shapes.messages import EditedShape as EditedShape
from firesteel.admin.shapes.messages import EditShape as EditShape
from firesteel.admin.shapes.messages import EndedShape as EndedShape
from firesteel.admin.shapes.messages import ErasedShape as ErasedShape
from firesteel.admin.shapes.messages import ExecutionShape as ExecutionShape
from firesteel.admin.shapes.messages import LaneActShape as LaneActShape
from firesteel.admin.shapes.messages import LaneShape as LaneShape
from firesteel.admin.shapes.messages import MessageSelection as MessageSelection
from firesteel.admin.shapes.messages import MessageShape as MessageShape
from firesteel.admin.shapes.messages import MessagesPage as MessagesPage
from firesteel.admin.shapes.messages import MessagesQuery as MessagesQuery
from firesteel.admin.shapes.messages import MessageSummaryShape as MessageSummaryShape
from firesteel.admin.shapes.messages import PayloadShape as PayloadShape
from firesteel.admin.shapes.messages import ReplayedShape as ReplayedShape
from firesteel.admin.shapes.messages import ReplayShape as ReplayShape
from firesteel.admin.shapes.messages import RequestShape as RequestShape
from firesteel.admin.shapes.messages import ResponseShape as ResponseShape
from firesteel.admin.shapes.messages import SelectionShape as SelectionShape
from firesteel.admin.shapes.messages import StepShape as StepShape
from firesteel.admin.shapes.messages import WayName as WayName
from firesteel.admin.shapes.scalars import Flag, SecretText
from firesteel.admin.shapes.scalars import LabelText as LabelText
from firesteel.settings import Role


class NodeShape(Shape):
    """The node that answers."""

    name: str
    role: Role
    """Whether it takes calls, runs executions, or both."""
    version: str
    workspace: str
    """The node's own workspace, to which a project folder belongs."""
    public_url: str | None
    """Where callers reach the public port, if it was set."""
    accepting: bool
    refusal: str | None
    """Why calls get 503 now."""
    paused: bool
    """Whether nothing is run, of no integration, until a person says so."""
    waiting_callers: int
    store_bytes: int


class LivingNodeShape(Shape):
    """A node that works on the store."""

    name: str
    role: str
    version: str
    since: datetime
    lease_s: float | None
    """For how long its lease holds; below 0 it has lapsed, and what it runs is about to be taken
    over; null where no other node could."""
    running: int
    """Executions that it runs."""
    answers: bool
    """It is the node that answers."""
    differs: list[str]
    """Settings that are not those of the node that answers: retention_days, archive,
    archive_dir."""


class WorkspaceShape(Shape):
    """A tenant; the first part of every public URL."""

    name: str


class IntegrationSummary(Shape):
    """An integration in a list."""

    name: str
    description: str | None
    path: str
    """Its path on the public port."""
    enabled: bool
    managed_by: ManagedBy
    version: int
    published_at: datetime
    published_by: str
    open: bool
    """Anybody may call."""
    ordered: bool
    request_response: bool
    waiting: int
    running: int


class ListedIntegrationShape(IntegrationSummary):
    """An integration in the list of its workspace."""

    last_received_at: datetime | None
    """When its latest message was accepted, of those that are kept."""
    failed: int
    """Executions that have failed and are kept; 1,000 stands for more, too."""
    draft_by: str | None
    """Who changed its draft last; null where there is none."""
    draft_at: datetime | None


class IntegrationShape(IntegrationSummary):
    """An integration with the document of its published version, which holds no secrets."""

    document: dict[str, Any]


class KeyChangeShape(Shape):
    """What a publication did to one API key."""

    label: str
    act: Literal["added", "changed", "kept", "removed", "undeclared"]
    """``undeclared``: not in the document, and kept."""
    secret: str | None = None
    """Of a generated key; shown this once."""


class GrantChangeShape(Shape):
    """What a publication did to one grant of a consumer."""

    consumer: str
    act: Literal["granted", "made", "kept", "revoked", "undeclared"]
    """``made``: granted, and the consumer is new, without keys; ``undeclared``: not in the
    document, and kept."""


class PublicationShape(Shape):
    """What a publication did, or with ``dry_run`` would do."""

    name: str
    created: bool
    changed: bool
    """A new version was made; without it the document was the same."""
    version: int
    document: dict[str, Any]
    previous: dict[str, Any] | None
    """The document that was published before."""
    warnings: list[FaultShape]
    keys: list[KeyChangeShape]
    consumers: list[GrantChangeShape]


class VersionShape(Shape):
    """A version that was published at some time."""

    version: int
    published_at: datetime
    published_by: str
    document: dict[str, Any]


class SwitchShape(Shape):
    """Switches a trigger on or off."""

    enabled: Flag


class ConnectionShape(Shape):
    """A connection as it was written, ``${NAME}`` unresolved. ``masked``: for who has no right to
    administer, passwords and options in its URL and values of headers that stand in clear are
    hidden, so that the document is not the one that is in force."""

    name: str
    managed_by: ManagedBy
    changed_at: datetime
    document: dict[str, Any]
    masked: bool


class ConnectionResultShape(Shape):
    """Whether a connection was changed, or with ``dry_run`` would be."""

    name: str
    changed: bool


class TestedShape(Shape):
    """Whether a connection works."""

    works: bool
    failure: FailureShape | None


class SecretShape(Shape):
    """A secret's value; it is never shown again."""

    value: SecretText


class BackupShape(Shape):
    """Where to write a copy of the store: a path on the node's machine that does not exist."""

    path: str = Field(min_length=1, max_length=4096)


class BackupDoneShape(Shape):
    """A finished copy, which was read through after it was written."""

    path: str
    size_bytes: int
    sha256: str
    """Of the file, to be given to ``firesteel restore --sha256``."""
    messages: int
    executions: dict[StateName, int]
    """In the copy, by state."""
    encryption_key: str
    """Id of the encryption key that opens the secrets in it, and is not in it."""


class BackupStateShape(Shape):
    """Whether a copy is being made, and how far it has come."""

    under_way: bool
    doing: Literal["", "copying", "checking", "summing"]
    done_bytes: int
    total_bytes: int
    """0: nobody knows."""


class StatisticsShape(Shape):
    """Figures of one integration since it was made."""

    integration: str
    accepted: int
    replayed: int
    waiting: int
    running: int
    ended: int
    """Ended and still kept."""
    purged: int


class WorkerShape(Shape):
    """A worker process."""

    pid: int
    running: int
    """Attempts in it."""
    ready: bool
    """Takes more."""


class ConnectionQuery(Shape):
    """How a document is published."""

    dry_run: bool = False
    """Check and tell, change nothing."""
    take_over: bool = False
    """Become the owner where it is managed by the other one."""
    managed_by: ManagedBy = "console"
    """Who owns it then: files, or whoever uses the console and the API."""


class PublishQuery(ConnectionQuery):
    """How an integration is published."""

    prune: bool = False
    """Delete API keys that the document does not declare."""
