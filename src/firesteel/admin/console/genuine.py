"""Refuses changes that another site's page makes a browser send."""

from __future__ import annotations

from typing import cast

from fastapi import Request

from firesteel.admin.access import ACCESS_KEY, Access
from firesteel.admin.resources.given import VisitorGiven
from firesteel.admin.visitor import CSRF_FIELD, CSRF_HEADER, forged
from firesteel.errors import CallerError


async def genuine(request: Request, visitor: VisitorGiven) -> None:
    """A dependency of every route of the console. The token of the session's pages comes as a
    header (scripts) or as a field of the form. Raises CallerError ``forged_request``."""
    if not visitor.changes:
        return
    access = cast("Access | None", request.scope.get(ACCESS_KEY))
    token = visitor.header(CSRF_HEADER)
    if token is None and _is_form(visitor.header("content-type") or ""):
        field = (await request.form()).get(CSRF_FIELD)
        token = field if isinstance(field, str) else None
    if forged(visitor, access, token):
        raise CallerError(
            "this did not come from a page of the console, or the page is from before you signed "
            "in: load it anew and try again",
            code="forged_request",
        )


def _is_form(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("application/x-www-form-urlencoded", "multipart/form-data")
