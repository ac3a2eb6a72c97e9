"""The REST API: resources, errors and the OpenAPI document put together."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from firesteel.admin.openapi import openapi
from firesteel.admin.problems import answer_errors
from firesteel.admin.resources import (
    alerts,
    audit,
    backups,
    bulk,
    calls,
    connections,
    consumers,
    drafts,
    encryption,
    expiring_keys,
    figures,
    finding,
    integrations,
    keys,
    lanes,
    me,
    messages,
    node,
    pausing,
    removed,
    tokens,
    trials,
    users,
    versions,
)

if TYPE_CHECKING:
    from firesteel.admin.accounts.accounts import Accounts
    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher

PREFIX = "/api/v1"
RESOURCES = (
    node,
    backups,
    pausing,
    figures,
    integrations,
    removed,
    calls,
    drafts,
    versions,
    keys,
    consumers,
    expiring_keys,
    connections,
    alerts,
    finding,
    messages,
    bulk,
    lanes,
    trials,
    me,
    users,
    tokens,
    encryption,
    audit,
)
_DESCRIPTION = """Firesteel's REST API: what the console and the command line use.

Every request needs `Authorization: Bearer <token>`, or the session of somebody who is signed in at
the console; a change by a session carries the token of its pages as `X-CSRF-Token`. Errors are
problems (RFC 9457) with a stable `type`. Lists of messages come in pages; `next` is the cursor of
the page after.
"""


def create_api(engine: Engine, publisher: Publisher, accounts: Accounts) -> FastAPI:
    """The application; whoever serves it lets nobody in without a credential."""
    app = FastAPI(
        title="Firesteel",
        version=version("firesteel"),
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.engine = engine
    app.state.publisher = publisher
    app.state.accounts = accounts
    for resource in RESOURCES:
        app.include_router(resource.router, prefix=PREFIX)
    answer_errors(app)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    app.openapi()
    return app
