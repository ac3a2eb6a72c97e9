"""Shapes of what is there for callers: consumers, calls to try, snippets."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Base64Bytes, Field

from firesteel.admin.callers.parties import WayKind
from firesteel.admin.shapes import PayloadShape, Shape
from firesteel.admin.shapes.keys import ExpiryName, KeyShape
from firesteel.admin.shapes.scalars import ConsumerText, LabelText, Number
from firesteel.model.trigger import Method

Pair = tuple[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=8192)]]


class ConsumerTriggerShape(Shape):
    """A trigger that has a key of the consumer."""

    integration: str
    enabled: bool
    prefix: str
    """The first characters of the key's secret."""
    created_at: datetime
    expires: date | None
    """The last day on which the key is taken, to its end in UTC."""
    expiry: ExpiryName
    last_used_at: datetime | None


class GrantShape(Shape):
    """A trigger that the consumer's own keys open."""

    integration: str
    enabled: bool
    granted_at: datetime


class ConsumerWayShape(Shape):
    """A trigger that lets the consumer in by other means than API keys."""

    integration: str
    enabled: bool
    kind: WayKind


class ConsumerShape(Shape):
    """A party that calls: a consumer of the workspace, or only the label of triggers' API keys and
    other ways to authenticate; of the same name, all are one party."""

    label: str
    """Its name."""
    registered: bool
    """It is a consumer of the workspace, which may have keys of its own and grants."""
    created_at: datetime | None
    """Null where it is only a label."""
    last_used_at: datetime | None
    """Of any of its keys."""
    keys: list[KeyShape]
    """Its own."""
    grants: list[GrantShape]
    """The triggers that these open."""
    triggers: list[ConsumerTriggerShape]
    """Triggers with an API key of this label."""
    ways: list[ConsumerWayShape]
    """Triggers with another way to authenticate of this label."""


class NewConsumerShape(Shape):
    """A consumer to add, without keys and grants."""

    name: ConsumerText


class ConsumerChangesShape(Shape):
    """Another name."""

    name: ConsumerText


class CallShape(Shape):
    """A call of a trigger; one of ``body`` and ``body_base64`` may be given."""

    method: Method = "GET"
    query: Annotated[list[Pair], Field(max_length=1000)] = Field(
        default_factory=list, examples=[[["item", "A-100"]]]
    )
    """Names and values, not encoded."""
    headers: Annotated[list[Pair], Field(max_length=50)] = Field(default_factory=list)
    """Names and values; ASCII."""
    body: str | None = None
    """As text, sent in UTF-8."""
    body_base64: Base64Bytes | None = None
    """As bytes."""


class TryCallShape(CallShape):
    """A call to make now; with the key of ``key_label`` or ``key_secret``, or without one."""

    key_label: LabelText | None = None
    """One of the trigger's keys; its secret is used and not shown."""
    key_secret: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """The secret itself."""
    timeout_s: Annotated[Number, Field(ge=1, le=900)] = 30
    """How long the answer is waited for."""


class TriedCallShape(Shape):
    """What came of a call."""

    url: str
    """What was called, as callers know it."""
    status: int | None
    """Null: there was no answer."""
    failure: str
    """Why there was none."""
    headers: list[tuple[str, str]]
    body: PayloadShape | None
    """Null also where whoever has no right to payloads used a key that they do not know."""
    truncated: bool
    """The body is longer than what is shown of it."""
    duration_ms: float
    message_id: str | None
    """Of the message that the call became."""
    sequence: int | None


class SnippetsShape(Shape):
    """The call as commands; an API key is taken from the environment variable API_KEY, a password
    from PASSWORD, a token from TOKEN, the secret of a signature from SECRET."""

    url: str
    curl: str
    """Signed with openssl where the call has to be."""
    python: str
    powershell: str
    """Empty where the call has to be signed."""
