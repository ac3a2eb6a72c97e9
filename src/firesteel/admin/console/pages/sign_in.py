"""``/sign-in``, ``/sign-out`` and ``/welcome``: how people come in and go."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from firesteel.admin.access import ACCESS_KEY
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.console import session_cookie
from firesteel.admin.console.page import redirect, render
from firesteel.admin.resources.given import AccountsGiven, Anybody, VisitorGiven
from firesteel.admin.visitor import Visitor
from firesteel.errors import CallerError
from firesteel.model.problem import PROBLEMS
from firesteel.model.user import SHORTEST_PASSWORD
from firesteel.store.people import User

router = APIRouter(include_in_schema=False)

_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]{0,2000}")
_REFUSALS = frozenset({"sign_in_refused", "too_many_attempts"})
_TO_MEND = frozenset({"name_invalid", "password_weak", "user_taken"})


class SignInForm(BaseModel):
    """``next``: the page to go on to."""

    name: str = Field(default="", max_length=1000)
    password: str = Field(default="", max_length=1000)
    next: str = Field(default="/", max_length=3000)


class WelcomeForm(BaseModel):
    """``link``: the secret of the one-time link; ``again``: the password once more."""

    link: str = Field(default="", max_length=1000)
    name: str = Field(default="", max_length=1000)
    password: str = Field(default="", max_length=1000)
    again: str = Field(default="", max_length=1000)


@router.get("/sign-in")
async def show_sign_in(request: Request, to: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The page that asks who is there."""
    if request.scope.get(ACCESS_KEY) is not None:
        return redirect(request, own_path(to))
    return await _sign_in_page(request, to)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    accounts: AccountsGiven,
    visitor: VisitorGiven,
    form: Annotated[SignInForm, Form()],
) -> Response:
    """Begin a session, and go on to the page that was asked for."""
    try:
        user = await accounts.users.sign_in(form.name, form.password, visitor.address)
    except CallerError as error:
        if error.code not in _REFUSALS:
            raise
        return await _sign_in_page(request, form.next, name=form.name, error=error)
    return await _let_in(request, accounts, visitor, user, to=form.next)


@router.post("/sign-out")
async def sign_out(
    request: Request, accounts: AccountsGiven, visitor: VisitorGiven, access: Anybody
) -> Response:
    """End the session."""
    if access.user is not None and access.session is not None:
        await accounts.sessions.leave(access.user, access.session)
    response = redirect(request, "/sign-in")
    session_cookie.take(response, visitor)
    return response


@router.get("/welcome")
async def show_welcome(
    request: Request, accounts: AccountsGiven, link: Annotated[str, Query()] = ""
) -> HTMLResponse:
    """Where a one-time link leads: choose a password; the first administrator a name too."""
    return await _welcome_page(request, accounts, link)


@router.post("/welcome")
async def follow_link(
    request: Request,
    accounts: AccountsGiven,
    visitor: VisitorGiven,
    form: Annotated[WelcomeForm, Form()],
) -> Response:
    """Use the link up, and begin a session."""
    faults = {}
    try:
        if form.password != form.again:
            faults["again"] = "The two are not the same."
        else:
            user = await accounts.users.follow(form.link, form.name, form.password)
            return await _let_in(request, accounts, visitor, user, to="/")
    except CallerError as error:
        if error.code in _TO_MEND:
            field = "password" if error.code == "password_weak" else "name"
            faults[field] = sentence(error.detail)
        elif error.code != "link_invalid":
            raise
    return await _welcome_page(request, accounts, form.link, name=form.name, faults=faults)


def own_path(text: str) -> str:
    """A path of ours to go on to; ``/`` for anything that could lead elsewhere."""
    return text if _OWN_PATH.fullmatch(text) else "/"


def sentence(text: str) -> str:
    """An error's text as it stands beside a field."""
    return f"{text[:1].upper()}{text[1:]}."


async def _let_in(
    request: Request, accounts: Accounts, visitor: Visitor, user: User, *, to: str
) -> Response:
    agent = visitor.header("user-agent") or ""
    opened = await accounts.sessions.begin(user, address=visitor.address, agent=agent)
    response = redirect(request, own_path(to))
    session_cookie.give(response, visitor, opened)
    return response


async def _sign_in_page(
    request: Request, to: str, *, name: str = "", error: CallerError | None = None
) -> HTMLResponse:
    fault, status, headers = "", 200, {}
    if error is not None:
        fault, status = error.detail, PROBLEMS[error.code].status
        wait_s = getattr(error, "retry_after_s", None)
        if wait_s is not None:
            headers["retry-after"] = str(wait_s)
            fault = f"{fault}; try again in {_in_words(wait_s)}"
    page = await render(
        request,
        "sign_in/sign_in.html",
        status=status,
        next=own_path(to),
        name=name,
        fault=sentence(fault) if fault else "",
    )
    page.headers.update(headers)
    return page


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{seconds} seconds" if seconds < 60 else f"{minutes} minutes"


async def _welcome_page(
    request: Request,
    accounts: Accounts,
    link: str,
    *,
    name: str = "",
    faults: dict[str, str] | None = None,
) -> HTMLResponse:
    try:
        linked = await accounts.users.linked(link)
    except CallerError as error:
        status = PROBLEMS[error.code].status
        return await render(request, "sign_in/used_link.html", status=status)
    return await render(
        request,
        "sign_in/welcome.html",
        status=422 if faults else 200,
        link=link,
        user=linked.user,
        name=name,
        faults=faults or {},
        shortest=SHORTEST_PASSWORD,
    )
