"""The shapes of what finds messages and acts on many: text, failures, bulk acts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from firesteel.admin.shapes.base import Shape
from firesteel.admin.shapes.messages import MessageSelection, MessageSummaryShape, SelectionShape

ActName = Literal["replay", "cancel", "skip", "erase"]
PlaceName = Literal["request", "body", "input", "response"]


class TextQuery(MessageSelection):
    """A piece of a search through payloads."""

    text: str = Field(min_length=2, max_length=200, examples=["A-100"])
    """Upper and lower case matter."""
    cursor: str | None = Field(default=None, pattern=r"^[0-9]{1,18}$")
    """The last piece's ``next``."""


class FoundShape(MessageSummaryShape):
    """An execution in which the text was found, and where."""

    places: list[PlaceName]


class TextPage(Shape):
    """A piece of the search, latest first. It may have found nothing and still go on: ``next`` is
    the cursor of the next piece, null when everything was looked at."""

    items: list[FoundShape]
    next: str | None
    looked_at: int
    """Executions that were looked at for this piece."""
    progress: float
    """How far the whole search has come, 0 to 1."""
    reached_at: datetime | None
    """When the last one looked at was received."""


class FailureGroupShape(Shape):
    """Failed executions that failed alike."""

    integration: str
    code: str
    kind: Literal["transient", "permanent", "unknown"]
    step: str | None
    detail: str
    """Of the latest one."""
    count: int
    first_received_at: datetime
    last_received_at: datetime
    example_id: str
    """The latest one's message."""


class FailuresShape(Shape):
    """The largest group first. With ``more`` there are older failures that were not counted."""

    groups: list[FailureGroupShape]
    looked_at: int
    more: bool


class BulkCountQuery(MessageSelection):
    """What a bulk act would be about. A state must be chosen, but to erase; see the act."""

    act: ActName = "replay"


class BulkCountShape(Shape):
    """How many executions it would be about; with ``more`` at least so many. ``until`` is for the
    act itself: what comes later is not touched."""

    count: int
    more: bool
    until: str


class NewBulkShape(Shape):
    """A bulk act to begin. ``replay``: state failed, cancelled, skipped or succeeded, and only what
    nobody has replayed since; ``cancel``: waiting or running; ``skip``: waiting or failed.
    ``erase``: any state, or none; whole messages, and what has not ended is passed over. It needs
    the right ``administer``."""

    act: ActName = "replay"
    selection: SelectionShape
    until: str = Field(pattern=r"^[0-9]{1,18}$")
    """As the count gave it."""
    why: str = Field(default="", max_length=1000)
    """For the record."""


class BulkShape(Shape):
    """A bulk act and how far it has come."""

    number: int
    act: ActName
    selection: MessageSelection
    """Once an erasure has ended, without the consumer and search value that it was about."""
    state: Literal["running", "done", "cancelled"]
    started_by: str
    why: str
    started_at: datetime
    ended_at: datetime | None
    total: int
    """Executions counted before it began."""
    done: int
    passed_over: int
    """Found in another state when it was their turn; of an erasure: had not ended, or a lane stands
    at it."""


class ReasonShape(Shape):
    """Why, for the record."""

    why: str = Field(default="", max_length=1000)


class StreamQuery(MessageSelection):
    """A live list."""

    seconds: int = Field(default=300, ge=1, le=600)
    """How long to stay; whoever watches on asks anew."""
