"""Planted defect: a node that is told to stop ends at once, whoever waits for an answer."""

from __future__ import annotations

import os
from typing import Any

from firesteel.node import Node


async def _stop(self: Any) -> None:
    os._exit(0)


Node.stop = _stop  # type: ignore[method-assign]
