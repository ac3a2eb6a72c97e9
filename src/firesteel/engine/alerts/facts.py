"""What a round has found that could be told."""

from __future__ import annotations

from dataclasses import dataclass

from firesteel.model.alert import AlertItem

NOT_YET = -1
"""The degree of what is so, and was not so for long enough to be told."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so now, of one integration or key. ``degree``: where it rises, it is told
    again. ``item``: what is told."""

    subject: str
    degree: int
    item: AlertItem


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed execution of a rule's workspace."""

    integration: str
    message_id: str
    settled_at_us: int
    code: str
    step: str | None
