"""One call of a trigger that web pages from elsewhere may call, or of a message of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.gateway.caller import HttpCaller
from firesteel.gateway.refusal import Answer

if TYPE_CHECKING:
    from firesteel.gateway.app import Gateway
    from firesteel.gateway.cross_origin import CrossOrigin
    from firesteel.gateway.exchange import Exchange

_ITS_OWN: Final = b"access-control-"


class CrossOriginCaller(HttpCaller):
    """As any other, with what browsers are told on its answer, whatever that is."""

    __slots__ = ("_cross_origin",)
    crosses = True

    def __init__(self, gateway: Gateway, exchange: Exchange, cross_origin: CrossOrigin) -> None:
        super().__init__(gateway, exchange)
        self._cross_origin = cross_origin

    def begin(self) -> None:
        """Answer a browser that asks first; take any other call."""
        answer = self._cross_origin.preflight(self._exchange, self._request_id)
        if answer is None:
            super().begin()
        else:
            self._answers[answer.status // 100] += 1
            self._exchange.answer(*answer)

    def _dressed(self, answer: Answer) -> Answer:
        """What a workflow says of it would stand there twice, and browsers take neither then."""
        lines = answer.headers.splitlines(keepends=True)
        kept = b"".join(line for line in lines if not line.startswith(_ITS_OWN))
        own = self._cross_origin.lines(self._exchange)
        return answer._replace(headers=kept + own)
