"""Every route of the admin port, as its two applications have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute, iter_route_contexts

from firesteel.admin.api import create_api
from firesteel.admin.console.app import create_console


def all_routes() -> list[tuple[str, str]]:
    """Method and path, with placeholders, of the REST API's and the console's routes."""
    nothing: Any = None
    console: Any = create_console(nothing, nothing, nothing)
    return [*_routes_of(create_api(nothing, nothing, nothing)), *_routes_of(console._app)]


def _routes_of(app: Any) -> Iterator[tuple[str, str]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            for method in context.original_route.methods or ():
                yield method, context.path_format or ""
