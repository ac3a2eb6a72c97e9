"""``/sign-in``: where everybody without access ends."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from firesteel.admin.console.page import render

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def show_sign_in(request: Request) -> HTMLResponse:
    """The page that asks who is there."""
    return await render(request, "sign_in/sign_in.html")
