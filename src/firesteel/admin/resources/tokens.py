"""API tokens of machines."""

from __future__ import annotations

from fastapi import APIRouter

from firesteel.admin import views_people as views
from firesteel.admin.bodies.exact_json import JsonRoute
from firesteel.admin.problems import responses
from firesteel.admin.resources.given import AccountsGiven, Administrator, TokenName
from firesteel.admin.shapes import people as shapes
from firesteel.model.api_key import expiry_us

router = APIRouter(prefix="/tokens", tags=["tokens"], route_class=JsonRoute)


@router.get("", responses=responses())
async def list_tokens(accounts: AccountsGiven, _access: Administrator) -> list[shapes.TokenShape]:
    """All tokens by name, without their secrets."""
    return [views.token(item) for item in await accounts.tokens.all()]


@router.post(
    "", status_code=201, responses=responses("token_taken", "name_invalid", "expiry_invalid")
)
async def add_token(
    new: shapes.NewTokenShape, accounts: AccountsGiven, access: Administrator
) -> shapes.AddedTokenShape:
    """Add a token; its secret is in this answer and nowhere else. Nobody gives a token a right that
    they do not have."""
    for right in new.scopes:
        access.require(right)
    expires_at_us = None if new.expires is None else expiry_us(new.expires.isoformat())
    added, secret = await accounts.tokens.add(new.name, new.scopes, expires_at_us, access.name)
    return shapes.AddedTokenShape(**views.token(added).model_dump(), secret=secret)


@router.delete("/{name}", status_code=204, responses=responses("unknown_token"))
async def delete_token(name: TokenName, accounts: AccountsGiven, access: Administrator) -> None:
    """Delete a token; requests with it get 401 from now on."""
    await accounts.tokens.delete(name, access.name)
