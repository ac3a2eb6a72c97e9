"""Shapes of API keys: of triggers and of consumers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from firesteel.admin.shapes.base import Shape
from firesteel.admin.shapes.editing import KeyOfTrigger
from firesteel.admin.shapes.scalars import Day, KeyText, LabelText, Number
from firesteel.engine.owned_keys import OVERLAP_LIMIT_S, OVERLAP_S

ExpiryName = Literal["valid", "expires_soon", "expired"]


class ReplacedKeyShape(Shape):
    """A secret that rotation has replaced, and that is taken all the same for a while."""

    prefix: str
    """The first characters of the secret."""
    created_at: datetime
    expires_at: datetime | None
    """When it is taken no more."""
    last_used_at: datetime | None


class KeyShape(Shape):
    """An API key; its secret is shown only when it is added, rotated or revealed."""

    label: str
    prefix: str
    """The first characters of the secret."""
    created_at: datetime
    expires: date | None
    """The last day on which it is taken, to its end in UTC."""
    expires_at: datetime | None
    """The end of that day."""
    expiry: ExpiryName
    """``expires_soon``: within the days of the setting ``key_warning_days``."""
    last_used_at: datetime | None
    replaced: list[ReplacedKeyShape]
    """Secrets before this one that are still taken, the latest first."""


class AddedKeyShape(KeyShape):
    """A new key with its secret."""

    secret: str | None
    """Null where it is another key's too, which is not shown."""
    warning: str | None


class KeyChangesShape(Shape):
    """What is left out stays; ``expires: null`` takes the expiry away. A secret is replaced at
    once: ``rotate`` lets the old one be taken for a while."""

    label: LabelText | None = None
    value: KeyText | None = None
    expires: Day | None = None


class RotationShape(Shape):
    """A new secret for a key: generated, or ``value``. What is left out of ``expires`` stays;
    ``null`` takes the expiry away."""

    value: KeyText | None = None
    expires: Day | None = None
    overlap_s: Annotated[Number, Field(ge=0, le=OVERLAP_LIMIT_S)] = OVERLAP_S
    """For how many seconds the secrets before it are still taken; 0: not at all."""


class EndedOverlapShape(Shape):
    """What ending an overlap did."""

    ended: int
    """How many replaced secrets were still taken."""


class RevealedShape(Shape):
    """A secret in clear."""

    label: str
    secret: str


class NewConsumerKeyShape(Shape):
    """A key to add to a consumer: generated, or ``value``, or with ``same_as`` the secret of a
    trigger's key, which is not shown."""

    label: LabelText | None = None
    """Left out, the key gets the first number that is free."""
    value: KeyText | None = None
    same_as: KeyOfTrigger | None = None
    expires: Day | None = None


class ExpiringKeyShape(Shape):
    """A key that expires soon or has expired: of a trigger, or of a consumer."""

    integration: str | None
    consumer: str | None
    label: str
    prefix: str
    expires: date
    expires_at: datetime
    expiry: ExpiryName
    last_used_at: datetime | None
