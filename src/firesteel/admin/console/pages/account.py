"""``/account``: who is signed in, their password, their sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from firesteel.admin.access import Access
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.console.page import redirect, render
from firesteel.admin.console.pages.sign_in import sentence
from firesteel.admin.resources import me
from firesteel.admin.resources.given import AccountsGiven, Anybody, SessionId, VisitorGiven
from firesteel.admin.shapes import people as shapes
from firesteel.errors import CallerError
from firesteel.model.user import LONGEST_PASSWORD, SHORTEST_PASSWORD

router = APIRouter(prefix="/account", include_in_schema=False)

_FIELDS = {"password_wrong": "current", "password_weak": "password"}


class PasswordForm(BaseModel):
    """``again``: the new password once more."""

    current: str = Field(default="", max_length=LONGEST_PASSWORD)
    password: str = Field(default="", max_length=LONGEST_PASSWORD)
    again: str = Field(default="", max_length=LONGEST_PASSWORD)


@router.get("")
async def show_account(request: Request, accounts: AccountsGiven, access: Anybody) -> HTMLResponse:
    """The page."""
    return await _page(request, accounts, access)


@router.post("/password")
async def change_password(
    request: Request,
    accounts: AccountsGiven,
    access: Anybody,
    visitor: VisitorGiven,
    form: Annotated[PasswordForm, Form()],
) -> Response:
    """Choose another password."""
    if form.password != form.again:
        faults = {"again": "The two are not the same."}
        return await _page(request, accounts, access, faults=faults)
    change = shapes.PasswordShape.model_construct(current=form.current, new=form.password)
    try:
        await me.change_password(change, accounts, access, visitor)
    except CallerError as error:
        if error.code not in _FIELDS:
            raise
        faults = {_FIELDS[error.code]: sentence(error.detail)}
        return await _page(request, accounts, access, faults=faults)
    return redirect(
        request, "/account", note="Your password is changed. Other sessions have ended."
    )


@router.post("/sessions/end-others")
async def end_other_sessions(
    request: Request, accounts: AccountsGiven, access: Anybody
) -> Response:
    """End all sessions but this one."""
    done = await me.end_other_sessions(accounts, access)
    return redirect(request, "/account", note=f"Other sessions ended: {done.ended}.")


@router.post("/sessions/{id}/end")
async def end_session(
    request: Request, id: SessionId, accounts: AccountsGiven, access: Anybody
) -> Response:
    """End one session."""
    await me.end_session(id, accounts, access)
    return redirect(request, "/account", note="The session has ended.")


async def _page(
    request: Request,
    accounts: Accounts,
    access: Access,
    *,
    faults: dict[str, str] | None = None,
) -> HTMLResponse:
    return await render(
        request,
        "account/account.html",
        status=422 if faults else 200,
        me=await me.show_me(access),
        sessions=await me.list_sessions(accounts, access),
        faults=faults or {},
        shortest=SHORTEST_PASSWORD,
    )
