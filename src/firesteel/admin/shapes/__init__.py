"""What the REST API takes and gives: one class a resource, described in OpenAPI by its fields.

Resources with many shapes have a module of their own here; all names are found in this package.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from firesteel.admin.shapes.base import FaultShape as FaultShape
from firesteel.admin.shapes.base import ManagedBy as ManagedBy
from firesteel.admin.shapes.base import Shape as Shape
from firesteel.admin.shapes.editing import ChangeShape as ChangeShape
from firesteel.admin.shapes.editing import DifferenceShape as DifferenceShape
from firesteel.admin.shapes.editing import DraftShape as DraftShape
from firesteel.admin.shapes.editing import KeyOfTrigger as KeyOfTrigger
from firesteel.admin.shapes.editing import LinePairShape as LinePairShape
from firesteel.admin.shapes.editing import NewIntegrationShape as NewIntegrationShape
from firesteel.admin.shapes.editing import NewKeyShape as NewKeyShape
from firesteel.admin.shapes.scalars import Day, Flag, Instant, KeyText, SecretText, Whole
from firesteel.admin.shapes.scalars import LabelText as LabelText

StateName = Literal["waiting", "running", "succeeded", "failed", "cancelled", "skipped"]
ReasonName = Literal["turn", "slot", "retry_at", "paused"]


class NodeShape(Shape):
    """The node that answers."""

    version: str
    workspace: str
    """The node's own workspace, to which a project folder belongs."""
    public_url: str | None
    """Where callers reach the public port, if it was set."""
    accepting: bool
    refusal: str | None
    """Why calls get 503 now."""
    waiting_callers: int
    store_bytes: int


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


class VersionShape(Shape):
    """A version that was published at some time."""

    version: int
    published_at: datetime
    published_by: str
    document: dict[str, Any]


class SwitchShape(Shape):
    """Switches a trigger on or off."""

    enabled: Flag


class KeyShape(Shape):
    """An API key; its secret is shown only when it is added or revealed."""

    label: str
    prefix: str
    """The first characters of the secret."""
    created_at: datetime
    expires: date | None
    """The last day on which it is taken, to its end in UTC."""
    last_used_at: datetime | None


class AddedKeyShape(KeyShape):
    """A new key with its secret."""

    secret: str | None
    """Null where it is another key's too, which is not shown."""
    warning: str | None


class KeyChangesShape(Shape):
    """What is left out stays; ``expires: null`` takes the expiry away."""

    label: LabelText | None = None
    value: KeyText | None = None
    expires: Day | None = None


class RevealedShape(Shape):
    """A secret in clear."""

    label: str
    secret: str


class ConnectionShape(Shape):
    """A connection as it was written, ``${NAME}`` unresolved."""

    name: str
    managed_by: ManagedBy
    changed_at: datetime
    document: dict[str, Any]


class ConnectionResultShape(Shape):
    """Whether a connection was changed, or with ``dry_run`` would be."""

    name: str
    changed: bool


class FailureShape(Shape):
    """Why an attempt did not succeed."""

    kind: Literal["transient", "permanent", "unknown"]
    code: str
    detail: str
    step: str | None
    faults: list[FaultShape]
    trace: str
    """For who may see payloads; empty for others."""


class TestedShape(Shape):
    """Whether a connection works."""

    works: bool
    failure: FailureShape | None


class MessageSummaryShape(Shape):
    """One execution of a message, in a list."""

    id: str
    run: int
    """1: the original; 2, 3, ...: replays."""
    sequence: int
    workspace: str
    integration: str
    version: int
    state: StateName
    reason: ReasonName | None
    """Why it waits."""
    consumer: str | None
    received_at: datetime
    settled_at: datetime | None
    due_at: datetime | None
    attempts: int
    lane_key: str | None
    failure: FailureShape | None


class MessagesPage(Shape):
    """Latest first. ``next`` is the cursor of the page after this one."""

    items: list[MessageSummaryShape]
    next: str | None


