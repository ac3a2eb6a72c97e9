"""The status routes: the state of a message and its response, for the consumer that sent it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from firesteel.gateway.answers import MessageRef, accepted, document, responded
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.engine.route import Route
    from firesteel.gateway.engine_port import EnginePort
    from firesteel.gateway.refusal import Answer
    from firesteel.gateway.target import MessageTarget
    from firesteel.model.execution import MessageStatus, Response

_POLL_AFTER_S = 1


async def answer_status(
    target: MessageTarget, consumer: str | None, engine: EnginePort, *, request_id: bytes
) -> Answer:
    """The message's state, or its response as the caller would have had it; 202 while there is
    none, 410 when it is no longer kept. Raises CallRefused ``not_found`` for a message that is
    unknown or another consumer's."""
    route = target.trigger.route
    status = await engine.status(target.message_id)
    if status is None or not _may_see(route, consumer, status):
        raise CallRefused(Problem("not_found"))
    response = await engine.response(status.execution_no) if status.state.terminal else None
    message_id = status.message_id.encode()
    url = target.trigger.status_base + message_id
    message = MessageRef(message_id, status.sequence, url, duplicate=False)
    if target.part == "state":
        return document(_state(status, response), request_id, message.headers())
    if response is not None:
        return responded(response, message, request_id)
    if status.state.terminal:
        raise CallRefused(Problem("response_gone"))
    return accepted(message, request_id, b"retry-after: %d\r\n" % _POLL_AFTER_S)


def _may_see(route: Route, consumer: str | None, status: MessageStatus) -> bool:
    """On an open trigger the id is enough, for nobody can guess one."""
    if status.trigger_no != route.trigger_no:
        return False
    return route.open or status.consumer == consumer


def _state(status: MessageStatus, response: Response | None) -> bytes:
    return msgspec.json.encode(
        {
            "id": status.message_id,
            "sequence": status.sequence,
            "state": status.state.value,
            "received_at": _time(status.received_at_us),
            "settled_at": None if status.settled_at_us is None else _time(status.settled_at_us),
            "attempts": status.attempts,
            "response": None
            if response is None
            else {"status": response.status, "headers": _headers(response)},
        }
    )


def _headers(response: Response) -> Mapping[str, str | list[str]]:
    """By name; a list where a name is repeated."""
    named: dict[str, list[str]] = {}
    for name, value in response.headers:
        named.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in named.items()}


def _time(at_us: int) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    seconds, microseconds = divmod(at_us, 1_000_000)
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{microseconds:06d}Z"
