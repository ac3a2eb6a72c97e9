"""Planted defect: each commit leaves memory and a descriptor behind."""

from __future__ import annotations

import os
from typing import Any

from firesteel.store.sqlite.writer import Writer

LEFT_BYTES = 512 * 1024

_apply = Writer._apply
_left: list[tuple[bytes, int]] = []


def _leaving(self: Any, commands: list[Any]) -> bool:
    _left.append((b"x" * LEFT_BYTES, os.open(os.devnull, os.O_RDONLY)))
    return _apply(self, commands)


Writer._apply = _leaving  # type: ignore[method-assign]
