"""Calls that are logged when they are answered, where that is wanted: the access log.

A line holds ids, names and figures; no path, query, header or body, which may be anybody's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from firesteel.gateway.caller import HttpCaller
from firesteel.gateway.cross_origin_caller import CrossOriginCaller

if TYPE_CHECKING:
    from firesteel.gateway.app import Gateway
    from firesteel.gateway.cross_origin import CrossOrigin
    from firesteel.gateway.exchange import Exchange
    from firesteel.gateway.refusal import Answer

log = structlog.get_logger(__name__)


class LoggedCaller(HttpCaller):
    """As any other, and told."""

    __slots__ = ("_begun_s",)

    def __init__(self, gateway: Gateway, exchange: Exchange) -> None:
        super().__init__(gateway, exchange)
        self._begun_s = time.monotonic()

    def _answer(self, answer: Answer) -> None:
        super()._answer(answer)
        took_ms = _since_ms(self._begun_s)
        log.info("call_answered", **self.known(), status=answer.status, took_ms=took_ms)

    def gone(self) -> None:
        """The caller has gone."""
        super().gone()
        log.info("caller_gone", **self.known(), took_ms=_since_ms(self._begun_s))


class LoggedCrossOriginCaller(CrossOriginCaller):
    """The same for triggers that web pages may call."""

    __slots__ = ("_begun_s",)

    def __init__(self, gateway: Gateway, exchange: Exchange, cross_origin: CrossOrigin) -> None:
        super().__init__(gateway, exchange, cross_origin)
        self._begun_s = time.monotonic()

    def _answer(self, answer: Answer) -> None:
        super()._answer(answer)
        took_ms = _since_ms(self._begun_s)
        log.info("call_answered", **self.known(), status=answer.status, took_ms=took_ms)

    def gone(self) -> None:
        """The caller has gone."""
        super().gone()
        log.info("caller_gone", **self.known(), took_ms=_since_ms(self._begun_s))


def _since_ms(begun_s: float) -> float:
    return round((time.monotonic() - begun_s) * 1000, 3)
