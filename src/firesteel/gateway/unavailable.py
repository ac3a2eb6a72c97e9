"""What a node says while its store cannot be opened: 503 to everything, instead of silence.

The sockets outlive the engine, so that callers who come while it starts anew wait in their backlog.
Where the start itself has to wait, for a disk that takes nothing, they are told so (P04).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.gateway.refusal import Answer, problem_answer
from firesteel.gateway.request_id import RequestIds
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from firesteel.gateway.exchange import Exchange

_LIVE: Final = Answer(
    200, b"content-type: application/json\r\ncontent-length: 13\r\n", b'{"live":true}'
)


class Unavailable:
    """Implements ``protocol.Handler``. Nothing of a body is read, and the connection is closed, so
    that the next call finds the engine. ``live_path``: answered 200, for who would end the
    process."""

    def __init__(self, *, live_path: bytes | None = None) -> None:
        self._live_path = live_path
        self._request_ids = RequestIds()

    def take(self, exchange: Exchange) -> None:
        """One request."""
        exchange.keep_alive = False
        if exchange.raw_path == self._live_path:
            exchange.answer(*_LIVE)
        else:
            problem = Problem("store_unavailable")
            exchange.answer(*problem_answer(problem, self._request_ids.new()))
