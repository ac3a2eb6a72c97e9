"""What the REST API takes and gives of users, sessions, tokens and the audit log."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from firesteel.admin.shapes.base import Shape
from firesteel.admin.shapes.scalars import Day, Flag
from firesteel.model.api_token import LONGEST_NAME as LONGEST_TOKEN_NAME
from firesteel.model.rights import Right, Role
from firesteel.model.user import LONGEST_NAME, LONGEST_PASSWORD

UserNameText = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, examples=["anna"])]
PasswordText = Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]
TokenNameText = Annotated[
    str, Field(min_length=1, max_length=LONGEST_TOKEN_NAME, examples=["deployment"])
]


class MeShape(Shape):
    """Who asks, and what they may do."""

    name: str
    """As the audit log names them: `user:anna`, `token:deployment`, `local`."""
    kind: Literal["user", "token", "local"]
    role: Role | None
    """Of a user."""
    rights: list[Right]


class PasswordShape(Shape):
    """Another password for who asks. All their other sessions end."""

    current: PasswordText
    new: PasswordText


class UserShape(Shape):
    """A user. ``last_sign_in_at`` null: never."""

    name: str
    role: Role
    payloads: bool
    """May see what messages hold."""
    reveal: bool
    """May see API keys in clear."""
    enabled: bool
    has_password: bool
    """False until the user has followed a one-time link."""
    created_at: datetime
    last_sign_in_at: datetime | None


class NewUserShape(Shape):
    """A user to add."""

    name: UserNameText
    role: Role
    payloads: Flag = False
    reveal: Flag = False


class UserChangesShape(Shape):
    """What is left out stays."""

    role: Role | None = None
    payloads: Flag | None = None
    reveal: Flag | None = None
    enabled: Flag | None = None
    """False ends all sessions of the user."""


class LinkWantedShape(Shape):
    """Whom a one-time link is for; null: whoever becomes the first administrator."""

    user: UserNameText | None = None


class LinkShape(Shape):
    """A link that may be followed once; it is shown this once."""

    path: str
    """Below the address of the console, such as ``/welcome?link=...``."""
    expires_at: datetime


class AddedUserShape(UserShape):
    """A new user, and the link by which they choose their password."""

    link: LinkShape


class SessionShape(Shape):
    """A browser that is signed in."""

    id: str
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """It ends then however much it is used."""
    address: str
    agent: str
    """What the browser said it is."""
    current: bool
    """It is the one that asks."""


class EndedSessionsShape(Shape):
    """How many sessions were ended."""

    ended: int


class TokenShape(Shape):
    """An API token; its secret is shown only when it is added."""

    name: str
    scopes: list[Right]
    prefix: str
    """The first characters of the secret."""
    created_at: datetime
    created_by: str
    expires: date | None
    """The last day on which it is taken, to its end in UTC."""
    last_used_at: datetime | None


class NewTokenShape(Shape):
    """A token to add."""

    name: TokenNameText
    scopes: list[Right] = Field(min_length=1, max_length=6, examples=[["view", "edit"]])
    """What may be done with it: rights that who asks has too."""
    expires: Day | None = None


class AddedTokenShape(TokenShape):
    """A new token with its secret."""

    secret: str


class AuditShape(Shape):
    """Who did what and when."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


class AuditPage(Shape):
    """Latest first. ``next`` is the cursor of the page after this one."""

    items: list[AuditShape]
    next: int | None


class AuditQuery(Shape):
    """All conditions that are given hold."""

    actor: str | None = Field(default=None, max_length=100, examples=["user:anna"])
    action: str | None = Field(default=None, max_length=100, examples=["key.add"])
    """An action, or a kind of them such as ``key``."""
    subject: str | None = Field(default=None, max_length=200, examples=["demo/ItemPrice"])
    """A part of the subject."""
    at_from: datetime | None = None
    at_until: datetime | None = None
    """Exclusive."""
    before: int | None = Field(default=None, ge=1, lt=2**63)
    """The last page's ``next``."""
    limit: int = Field(default=100, ge=1, le=500)
