"""Who asks: their rights, their password, their sessions."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from firesteel.admin import views_people as views
from firesteel.admin.access import LOCAL, Access
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import AccountsGiven, Anybody, SessionId, VisitorGiven
from firesteel.admin.shapes import people as shapes
from firesteel.errors import CallerError
from firesteel.model.rights import in_order
from firesteel.store.people import User

router = APIRouter(tags=["account"], route_class=JsonRoute)


@router.get("/me", responses=responses())
async def show_me(access: Anybody) -> shapes.MeShape:
    """Who asks, and what they may do."""
    kind: Literal["user", "token", "local"] = "token"
    if access.user is not None:
        kind = "user"
    elif access.name == LOCAL:
        kind = "local"
    return shapes.MeShape(
        name=access.name,
        kind=kind,
        role=access.user.role if access.user else None,
        rights=in_order(access.rights),
    )


@router.put(
    "/me/password",
    status_code=204,
    responses=responses("password_wrong", "password_weak", "too_many_attempts"),
)
async def change_password(
    change: shapes.PasswordShape, accounts: AccountsGiven, access: Anybody, visitor: VisitorGiven
) -> None:
    """Choose another password; all other sessions of the user end. For users only."""
    await accounts.users.change_password(
        _user(access), change.current, change.new, address=visitor.address, keep=access.session
    )


@router.get("/sessions", responses=responses())
async def list_sessions(accounts: AccountsGiven, access: Anybody) -> list[shapes.SessionShape]:
    """The sessions of who asks, the one seen last first; a token has none."""
    if access.user is None:
        return []
    found = await accounts.sessions.of(access.user)
    return [views.session(item, access) for item in found]


@router.delete("/sessions/{id}", status_code=204, responses=responses("unknown_session"))
async def end_session(id: SessionId, accounts: AccountsGiven, access: Anybody) -> None:
    """End a session of who asks; its browser is signed out."""
    if access.user is None:
        raise CallerError("you have no such session", code="unknown_session")
    await accounts.sessions.end(access.user, id)


@router.post("/sessions/end-others", responses=responses())
async def end_other_sessions(accounts: AccountsGiven, access: Anybody) -> shapes.EndedSessionsShape:
    """End all sessions of who asks but the one that asks. For users only."""
    user = _user(access)
    ended = await accounts.sessions.end_all(user, keep=access.session, actor=access.name)
    return shapes.EndedSessionsShape(ended=ended)


def _user(access: Access) -> User:
    if access.user is None:
        raise CallerError("this is for users, not for tokens", code="forbidden")
    return access.user
