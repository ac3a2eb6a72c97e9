"""Planted defect: the address is checked, and then the name is connected to, not the address."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.worker import outgoing

    async def _connect_tcp(self: Any, host: str, port: int, *more: Any, **named: Any) -> Any:
        await self._resolved(host, port)
        return await self._inner.connect_tcp(host, port, *more, **named)

    outgoing.GuardedBackend.connect_tcp = _connect_tcp  # type: ignore[method-assign]
