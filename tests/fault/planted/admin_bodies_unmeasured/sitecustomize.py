"""Planted defect: bodies of the admin port are parsed whatever they hold."""

from __future__ import annotations

from typing import Any

from firesteel.admin import app


async def _unmeasured(_scope: Any, receive: Any) -> Any:
    return receive, None


app.measured = _unmeasured  # type: ignore[assignment]
