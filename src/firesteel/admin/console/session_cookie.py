"""The cookie of a session: set at sign-in, taken back at sign-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response

    from firesteel.admin.accounts.sessions import Opened
    from firesteel.admin.visitor import Visitor


def give(response: Response, visitor: Visitor, opened: Opened) -> None:
    """Lax, so that a link to a page of the console leads to that page and not to the sign-in;
    changes are guarded by the token of the pages."""
    response.set_cookie(
        visitor.cookie_name,
        opened.secret,
        max_age=opened.lifetime_s,
        path="/",
        secure=visitor.secure,
        httponly=True,
        samesite="lax",
    )


def take(response: Response, visitor: Visitor) -> None:
    """The browser forgets it."""
    response.delete_cookie(
        visitor.cookie_name, path="/", secure=visitor.secure, httponly=True, samesite="lax"
    )
