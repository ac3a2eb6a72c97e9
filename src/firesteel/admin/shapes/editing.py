"""Shapes of integrations as they are edited: new ones, drafts, differences, keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from firesteel.admin.shapes.base import FaultShape, Shape
from firesteel.admin.shapes.scalars import Day, Flag, KeyText, LabelText


class NewIntegrationShape(Shape):
    """An integration to make."""

    name: Annotated[str, Field(max_length=200, examples=["ItemPrice"])]
    description: Annotated[str, Field(max_length=10_000)] | None = None


class DraftShape(Shape):
    """An integration as it is being edited."""

    document: dict[str, Any]
    base_version: int
    """The published version that it was begun from."""
    published_version: int
    """The one that is in force now; another one where somebody has published meanwhile."""
    changed_at: datetime
    changed_by: str
    faults: list[FaultShape]
    """What must be mended before it can be published."""
    warnings: list[FaultShape]
    complete: bool
    """False: no worker process was there to look at expressions and Python functions."""


class ChangeShape(Shape):
    """One change at a pointer; ``old`` is null where something was added, ``new`` where removed."""

    pointer: str
    kind: Literal["added", "removed", "changed"]
    old: Any
    new: Any


class LinePairShape(Shape):
    """A line of the old file beside the one of the new file; null: there is none on that side."""

    kind: Literal["same", "added", "removed", "changed"]
    old_number: int | None
    old: str | None
    new_number: int | None
    new: str | None


class DifferenceShape(Shape):
    """What leads from one document to another."""

    old: str
    new: str
    changes: list[ChangeShape]
    lines: list[LinePairShape]


class KeyOfTrigger(Shape):
    """Names an API key of a trigger of the same workspace."""

    integration: str
    label: str


class NewKeyShape(Shape):
    """A key to add: generated, or ``value``, or with ``same_as`` the secret of another key, which
    is not shown."""

    label: LabelText
    value: KeyText | None = None
    same_as: KeyOfTrigger | None = None
    expires: Day | None = None
    close: Flag = True
    """Whether an open trigger is closed at once, by a version that asks for keys. Without it that
    waits until such a version is published."""
