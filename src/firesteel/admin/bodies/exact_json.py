"""Bodies of the REST API as JSON in which every name stands once.

Python's decoder, which FastAPI reads them with, takes the last of two members of one name. What
stands before this port, or whoever reads a change over, may take the first (RFC 8259, section 4).
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NoReturn

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request

from firesteel.model.execution import InputFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.responses import Response

LOOP_LIMIT_BYTES: Final = 256 * 1024
"""A longer body is read in a thread (P27)."""
_LONGEST_NAME_TOLD: Final = 100


class BodyInvalid(HTTPException):
    """The body is JSON that two readers would understand in two ways."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(400)
        self.faults = (InputFault("", code, detail),)


class JsonRoute(APIRoute):
    """A route of the REST API."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, given a request that reads its body by the rules above."""
        handle = super().get_route_handler()

        async def exactly(request: Request) -> Response:
            return await handle(_ExactRequest(request.scope, request.receive))

        return exactly


class _ExactRequest(Request):
    async def json(self) -> Any:
        """Raises BodyInvalid, JSONDecodeError and ValueError."""
        body = await self.body()
        if len(body) <= LOOP_LIMIT_BYTES:
            return _read(body)
        return await asyncio.to_thread(_read, body)


def _read(body: bytes) -> Any:
    return json.loads(body, object_pairs_hook=_object, parse_constant=_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    ((name, _times),) = Counter(name for name, _ in pairs).most_common(1)
    told = name if len(name) <= _LONGEST_NAME_TOLD else f"{name[:_LONGEST_NAME_TOLD]}..."
    raise BodyInvalid("duplicate_name", f"the name {told} stands twice in one object")


def _constant(name: str) -> NoReturn:
    raise BodyInvalid("malformed", f"{name} is no number of JSON")
