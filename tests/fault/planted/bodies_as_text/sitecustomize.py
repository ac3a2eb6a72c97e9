"""Planted defect: a body is text, as in so many engines, and what is no UTF-8 becomes U+FFFD."""

from __future__ import annotations

from typing import Any

from firesteel.gateway.caller import HttpCaller

_received = HttpCaller.received


def _as_text(self: Any, body: bytes) -> None:
    _received(self, body.decode("utf-8", "replace").encode())


HttpCaller.received = _as_text  # type: ignore[method-assign]