class PayloadShape(Shape):
    """Bytes: as ``text`` where they are UTF-8 without control characters, else as ``base64``."""

    size_bytes: int
    text: str | None
    base64: str | None


class RequestShape(Shape):
    """What was received, without credentials."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: PayloadShape


class ResponseShape(Shape):
    """What the caller got, or would have got."""

    status: int
    headers: list[tuple[str, str]]
    body: PayloadShape


class StepShape(Shape):
    """A journaled step."""

    step: str
    kind: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    input: Any
    result: Any


class AttemptShape(Shape):
    """An attempt that did not succeed; without ``failure`` it was handed back."""

    attempt: int
    started_at: datetime
    ended_at: datetime
    failure: FailureShape | None
    logs: str


class ExecutionShape(MessageSummaryShape):
    """An execution with all that is kept of it. Without the right to payloads ``steps`` have no
    input and result, and ``input``, ``logs`` and ``response`` are null."""

    waits_for: str | None
    """The message at the head of its lane."""
    steps: list[StepShape]
    failed_attempts: list[AttemptShape]
    input: PayloadShape | None
    response: ResponseShape | None
    logs: str | None
    code_hash: str
    """Of the Python module that ran."""
    ended_by: str | None
    ended_why: str | None
    replay_of: int | None
    """The run that this one repeats."""


class MessageShape(Shape):
    """A message and its executions, the original first."""

    id: str
    sequence: int
    workspace: str
    integration: str
    consumer: str | None
    received_at: datetime
    request: RequestShape | None
    """Null once its payload is purged, and without the right to payloads."""
    executions: list[ExecutionShape]


class ActShape(Shape):
    """A person's act on an execution. Without ``run`` the latest one is meant."""

    run: Whole | None = Field(default=None, ge=1)
    why: str = Field(default="", max_length=1000)
    """For the record."""


class ReplayShape(ActShape):
    """A replay; it uses the version published now unless ``original_version``."""

    original_version: Flag = False


class EndedShape(Shape):
    """What the act found. ``changed`` False: it came too late."""

    id: str
    run: int
    state: StateName
    changed: bool


class ReplayedShape(Shape):
    """The new execution, ``<message id>-<run>``."""

    id: str
    run: int
    execution: str


class LaneShape(Shape):
    """A lane with waiting or running executions, or a paused one. ``key`` null: the trigger."""

    workspace: str
    integration: str
    key: str | None
    waiting: int
    running: int
    paused: bool
    paused_because: str
    head_message_id: str | None
    head_reason: ReasonName | None
    oldest_received_at: datetime | None


class LaneActShape(Shape):
    """Which lane: ``key`` null is the whole trigger, "" the one lane of a trigger without keys."""

    integration: str
    key: str | None = None
    why: str = Field(default="", max_length=1000)


class SecretShape(Shape):
    """A secret's value; it is never shown again."""

    value: SecretText


class BackupShape(Shape):
    """Where to write a copy of the store: a path on the node's machine that does not exist."""

    path: str = Field(min_length=1, max_length=4096)


class BackupDoneShape(Shape):
    """A finished copy."""

    path: str
    size_bytes: int


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


class AuditShape(Shape):
    """Who did what and when."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


class AuditPage(Shape):
    """Latest first."""

    items: list[AuditShape]
    next: int | None


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


class MessagesQuery(Shape):
    """All conditions that are given hold."""

    integration: str | None = None
    state: StateName | None = None
    consumer: str | None = None
    received_from: Instant | None = None
    received_until: Instant | None = None
    """Exclusive."""
    sequence: int | None = Field(default=None, ge=1)
    search_name: str | None = None
    """One of the integration's search names; with search_value."""
    search_value: str | None = None
    cursor: str | None = Field(default=None, pattern=r"^[0-9]{1,18}$")
    """The last page's ``next``."""
    limit: int = Field(default=50, ge=1, le=500)
