"""Users, and the one-time links by which they come in."""

from __future__ import annotations

from fastapi import APIRouter

from firesteel.admin import views_people as views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import AccountsGiven, Administrator, UserName
from firesteel.admin.shapes import people as shapes
from firesteel.store.people import UserRights

router = APIRouter(tags=["users"], route_class=JsonRoute)


@router.get("/users", responses=responses())
async def list_users(accounts: AccountsGiven, _access: Administrator) -> list[shapes.UserShape]:
    """All users by name."""
    return [views.user(item) for item in await accounts.users.all()]


@router.post("/users", status_code=201, responses=responses("user_taken", "name_invalid"))
async def add_user(
    new: shapes.NewUserShape, accounts: AccountsGiven, access: Administrator
) -> shapes.AddedUserShape:
    """Add a user. The answer has a link by which they choose their password: give it to nobody
    else."""
    rights = UserRights(new.role, new.payloads, new.reveal)
    added, link = await accounts.users.add(new.name, rights, access.name)
    return shapes.AddedUserShape(**views.user(added).model_dump(), link=views.link(link))


@router.get("/users/{name}", responses=responses("unknown_user"))
async def show_user(
    name: UserName, accounts: AccountsGiven, _access: Administrator
) -> shapes.UserShape:
    """One user."""
    return views.user(await accounts.users.find(name))


@router.patch("/users/{name}", responses=responses("unknown_user", "last_administrator"))
async def change_user(
    name: UserName,
    changes: shapes.UserChangesShape,
    accounts: AccountsGiven,
    access: Administrator,
) -> shapes.UserShape:
    """Give a user another role or right, or let them sign in no more; it acts at once."""
    current = (await accounts.users.find(name)).rights
    rights = UserRights(
        role=changes.role or current.role,
        sees_payloads=_or(changes.payloads, current.sees_payloads),
        reveals_keys=_or(changes.reveal, current.reveals_keys),
        enabled=_or(changes.enabled, current.enabled),
    )
    return views.user(await accounts.users.change(name, rights, access.name))


@router.delete(
    "/users/{name}", status_code=204, responses=responses("unknown_user", "last_administrator")
)
async def delete_user(name: UserName, accounts: AccountsGiven, access: Administrator) -> None:
    """Delete a user; their sessions end. What they did stays in the audit log."""
    await accounts.users.delete(name, access.name)


@router.post("/users/{name}/sign-out", responses=responses("unknown_user"))
async def sign_user_out(
    name: UserName, accounts: AccountsGiven, access: Administrator
) -> shapes.EndedSessionsShape:
    """End all sessions of a user."""
    user = await accounts.users.find(name)
    ended = await accounts.sessions.end_all(user, keep=None, actor=access.name)
    return shapes.EndedSessionsShape(ended=ended)


@router.post("/links", status_code=201, responses=responses("unknown_user", "link_invalid"))
async def make_link(
    wanted: shapes.LinkWantedShape, accounts: AccountsGiven, access: Administrator
) -> shapes.LinkShape:
    """A link by which a user chooses a new password, or the first administrator comes in; a user's
    earlier links end."""
    return views.link(await accounts.users.link(wanted.user, access.name))


def _or(given: bool | None, current: bool) -> bool:
    return current if given is None else given
