"""``/tokens``: API tokens of machines."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field, field_validator
from starlette.responses import HTMLResponse, Response

from firesteel.admin.access import Access
from firesteel.admin.accounts.accounts import Accounts
from firesteel.admin.console.page import redirect, render
from firesteel.admin.console.pages.sign_in import sentence
from firesteel.admin.resources import tokens
from firesteel.admin.resources.given import AccountsGiven, Administrator, TokenName
from firesteel.admin.shapes import people as shapes
from firesteel.errors import CallerError
from firesteel.model.api_token import LONGEST_NAME
from firesteel.model.rights import Right

router = APIRouter(prefix="/tokens", include_in_schema=False)

SCOPES: Final[tuple[tuple[Right, str], ...]] = (
    ("view", "see lists and states"),
    ("payloads", "see what messages hold"),
    ("reveal", "see API keys in clear"),
    ("operate", "replay, cancel, skip, pause"),
    ("edit", "publish integrations, add API keys"),
    ("administer", "users, tokens, connections, secrets, the node"),
)
_FIELDS: Final = {"name_invalid": "name", "token_taken": "name", "expiry_invalid": "expires"}


class NewTokenForm(BaseModel):
    """A token to add; ``expires`` empty: never."""

    name: str = Field(default="", max_length=LONGEST_NAME)
    scopes: list[Right] = []
    expires: date | None = None

    @field_validator("expires", mode="before")
    @classmethod
    def _none_where_empty(cls, given: object) -> object:
        return given or None


@router.get("")
async def list_tokens(
    request: Request, accounts: AccountsGiven, access: Administrator
) -> HTMLResponse:
    """All tokens, and a dialog to add one."""
    return await _page(request, accounts, access)


@router.post("")
async def add_token(
    request: Request,
    accounts: AccountsGiven,
    access: Administrator,
    form: Annotated[NewTokenForm, Form()],
) -> HTMLResponse:
    """Add a token; the answer shows its secret, this once."""
    if not form.scopes:
        faults = {"scopes": "Tick what the token may do."}
        return await _page(request, accounts, access, form=form, faults=faults)
    new = shapes.NewTokenShape.model_construct(**form.model_dump())
    try:
        added = await tokens.add_token(new, accounts, access)
    except CallerError as error:
        if error.code not in _FIELDS:
            raise
        faults = {_FIELDS[error.code]: sentence(error.detail)}
        return await _page(request, accounts, access, form=form, faults=faults)
    return await _page(request, accounts, access, added=added)


@router.post("/{name}/delete")
async def delete_token(
    request: Request, name: TokenName, accounts: AccountsGiven, access: Administrator
) -> Response:
    """Delete a token."""
    await tokens.delete_token(name, accounts, access)
    return redirect(request, "/tokens", note=f"The token {name} is deleted.")


async def _page(request: Request, accounts: Accounts, access: Access, **shown: Any) -> HTMLResponse:
    """``shown``: the form with its faults, or the token that was added."""
    values: dict[str, Any] = {"form": NewTokenForm(), "faults": {}, "added": None, **shown}
    return await render(
        request,
        "tokens/tokens.html",
        status=422 if values["faults"] else 200,
        tokens=await tokens.list_tokens(accounts, access),
        scopes=SCOPES,
        **values,
    )
