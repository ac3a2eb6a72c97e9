"""Planted defect: a body is text, as in so many engines, and what is no UTF-8 becomes U+FFFD."""

from __future__ import annotations

from typing import Any

from firesteel.gateway import app

_read_body = app.read_body


async def _as_text(*given: Any) -> bytes:
    body = await _read_body(*given)
    return body.decode("utf-8", "replace").encode()


app.read_body = _as_text
