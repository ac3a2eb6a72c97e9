"""Tells the audit log of requests that are answered 403."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firesteel.admin.access import ACCESS_KEY, RightMissing
from firesteel.admin.accounts.refused_acts import RefusedAct
from firesteel.admin.visitor import VISITOR_KEY
from firesteel.model.problem import PROBLEMS
from firesteel.store.people import NOBODY

if TYPE_CHECKING:
    from firesteel.admin.access import Access
    from firesteel.admin.accounts.accounts import Accounts
    from firesteel.errors import FiresteelError

_API: Final = "/api/v1"
_FORBIDDEN: Final = 403


async def tell_refused(scope: Any, accounts: Accounts, error: FiresteelError) -> None:
    """Where that error is one of those. ``scope`` is ASGI's, with the route that was found."""
    if PROBLEMS[error.code].status != _FORBIDDEN:
        return
    access: Access | None = scope.get(ACCESS_KEY)
    lacks = f"lacks {error.right}" if isinstance(error, RightMissing) else error.code
    act = RefusedAct(f"{scope['method']} {_pattern(scope)}", lacks)
    actor = NOBODY if access is None else access.name
    await accounts.refused_acts.add(actor, act, scope[VISITOR_KEY].address)


def _pattern(scope: Any) -> str:
    """Of the route, which does not know below what it is included; of a request that was refused
    before a route was looked for, the REST API's."""
    route = scope.get("route")
    below = _API if scope["path"].startswith(_API + "/") else ""
    return below if route is None else f"{below}{route.path}"
