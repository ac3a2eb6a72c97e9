"""The shapes of messages, their executions and lanes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from firesteel.admin.shapes.base import FailureShape, ReasonName, Shape, StateName
from firesteel.admin.shapes.scalars import Flag, Instant, Whole

WayName = Literal["api_key", "signature", "basic", "jwt", "client_certificate"]


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


class EditedShape(Shape):
    """What a replay ran on in place of what was received. Without the right to payloads only
    ``parts`` is told."""

    parts: list[str]
    """Of ``request`` (its query or content type), ``body`` and ``input``."""
    query: str | None = None
    content_type: str | None = None
    body: PayloadShape | None = None
    input: PayloadShape | None = None


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
    edited: EditedShape | None
    """What a person changed of the message for this run."""


class MessageShape(Shape):
    """A message and its executions, the original first."""

    id: str
    sequence: int
    workspace: str
    integration: str
    consumer: str | None
    let_in_by: WayName | None
    """Which way to authenticate let the call in; ``consumer`` is the name that it gave. Null for an
    open trigger, once its payload is purged, and for messages of before this was noted."""
    received_at: datetime
    erased_at: datetime | None
    """When what it held was erased for good, with its consumer and lane."""
    request: RequestShape | None
    """Null once its payload is purged, and without the right to payloads."""
    executions: list[ExecutionShape]


class ActShape(Shape):
    """A person's act on an execution. Without ``run`` the latest one is meant."""

    run: Whole | None = Field(default=None, ge=1)
    why: str = Field(default="", max_length=1000)
    """For the record."""


class EditShape(Shape):
    """What to change for a replay; what is left out stays as the replayed run had it. The message
    itself is never changed."""

    query: str | None = Field(default=None, max_length=8192)
    """What stands behind the ``?`` of the URL."""
    content_type: str | None = Field(default=None, max_length=255)
    text: str | None = None
    """A new body."""
    base64: str | None = None
    """The same as bytes; one of text and base64."""
    input: str | None = None
    """The workflow's input, as JSON: data processing is passed over."""


class ReplayShape(ActShape):
    """A replay; it uses the version published now unless ``original_version``. To edit, the right
    to payloads is needed too."""

    original_version: Flag = False
    edit: EditShape | None = None


class EndedShape(Shape):
    """What the act found. ``changed`` False: it came too late."""

    id: str
    run: int
    state: StateName
    changed: bool


class ErasedShape(Shape):
    """A message that was erased."""

    id: str
    erased_at: datetime


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


class MessageSelection(Shape):
    """Which executions are meant: all conditions that are given hold."""

    integration: str | None = None
    state: StateName | None = None
    consumer: str | None = None
    received_from: Instant | None = None
    received_until: Instant | None = None
    """Exclusive."""
    sequence: int | None = Field(default=None, ge=1, le=2**63 - 1)
    search_name: str | None = None
    """One of the integration's search names; with search_value."""
    search_value: str | None = None
    failure_code: str | None = None
    """Code of the last attempt's failure."""
    unrepeated: bool = False
    """Only executions after which nobody has replayed the message."""


class SelectionShape(MessageSelection):
    """The same in a body."""

    sequence: Whole | None = Field(default=None, ge=1, le=2**63 - 1)
    unrepeated: Flag = False


class MessagesQuery(MessageSelection):
    """A page of a list."""

    cursor: str | None = Field(default=None, pattern=r"^[0-9]{1,18}$")
    """The last page's ``next``."""
    limit: int = Field(default=50, ge=1, le=500)
