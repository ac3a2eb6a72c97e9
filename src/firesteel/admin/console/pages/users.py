"""``/users``: who may come in, with which role and rights."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from firesteel.admin.console.page import quoted, redirect, render
from firesteel.admin.console.pages.sign_in import sentence
from firesteel.admin.console.selected import shaped
from firesteel.admin.resources import users
from firesteel.admin.resources.given import AccountsGiven, Administrator, UserName
from firesteel.admin.shapes import people as shapes
from firesteel.errors import CallerError
from firesteel.model.rights import Role
from firesteel.model.user import LONGEST_NAME

router = APIRouter(prefix="/users", include_in_schema=False)

ROLES: Final[tuple[tuple[Role, str], ...]] = (
    ("viewer", "Viewer: sees lists and states"),
    ("operator", "Operator: also replays, cancels, pauses"),
    ("editor", "Editor: also publishes integrations and adds API keys"),
    ("admin", "Administrator: also users, tokens, connections, secrets, the node"),
)


class RightsForm(BaseModel):
    """A box that is not ticked is not sent."""

    role: Role = "viewer"
    payloads: bool = False
    reveal: bool = False


class NewUserForm(RightsForm):
    """A user to add."""

    name: str = Field(default="", max_length=LONGEST_NAME)


class ChangeForm(RightsForm):
    """What becomes of a user."""

    enabled: bool = False


@router.get("")
async def list_users(
    request: Request, accounts: AccountsGiven, access: Administrator
) -> HTMLResponse:
    """All users, and a dialog to add one."""
    found = await users.list_users(accounts, access)
    return await _list_page(request, found, NewUserForm())


@router.post("")
async def add_user(
    request: Request,
    accounts: AccountsGiven,
    access: Administrator,
    form: Annotated[NewUserForm, Form()],
) -> HTMLResponse:
    """Add a user; the answer is the user's page with the one-time link, shown this once."""
    new = shapes.NewUserShape.model_construct(**form.model_dump())
    try:
        added = await users.add_user(new, accounts, access)
    except CallerError as error:
        if error.code not in ("name_invalid", "user_taken"):
            raise
        found = await users.list_users(accounts, access)
        return await _list_page(request, found, form, fault=sentence(error.detail))
    shown = await users.show_user(added.name, accounts, access)
    return await _user_page(request, shown, added.link)


@router.get("/{name}")
async def show_user(
    request: Request, name: UserName, accounts: AccountsGiven, access: Administrator
) -> HTMLResponse:
    """One user."""
    return await _user_page(request, await users.show_user(name, accounts, access))


@router.post("/{name}")
async def change_user(
    request: Request,
    name: UserName,
    accounts: AccountsGiven,
    access: Administrator,
    form: Annotated[ChangeForm, Form()],
) -> Response:
    """Another role, other rights, or no more sign-in."""
    changes = shaped(shapes.UserChangesShape, **form.model_dump())
    await users.change_user(name, changes, accounts, access)
    return redirect(request, f"/users/{quoted(name)}", note="Saved; it acts at once.")


@router.post("/{name}/link")
async def make_link(
    request: Request, name: UserName, accounts: AccountsGiven, access: Administrator
) -> HTMLResponse:
    """A link for a new password, shown this once."""
    link = await users.make_link(shaped(shapes.LinkWantedShape, user=name), accounts, access)
    return await _user_page(request, await users.show_user(name, accounts, access), link)


@router.post("/{name}/sign-out")
async def sign_user_out(
    request: Request, name: UserName, accounts: AccountsGiven, access: Administrator
) -> Response:
    """End all sessions of a user."""
    done = await users.sign_user_out(name, accounts, access)
    return redirect(request, f"/users/{quoted(name)}", note=f"Sessions ended: {done.ended}.")


@router.post("/{name}/delete")
async def delete_user(
    request: Request, name: UserName, accounts: AccountsGiven, access: Administrator
) -> Response:
    """Delete a user."""
    await users.delete_user(name, accounts, access)
    return redirect(request, "/users", note=f"The user {name} is deleted.")


async def _list_page(
    request: Request, found: list[shapes.UserShape], form: NewUserForm, *, fault: str = ""
) -> HTMLResponse:
    return await render(
        request,
        "users/users.html",
        status=422 if fault else 200,
        users=found,
        form=form,
        fault=fault,
        roles=ROLES,
    )


async def _user_page(
    request: Request, user: shapes.UserShape, link: shapes.LinkShape | None = None
) -> HTMLResponse:
    base = str(request.base_url).rstrip("/")
    return await render(
        request,
        "users/user.html",
        user=user,
        roles=ROLES,
        link=link and base + link.path,
        link_until=link and link.expires_at,
    )
