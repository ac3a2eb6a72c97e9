"""Turns what is known of people and tokens into the shapes of the REST API."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from firesteel.admin.accounts.sessions import id_of
from firesteel.admin.shapes import people as shapes
from firesteel.admin.times import written, written_or_none
from firesteel.model.api_key import expiry_day

if TYPE_CHECKING:
    from firesteel.admin.access import Access
    from firesteel.admin.accounts.users import NewLink
    from firesteel.store.people import SignIn, Token, User


def user(item: User) -> shapes.UserShape:
    """A user."""
    return shapes.UserShape(
        name=item.name,
        role=item.role,
        payloads=item.sees_payloads,
        reveal=item.reveals_keys,
        enabled=item.enabled,
        has_password=item.password_hash is not None,
        created_at=written(item.created_at_us),
        last_sign_in_at=written_or_none(item.last_sign_in_at_us),
    )


def link(item: NewLink) -> shapes.LinkShape:
    """A one-time link."""
    return shapes.LinkShape(path=item.path, expires_at=written(item.expires_at_us))


def session(item: SignIn, access: Access) -> shapes.SessionShape:
    """A session, as who has ``access`` sees it."""
    return shapes.SessionShape(
        id=id_of(item),
        started_at=written(item.started_at_us),
        last_seen_at=written(item.last_seen_at_us),
        expires_at=written(item.expires_at_us),
        address=item.address,
        agent=item.agent,
        current=item.digest == access.session,
    )


def token(item: Token) -> shapes.TokenShape:
    """A token without its secret."""
    expires = item.expires_at_us
    return shapes.TokenShape(
        name=item.name,
        scopes=list(item.scopes),
        prefix=item.prefix,
        created_at=written(item.created_at_us),
        created_by=item.created_by,
        expires=None if expires is None else date.fromisoformat(expiry_day(expires)),
        last_used_at=written_or_none(item.last_used_at_us),
    )
